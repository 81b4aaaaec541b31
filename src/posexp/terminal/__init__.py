"""The command line: what can be typed, what is done then, and what is printed.

`parser`, `usage`, `streams` and `entry` are light, for ``--help``; `commands` brings all the rest,
in one import, and `upkeep` little. Nothing but programs imports this: ``posexp``, the benchmark.
"""
