"""Tests of trainables without Ray."""
