"""The tests: unit, integration, acceptance, guards, contracts; what they share is in support."""
