"""Each figure in the docs has its script here; `make bench` runs them. A script prints its machine with its figures."""
