"""Tests of `service.web`: no Ray, no network, no browser."""
