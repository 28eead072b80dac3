"""Every error that Rung raises on purpose, and what each becomes over HTTP. No handling lives here.

RungError
├── InvalidInput          422  the request is understood and refused, with a path for each fault
│   ├── MalformedBody     400  the body is not JSON or YAML at all
│   └── IdempotencyMismatch 422  an Idempotency-Key came back with another body
├── BodyTooSlow           408
├── BodyTooLarge          413
├── UnsupportedMediaType  415
├── Unauthenticated       401
├── Forbidden             403  a host or origin that is not ours
│   └── ScopeMissing      403  the key may not do this
├── NotFound              404
├── Conflict              409  legal request, wrong moment
│   ├── IllegalTransition 409  the state diagram has no such edge
│   └── AlreadyReported   409  this epoch was reported before
├── PreconditionFailed    412  If-Match names another version than the present one
├── TooManyRequests       429  a key asks too often, or an address guesses keys
├── TooManyStreams        503  the cap on open event streams is reached
├── LedgerUnavailable     503  the database does not answer
│   └── LedgerFull        507  its disk is full
├── StoreUnavailable      503  the checkpoint store does not answer
├── ClusterUnavailable    503  Ray does not answer
├── Fenced                500  a writer whose lease was taken over; it must stop, and never reaches a client
└── ConfigurationError    500  the operator's settings contradict each other; the service does not start

A message has the form *name, got, must, way out*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, kw_only=True, slots=True)
class FieldFault:
    """One fault of one field. `path` is dotted from the top of the body, e.g. `space.lr.low`."""

    path: str
    message: str

    def to_dict(self) -> dict[str, str]:
        """The shape inside `errors` of a problem document."""
        return {"path": self.path, "message": self.message}


class RungError(Exception):
    """Base of all errors raised on purpose; carries its HTTP face.

    Attributes:
        status: the HTTP status that a client sees.
        title: the same short sentence for every error of the type.
    """

    status: ClassVar[int] = 500
    title: ClassVar[str] = "Internal error"

    def __init__(self, detail: str, *, faults: Sequence[FieldFault] = (), retry_after_s: int | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.faults = tuple(faults)
        self.retry_after_s = retry_after_s

    def to_problem(self) -> dict[str, Any]:
        """The `application/problem+json` document of this error (RFC 9457)."""
        kind = type(self).__name__
        return {
            "type": f"urn:rung:problem:{kind}",
            "title": self.title,
            "status": self.status,
            "detail": self.detail,
            "errors": [fault.to_dict() for fault in self.faults],
        }


class InvalidInput(RungError):
    """The request is understood and refused; nothing was stored."""

    status = 422
    title = "The request is not valid"

    @classmethod
    def of(cls, *faults: FieldFault) -> InvalidInput:
        """An error whose detail is its first fault, counting the others."""
        first = faults[0]
        more = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
        return cls(f"{first.path}: {first.message}{more}", faults=faults)


class MalformedBody(InvalidInput):
    """The body cannot be read as JSON or YAML."""

    status = 400
    title = "The body cannot be read"


class IdempotencyMismatch(InvalidInput):
    """An `Idempotency-Key` was used before, with another request."""

    title = "The idempotency key belongs to another request"


class BodyTooSlow(RungError):
    """The body did not arrive in time."""

    status = 408
    title = "The body took too long"


class BodyTooLarge(RungError):
    """The body is larger than a spec can need."""

    status = 413
    title = "The body is too large"


class UnsupportedMediaType(RungError):
    """The body is neither JSON nor YAML by its content type."""

    status = 415
    title = "The content type is not supported"


class Unauthenticated(RungError):
    """No key or token, or none that is valid: unknown, mistyped, expired or revoked."""

    status = 401
    title = "A valid bearer token is required"


class Forbidden(RungError):
    """The request names a host, or comes from an origin, that is not this service's."""

    status = 403
    title = "The host or origin is not allowed"


class ScopeMissing(Forbidden):
    """The key is valid, and lacks the scope that this route needs."""

    title = "The key may not do this"


class TooManyRequests(RungError):
    """More requests than are served to one key, or more wrong keys than are looked at from one address."""

    status = 429
    title = "Too many requests"


class NotFound(RungError):
    """No such search, trial, checkpoint or file."""

    status = 404
    title = "Not found"


class Conflict(RungError):
    """A legal request at the wrong moment."""

    status = 409
    title = "The request conflicts with the present state"


class IllegalTransition(Conflict):
    """The state diagram has no edge from the present state to the wanted one."""

    title = "The state does not allow this"


class AlreadyReported(Conflict):
    """The ledger has this epoch already; a report counts once."""

    title = "The epoch was reported before"


class PreconditionFailed(RungError):
    """Somebody changed it since the client read it."""

    status = 412
    title = "It was changed meanwhile"


class TooManyStreams(RungError):
    """All event streams that this service keeps open at once are taken."""

    status = 503
    title = "Too many event streams are open"


class LedgerUnavailable(RungError):
    """The database does not answer."""

    status = 503
    title = "The ledger does not answer"


class LedgerFull(LedgerUnavailable):
    """The disk of the database is full: it can be read, and written again when there is room."""

    status = 507
    title = "The ledger's disk is full"


class StoreUnavailable(RungError):
    """The checkpoint store does not answer."""

    status = 503
    title = "The checkpoint store does not answer"


class ClusterUnavailable(RungError):
    """The Ray cluster, or the coordinator in it, does not answer."""

    status = 503
    title = "The cluster does not answer"


class Fenced(RungError):
    """Another writer holds the lease with a higher epoch; the one who sees this must write nothing more and stop."""

    title = "The lease was taken over"


class ConfigurationError(RungError):
    """The operator's settings cannot be used as they stand."""

    title = "The settings cannot be used"
