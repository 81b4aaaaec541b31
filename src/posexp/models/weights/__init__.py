"""Which model file, from where: a path, the cache, a wheel, its publisher, the npm registry.

Nothing here runs a model, and nothing imports TensorFlow or mediapipe before it needs them.
"""
