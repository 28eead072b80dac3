"""The contract of `service.store.Ledger`: what holds on SQLite and PostgreSQL alike.

A database joins by subclassing `StoreContract` and giving a fixture `url` of an empty database per test.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.store import Ledger
from tests.contracts.store_access import AccessContract
from tests.contracts.store_columns import ColumnsContract
from tests.contracts.store_leases import LeasesContract
from tests.contracts.store_machine import MachineContract
from tests.contracts.store_processes import ProcessesContract
from tests.contracts.store_reads import ReadsContract
from tests.contracts.store_results import ResultsContract
from tests.contracts.store_searches import SearchesContract
from tests.contracts.store_trials import TrialsContract
from tests.contracts.store_wishes import WishesContract


class StoreContract(
    SearchesContract,
    TrialsContract,
    ResultsContract,
    ReadsContract,
    ColumnsContract,
    LeasesContract,
    MachineContract,
    ProcessesContract,
    WishesContract,
    AccessContract,
):
    @pytest.fixture
    def ledger(self, url: str) -> Iterator[Ledger]:
        ledger = Ledger.open(url)
        yield ledger
        ledger.close()
