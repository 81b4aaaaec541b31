"""The command line: what can be typed, what is done then, and what is printed.

All is light, for ``--help``, but `commands`, `logged` and `upkeep`, which are loaded when one of
their commands was typed, with `summaries`. Only programs import from here.
"""
