"""An S3 bucket as the store of checkpoints, by a server in this process; and what only a bucket can do wrong."""

from __future__ import annotations

import pytest

from tests.contracts.checkpoint_store import CheckpointStoreContract, committed
from tests.support.bucket import buckets, environment, new_bucket
from tests.support.runs import Searches
from tests.unit.runner.driver import Driver
from trainables import CheckpointError
from trainables.checkpoints import object_store
from trainables.checkpoints.checkpoint import read
from trainables.checkpoints.stores import StoreUnavailableError, open_store
from trainables.failpoints import FailpointError, arm


@pytest.fixture(scope="module")
def endpoint():
    with buckets() as endpoint:
        yield endpoint


@pytest.fixture(autouse=True)
def _here(endpoint, monkeypatch):
    for name, value in environment(endpoint).items():
        monkeypatch.setenv(name, value)
    yield
    arm("")


@pytest.fixture
def url(endpoint):
    return f"s3://{new_bucket(endpoint)}/a/prefix"


class TestBucket(CheckpointStoreContract):
    @pytest.fixture
    def root(self, tmp_path):
        return tmp_path / "staging"

    @pytest.fixture
    def store(self, root, url):
        return open_store(url, root)

    def test_nothing_stays_on_the_node(self, store, root, attempt):
        folder = committed(attempt)
        store.publish(folder)
        store.let_go(store.fetch(folder))
        assert [path for path in root.rglob("*") if path.is_file()] == []

    def test_without_its_manifest_it_is_no_checkpoint(self, store, attempt):
        arm("upload.before_manifest=error")
        folder = committed(attempt)
        with pytest.raises(FailpointError):
            store.publish(folder)
        with pytest.raises(CheckpointError):
            read(store.fetch(folder))
        store.remove(folder)
        assert list(store.folders(attempt.parent)) == []

    def test_a_manifest_is_never_replaced(self, store, attempt):
        first = committed(attempt)
        sound = read(first).record
        store.publish(first)
        with pytest.raises(StoreUnavailableError, match="already, must be a new name"):
            store.publish(committed(attempt))
        assert read(store.fetch(first)).manifest["epoch"] == sound.epoch

    def test_the_lost_answer_to_its_manifest_is_no_fault(self, store, attempt):
        folder = committed(attempt)
        arm("upload.after_manifest=1*error")
        with pytest.raises(FailpointError):
            store.publish(folder)
        store.publish(folder)
        assert read(store.fetch(folder))

    def test_a_store_that_does_not_answer_says_so(self, root, attempt, monkeypatch):
        monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
        monkeypatch.setattr(object_store, "_RETRIES", {"max_retries": 0})
        store = open_store("s3://bucket/x", root)
        folder = committed(attempt)
        with pytest.raises(StoreUnavailableError, match=r"s3://bucket/x: got no success with .* must answer"):
            store.publish(folder)
        with pytest.raises(StoreUnavailableError):
            store.fetch(folder)
        with pytest.raises(StoreUnavailableError):
            store.remove(folder)


def test_a_search_keeps_its_checkpoints_in_the_bucket_and_a_new_runner_sweeps_what_has_no_row(tmp_path, url):
    searches = Searches(tmp_path)
    searches.store_url = url
    search = searches.submit("random", trials=2, epochs=3, objective={"scope": "last"})
    driver = Driver(searches.run(search, slots=1))
    run = driver.run
    orphan = run.paths.attempt(7, 1, 1)
    run.store.publish(committed(orphan))
    driver.fill()
    driver.train(0)
    driver.train(0)
    live = {run.paths.absolute(row.path) for row in searches.ledger.checkpoints(search)}
    assert len(live) == 2
    for folder in live:
        run.store.publish(folder)
    again = searches.run(search)
    assert set(again.store.folders(again.paths.root)) == live
    assert again.memos[0].checkpoint.epoch == 2
    searches.ledger.close()
