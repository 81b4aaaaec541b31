"""Pixels in and out: frames at their own times, upright and with square pixels; H.264 for browsers.

What a file claims is not believed (`containers`). Nothing here knows what a pose is.
"""
