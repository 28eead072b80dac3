"""What holds for all tests."""

from hypothesis import settings

# Property tests are about what comes out. How long one example takes says more about what else the machine does.
settings.register_profile("rung", deadline=None)
settings.load_profile("rung")
