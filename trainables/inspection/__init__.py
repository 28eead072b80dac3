"""A trainable looked at before it is searched over: its layers, and how many samples fit into memory at once.

Programs of processes of their own, for people who have neither torch nor a service at hand: each asks and answers in
JSON lines (`conversation`). `summary` tells layers, `probe` takes steps (`steps`) of any size that it is asked for.
"""
