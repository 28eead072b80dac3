"""HTTP with patience: requests, downloads and event streams that outlive a restarting service. No searches here.

Whatever is sent may be sent twice: reads by nature, stop, pause and changes because they only ask for a state, and what
adds something because it carries an Idempotency-Key. So every request is repeated while the connection fails or the
service says 503.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx2

from service.client.errors import ApiError, ClientError, Unreachable

T = TypeVar("T")

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 2.0
_STREAM_SILENCE_S = 60.0


class Patience:
    """How long failures are borne: pauses that double, until the first failure since the last success is too old.

    Args:
        limit_s: seconds of failure after which the last one is raised.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self.renew()

    def renew(self) -> None:
        """Forgets the failures so far."""
        self._deadline: float | None = None
        self._pause_s = _FIRST_PAUSE_S

    def bear(self, failure: ClientError) -> None:
        """Sleeps before the next try, or raises `failure` where that would pass the deadline."""
        pause_s = self._pause_s
        if isinstance(failure, ApiError):
            if not failure.is_passing:
                raise failure from None
            pause_s = failure.retry_after_s or pause_s
        now = time.monotonic()
        self._deadline = self._deadline or now + self._limit_s
        if now + pause_s > self._deadline:
            raise failure from None
        time.sleep(pause_s)
        self._pause_s = min(self._pause_s * 2, _LONGEST_PAUSE_S)


class Http:
    """One service, by its URL and token.

    Args:
        url: e.g. `http://127.0.0.1:8000`.
        token: the bearer token; None sends none.
        retry_s: seconds for which failures that may pass are borne.
        timeout_s: seconds that one answer may take to begin.
        transport: instead of the network, in tests.

    Raises:
        ValueError: `url` is not an http or https URL.
    """

    def __init__(
        self,
        url: str,
        token: str | None,
        *,
        retry_s: float = 30.0,
        timeout_s: float = 30.0,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError(f"url: got {url!r}, must begin with http:// or https://; e.g. http://127.0.0.1:8000")
        self.url = url.rstrip("/")
        self.retry_s = retry_s
        self._timeout_s = timeout_s
        self._client = httpx2.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {token}"} if token else {},
            timeout=timeout_s,
            transport=transport,
            # A proxy from the environment must not see what is said to this machine, and cannot reach it either.
            trust_env=parts.hostname not in ("127.0.0.1", "localhost", "::1"),
        )

    def close(self) -> None:
        """Closes the connections; what is read afterwards opens new ones no more."""
        self._client.close()

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, timeout_s: float | None = None) -> Any:
        """The JSON of an answer; parameters that are None are left out.

        Args:
            timeout_s: seconds that the answer may take to begin; None: as for any other.

        Raises:
            ApiError: the service refuses.
            Unreachable: it does not answer.
        """
        given = {name: value for name, value in (params or {}).items() if value is not None}
        return self._json("GET", path, params=given, timeout=timeout_s or self._timeout_s)

    def post(self, path: str, body: Any = None, headers: Mapping[str, str] | None = None) -> Any:
        """Sends JSON and returns the JSON of the answer; raises as `get`."""
        return self._json("POST", path, json=body, headers=dict(headers or {}))

    def patch(self, path: str, body: Any, headers: Mapping[str, str] | None = None) -> Any:
        """Sends a JSON merge patch and returns the JSON of the answer; raises as `get`."""
        return self._json("PATCH", path, json=body, headers=dict(headers or {}))

    def delete(self, path: str) -> Any:
        """Asks that something ends and returns the JSON of the answer; raises as `get`."""
        return self._json("DELETE", path)

    def download(self, path: str, file: Path) -> None:
        """Writes the body of an answer to `file`, anew after a broken connection; raises as `get`."""

        def once() -> None:
            with self._client.stream("GET", path) as response, file.open("wb") as sink:
                _refuse(response)
                for chunk in response.iter_bytes():
                    sink.write(chunk)

        self._patiently(once)

    def events(self, path: str, last_event_id: int, opened: Callable[[], None]) -> Iterator[httpx2.ServerSentEvent]:
        """One connection's server-sent events after `last_event_id`, until the service closes it.

        Args:
            opened: called once the service has accepted the connection; the first event may be long in coming.

        Raises:
            ApiError: the service refuses.
            Unreachable: it does not answer, or the connection broke; nothing is repeated here.
        """
        headers = {"Last-Event-ID": str(last_event_id)}
        timeout = httpx2.Timeout(self._timeout_s, read=_STREAM_SILENCE_S)
        try:
            with self._client.sse(path, headers=headers, timeout=timeout) as source, closing(source.response):
                _refuse(source.response)
                opened()
                yield from source
        except httpx2.TransportError as error:
            raise Unreachable(self.url, _cause(error)) from error

    def _json(self, method: str, path: str, **options: Any) -> Any:
        def once() -> Any:
            response = self._client.request(method, path, **options)
            _refuse(response)
            return response.json()

        return self._patiently(once)

    def _patiently(self, call: Callable[[], T]) -> T:
        patience = Patience(self.retry_s)
        while True:
            try:
                return call()
            except httpx2.TransportError as error:
                patience.bear(Unreachable(self.url, _cause(error)))
            except ApiError as error:
                patience.bear(error)


def _refuse(response: httpx2.Response) -> None:
    if not response.is_success:
        response.read()
        raise ApiError.of(response)


def _cause(error: Exception) -> str:
    return str(error) or type(error).__name__
