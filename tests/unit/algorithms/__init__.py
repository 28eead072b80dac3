"""Tests of the decisions: pure, without Ray, clock or database."""
