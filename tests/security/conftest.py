"""The application of the API's unit tests, with all that they have."""

from tests.unit.api.conftest import empty, ended, key_of, recorded, searches, service

__all__ = ["empty", "ended", "key_of", "recorded", "searches", "service"]
