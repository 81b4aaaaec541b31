"""The command line: what can be typed, what is done then, and what is printed.

`parser`, `usage` and `streams` are light, for ``--help``; `commands` brings all the rest, in one
import. Nothing imports this but the programs, ``python -m posexp`` and ``posexp.benchmark``.
"""
