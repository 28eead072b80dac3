"""The routes, one file for each noun. A route reads its input, calls one thing, and makes the answer."""
