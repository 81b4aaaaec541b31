"""From a scene to a clip: a figure that rises, a sphere tracer, film; and where its joints are.

It needs numba, which nothing else does, and knows no variant and no catalogue.
"""
