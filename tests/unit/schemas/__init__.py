"""Unit tests of service/schemas."""
