"""Contracts: tests that every implementation of an interface passes, run by a small class per implementation."""

import pytest

pytest.register_assert_rewrite(
    "tests.contracts.store",
    "tests.contracts.store_columns",
    "tests.contracts.store_leases",
    "tests.contracts.store_machine",
    "tests.contracts.store_processes",
    "tests.contracts.store_reads",
    "tests.contracts.store_results",
    "tests.contracts.store_searches",
    "tests.contracts.store_trials",
)
