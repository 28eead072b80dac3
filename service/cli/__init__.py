"""The command line `rung`: the cluster on this machine, and searches anywhere. HTTP and processes; no Ray, no torch."""

from service.cli.app import main

__all__ = ["main"]
