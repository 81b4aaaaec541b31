"""The embedded clip: a rendered figure that rises from a chair, with its exact joints.

``python -m posexp.benchmark.rendering FOLDER`` makes it; it needs numba, which nothing else does.
"""
