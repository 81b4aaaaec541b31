"""Movement: poses made clean, and the angles and events that a study of movement asks for.

Plain functions from a sequence of poses to another one, or to a table. Nothing here reads or
writes files, and nothing is drawn.
"""
