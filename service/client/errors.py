"""What the client raises. The service's own errors arrive here as `ApiError`; no retry is decided here.

ClientError
├── ApiError        the service answered and refused: status, title, detail and one fault for each field
├── Unreachable     the service did not answer in time, or the connection broke
└── BrokenDownload  a checkpoint arrived that is not what its manifest says (`service.client.download`)
"""

from __future__ import annotations

from collections.abc import Sequence

import httpx2

from service.errors import FieldFault

_PASSING = frozenset({429, 502, 503, 504})


class ClientError(Exception):
    """Base of everything the client raises on purpose; the message is for people."""


class ApiError(ClientError):
    """The service refused a request (RFC 9457).

    Attributes:
        status: the HTTP status.
        title: the same short sentence for every error of the kind.
        detail: what was wrong this time.
        faults: one for each field that is wrong; empty where no field is to blame.
        retry_after_s: seconds after which the service wants to be asked again; None if it named none.
        is_problem: whether the service itself answered; else something between here and there did.
    """

    def __init__(
        self,
        status: int,
        title: str,
        detail: str,
        faults: Sequence[FieldFault] = (),
        retry_after_s: float | None = None,
        *,
        is_problem: bool = True,
    ) -> None:
        self.status = status
        self.title = title
        self.detail = detail
        self.faults = tuple(faults)
        self.retry_after_s = retry_after_s
        self.is_problem = is_problem
        super().__init__(self._text())

    @property
    def is_passing(self) -> bool:
        """Whether the same request may well succeed later.

        A 409 is passing only with Retry-After: the first request with this Idempotency-Key is still in flight. A 500
        is passing where it is not the service's: Ray Serve's proxy answers so when a replica dies under a request.
        """
        return (
            self.status in _PASSING
            or (self.status == 409 and self.retry_after_s is not None)
            or (self.status == 500 and not self.is_problem)
        )

    @classmethod
    def of(cls, response: httpx2.Response) -> ApiError:
        """Reads a refusal whose body is loaded; one that is no problem document is told by its status and text."""
        retry_after = response.headers.get("Retry-After", "")
        retry_after_s = float(retry_after) if retry_after.isdigit() else None
        try:
            problem = response.json()
            faults = [FieldFault(path=fault["path"], message=fault["message"]) for fault in problem.get("errors", ())]
            return cls(response.status_code, problem["title"], problem.get("detail", ""), faults, retry_after_s)
        except (ValueError, KeyError, TypeError, AttributeError):
            text = response.text.strip()[:200] or "the answer has no text"
            return cls(
                response.status_code, response.reason_phrase or "Refused", text, (), retry_after_s, is_problem=False
            )

    def _text(self) -> str:
        if self.faults:
            return "\n".join(f"{fault.path}: {fault.message}" for fault in self.faults)
        return f"{self.title} ({self.status}): {self.detail}" if self.detail else f"{self.title} ({self.status})"


class Unreachable(ClientError):
    """The service did not answer, within the client's patience.

    Attributes:
        url: where it was looked for.
    """

    def __init__(self, url: str, cause: str) -> None:
        super().__init__(f"{url}: the service does not answer ({cause}); start it with `rung up`, or set RUNG_URL")
        self.url = url
