"""Rung's service: everything between a POSTed search and the best trial's checkpoint.

Read downwards, as the imports point: `cli -> api | client -> coordinator -> runner -> algorithms | store -> schemas ->
models -> states -> errors | settings`. What is trained lives in `trainables`, what may vary in `search_spaces`.
"""

__version__ = "0.1.0"
