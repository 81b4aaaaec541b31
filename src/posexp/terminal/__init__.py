"""The command line: what can be typed, what is done then, and what is printed.

`parser`, `usage`, `streams` and `entry` are light, for ``--help``; `commands`, `logged` and
`upkeep` are loaded when one of their commands was typed. Only programs import from here.
"""
