"""The door to one service: submits and finds searches, lists what it can train and how it can search."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Literal, Self
from urllib.parse import quote

import httpx2

from service.client.admin import Admin
from service.client.http import Http
from service.client.search import Search
from service.client.specs import Spec, read_spec
from service.schemas import AlgorithmView, BulkView, Health, SearchPage, SearchView, TrainableView, ValidationView
from service.settings import Settings


class Client:
    """One service. A context manager; safe to share between threads.

    Args:
        url: where the service is; default: the settings' (`RUNG_URL`, else http://127.0.0.1:8000).
        token: the bearer token; default: the settings' (`RUNG_TOKEN`, else the file that `rung up` made).
        retry_s: seconds for which a failing connection, or a service that says 503, is tried again.
        transport: instead of the network, in tests.

    Raises:
        ValueError: `url` is not an http or https URL.
        ConfigurationError: the settings cannot be read.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        retry_s: float = 30.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        settings = Settings.from_env()
        self._http = Http(url or settings.api_url, token or settings.read_token(), retry_s=retry_s, transport=transport)

    @property
    def url(self) -> str:
        """Where the service is."""
        return self._http.url

    @property
    def admin(self) -> Admin:
        """What needs a key with the scope `admin`: keys, projects, the audit log."""
        return Admin(self._http)

    def submit(self, spec: Spec, *, idempotency_key: str | None = None, project: str | None = None) -> Search:
        """Submits a search; it is durable when this returns.

        Args:
            spec: a mapping, or the path of a JSON or YAML file.
            idempotency_key: the same key and spec give the same search, however often sent; default: a new one, so
                that this call's own retries cannot submit twice.
            project: whose it is; default: that of the key, or `default` where that is bound to none.

        Raises:
            ApiError: with one fault for each field that is wrong.
            Unreachable: the service does not answer; it may or may not have the search: submit with the same key.
        """
        headers = {"Idempotency-Key": idempotency_key or str(uuid.uuid4())}
        query = "" if project is None else f"?project={quote(project, safe='')}"
        return self._search(self._http.post(f"/v1/searches{query}", read_spec(spec), headers))

    def validate(self, spec: Spec) -> ValidationView:
        """What would run; nothing is stored. Raises as `submit`."""
        return ValidationView.model_validate(self._http.post("/v1/searches:validate", read_spec(spec)))

    def search(self, search_id: str) -> Search:
        """The search with this id.

        Raises:
            ApiError: 404 where there is none.
        """
        return self._search(self._http.get(f"/v1/searches/{quote(search_id, safe='')}"))

    def searches(
        self, *, state: str | None = None, name: str | None = None, project: str | None = None, limit: int = 50
    ) -> Iterator[Search]:
        """All searches that the key sees, newest first, over all pages.

        Args:
            state: only those in this state.
            name: only those of this name.
            project: only those of this project.
            limit: searches asked for at once.
        """
        cursor = None
        while True:
            params = {"project": project, "state": state, "name": name, "limit": limit, "cursor": cursor}
            page = SearchPage.model_validate(self._http.get("/v1/searches", params))
            yield from (Search(self._http, view) for view in page.items)
            cursor = page.next_cursor
            if cursor is None:
                return

    def ask_all(
        self,
        verb: Literal["stop", "cancel", "pause", "resume"],
        *,
        state: str | None = None,
        tag: str | None = None,
        name: str | None = None,
        all: bool = False,
        dry_run: bool = False,
    ) -> BulkView:
        """Asks something of every search that fits all filters given; ended ones never are meant.

        Args:
            verb: what is asked.
            state: only those in this state.
            tag: only those with this `key`, or `key=value`.
            name: only those of this name.
            all: every search, instead of a filter.
            dry_run: only count them.

        Raises:
            ApiError: 422 without any filter.
        """
        given = {"state": state, "tag": tag, "name": name}
        body = {key: value for key, value in given.items() if value is not None} | {"all": all, "dry_run": dry_run}
        return BulkView.model_validate(self._http.post(f"/v1/searches:{verb}", body))

    def trainables(self) -> list[TrainableView]:
        """What can be trained."""
        return [TrainableView.model_validate(item) for item in self._http.get("/v1/trainables")]

    def algorithms(self) -> list[AlgorithmView]:
        """How it can be searched, with every option."""
        return [AlgorithmView.model_validate(item) for item in self._http.get("/v1/algorithms")]

    def health(self) -> Health:
        """Whether the service lives."""
        return Health.model_validate(self._http.get("/healthz"))

    def ready(self) -> Health:
        """Whether it can take searches: ledger, store and coordinator answer.

        Raises:
            ApiError: 503 naming what does not.
        """
        return Health.model_validate(self._http.get("/readyz"))

    def close(self) -> None:
        """Closes the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    def _search(self, answer: Any) -> Search:
        return Search(self._http, SearchView.model_validate(answer))
