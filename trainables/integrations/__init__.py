"""Curves and pictures of trials in other people's tools, by those tools' own libraries; a search asks for each by name.

Rank 0 of a gang writes them at the end of an epoch. None of it is read by Rung, and none of it can stop a trial.
"""
