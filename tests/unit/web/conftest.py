"""Searches on pretended gangs, as figures see them."""

from __future__ import annotations

import pytest

from service.web import Source
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver


@pytest.fixture(scope="session")
def searches(tmp_path_factory):
    """A ledger for all tests of figures, which only read."""
    searches = Searches(tmp_path_factory.mktemp("web"))
    yield searches
    searches.ledger.close()


@pytest.fixture(scope="session")
def ended(searches):
    """An ASHA search that has run to its end, as a source; make another one of its search for what is cached."""
    search = searches.submit("asha", trials=24, epochs=9)
    Driver(searches.run(search, slots=4)).to_the_end()
    return Source(searches.ledger, searches.ledger.search(search))


@pytest.fixture(scope="session")
def fresh(searches):
    """A search that has not begun."""
    return Source(searches.ledger, searches.ledger.search(searches.submit("asha")))
