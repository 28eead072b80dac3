"""The proof that nothing is lost: faults struck in the middle of transitions, and what must hold afterwards.

`pure` is the layer without Ray: coordinator and runners over a real SQLite ledger, with a fake cluster and a fake
clock. What reads a ledger and finds violations is in `invariants`, and serves both layers.
"""
