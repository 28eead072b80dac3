"""The ledger: SQLite by its contract, and each module where it can be tried alone."""
