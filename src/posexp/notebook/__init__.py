"""The notebook's door: widgets, the player in JavaScript, and ``%posexp``.

Layout and traits only: what is shown comes from `posexp.store` and `posexp.measure`.
"""
