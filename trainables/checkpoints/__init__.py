"""Checkpoints on disk: the folder that vouches for itself, and weights as a file without pickle. Knows no Ray."""
