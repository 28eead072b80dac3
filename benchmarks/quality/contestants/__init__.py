"""Who competes. Peers decide with their own code, which no other part of the project imports."""

from benchmarks.quality.contestants.contestant import OURS, PEERS, Contestant, contestant
from benchmarks.quality.contestants.peer import Problem

__all__ = ["OURS", "PEERS", "Contestant", "Problem", "contestant"]
