"""Which searches run, with how many slots, and under whose lease. How one search runs is the runner's.

Read `actor` (the process), `tick` (one look at the ledger and what follows), `allowance` (fair share), `cluster` (Ray).
"""

from service.coordinator.actor import Coordinator, start_coordinator
from service.coordinator.allowance import Claim, Node, capacity
from service.coordinator.cluster import nodes

__all__ = ["Claim", "Coordinator", "Node", "capacity", "nodes", "start_coordinator"]
