"""One pair of ranks for the whole area: starting a second process costs seconds."""

from __future__ import annotations

import pytest

from tests.support.ranks import Pair


@pytest.fixture(scope="package")
def pair():
    pair = Pair()
    yield pair
    pair.close()
