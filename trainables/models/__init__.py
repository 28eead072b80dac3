"""The built-in trainables, one a file: each is a readable example with its own space."""
