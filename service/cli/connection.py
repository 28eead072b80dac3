"""The client as the commands use it: quick to give up where a person waits, patient where a search is followed."""

from __future__ import annotations

from service.client import Client

QUICK_S = 3.0
"""Seconds that a single question is repeated."""

PATIENT_S = 90.0
"""Seconds that a followed search may be out of reach, e.g. while the service restarts."""


def connect(retry_s: float = QUICK_S) -> Client:
    """A client of the service that the settings name."""
    return Client(retry_s=retry_s)
