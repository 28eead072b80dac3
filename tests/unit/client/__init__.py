"""Tests of the Python client, against a double of the service behind httpx2.MockTransport."""
