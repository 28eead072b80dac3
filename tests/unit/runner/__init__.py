"""Unit tests of service/runner."""
