"""Tests of the command line, against the same double as the client; no Ray, no network."""
