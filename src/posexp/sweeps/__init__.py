"""Many runs: which videos, which of them are done, and the processes that do the others.

`batch` is the door for users. A process of a sweep may die; nothing here does a run itself.
"""
