"""Numbers about poses: of one sequence by itself, against ground truth, between runs.

Functions of sequences that give arrays and tables; nothing is drawn, written or logged here.
"""
