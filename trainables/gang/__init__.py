"""The processes that train one trial: the gang as Ray Tune sees it, its ranks, and how they stay in step.

What they compute is in `trainables.training`, what they save in `trainables.checkpoints`. This is the only part of
`trainables` that knows Ray.
"""
