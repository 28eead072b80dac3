"""Coordinator and runners without Ray: a real ledger, a fake cluster, a fake clock, and a fault at any statement."""
