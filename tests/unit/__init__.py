"""No Ray, no network: pure rules, and the ledger on a file of its own."""
