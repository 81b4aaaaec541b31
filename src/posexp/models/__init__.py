"""The models: frames in, the pose of one person per frame out; and the registry that finds them.

A model is one class (`model.Model`), here or in somebody else's package. What it runs on is
imported when it is loaded, by one module for each library. Nothing here draws, measures or logs.
"""
