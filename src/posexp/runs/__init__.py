"""One run: a video goes through a model once, and what comes out is written down and logged.

`run` is the door for users, `job` what is to be done, `performance` the doing, `delivery` the way
of the results, `recovery` what is left of a process that died. Nothing here knows of sweeps.
"""
