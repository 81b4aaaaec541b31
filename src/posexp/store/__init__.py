"""Where runs are kept: MLflow, and the folder of results that are on their way to it.

`archive` is the door: it is opened once and handed down. Only this folder knows MLflow, and
nothing in it knows videos or models.
"""
