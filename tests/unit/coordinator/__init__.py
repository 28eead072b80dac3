"""Unit tests of service/coordinator."""
