"""Who asks: from the text of a key or of a session's cookie to a principal. What it may do is in `scopes`.

A cookie is `<random>.<signature>`. The ledger knows the hash of the random part, so that logging out, and revoking the
key, end it here and at once; the signature, whose key is made from the operator's token, refuses a made-up one without
asking the ledger, and a new token ends every session.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from service.access import OPERATOR, THE_OPERATOR, Principal, Secret, digest
from service.errors import LedgerUnavailable, Unauthenticated
from service.models import Key
from service.store import Ledger

_WAY_OUT = "must be `Bearer <key>`; `rung up` made the operator's token in its home, `rung keys create` makes keys"


@dataclass(frozen=True, kw_only=True, slots=True)
class Login:
    """A session that was just opened, or is in use.

    Attributes:
        cookie: its text; a secret.
        csrf: what a write by this cookie must carry in its header `X-Rung-CSRF`.
        expires_at: when it ends by itself.
    """

    cookie: str
    csrf: str
    expires_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Caller:
    """A principal, and how it proved who it is: `login` is None for one that sent its key."""

    principal: Principal
    login: Login | None = None


class Authenticator:
    """Knows the operator's token, and asks the ledger for keys and sessions. Its calls block."""

    def __init__(self, ledger: Ledger, token: str, lifetime: timedelta) -> None:
        """Args:
        ledger: where keys and sessions are.
        token: the operator's; not empty.
        lifetime: of a session.
        """
        if not token:
            raise ValueError("token: got an empty one, must be a secret; run `rung up`, or set RUNG_TOKEN")
        self._ledger = ledger
        self._token = token.encode()
        self._lifetime = lifetime
        self._signing = hmac.digest(self._token, b"rung session", "sha256")

    def by_key(self, text: str) -> Caller:
        """Who holds this key or token.

        Raises:
            Unauthenticated: nobody, or no longer.
            LedgerUnavailable: the ledger does not answer; the operator's token needs none.
        """
        if hmac.compare_digest(text.encode(), self._token):
            return Caller(principal=THE_OPERATOR)
        secret = Secret.parse(text)
        key = None if secret is None else self._ledger.key(secret.id)
        if key is None or not hmac.compare_digest(key.sha256, digest(text)):
            raise Unauthenticated(f"Authorization: got a key that is not valid, {_WAY_OUT}")
        self._require_living(key)
        with suppress(LedgerUnavailable):  # a ledger that can be read but not written still serves reads
            self._ledger.note_use(key)
        return Caller(principal=_principal(key))

    def by_cookie(self, cookie: str) -> Caller:
        """Whose session this is.

        Raises:
            Unauthenticated: nobody's, or no longer.
            LedgerUnavailable: the ledger does not answer.
        """
        random, _, signature = cookie.partition(".")
        if not hmac.compare_digest(signature.encode(), self._sign("cookie", random).encode()):
            raise Unauthenticated("Cookie: got a session that is not valid, must be one of this service; log in again")
        session = self._ledger.session(digest(random))
        if session is None:
            raise Unauthenticated("Cookie: got a session that has ended, must be open; log in again")
        login = self._login(random, session.expires_at)
        if session.key == OPERATOR:
            return Caller(principal=THE_OPERATOR, login=login)
        key = self._ledger.key(session.key)
        if key is None:
            raise Unauthenticated("Cookie: got a session without its key, must have one; log in again")
        self._require_living(key)
        return Caller(principal=_principal(key), login=login)

    def log_in(self, principal: Principal) -> Login:
        """Opens a session for who has just sent the key."""
        random = secrets.token_urlsafe(32)
        return self._login(random, self._ledger.open_session(digest(random), principal.id, self._lifetime).expires_at)

    def log_out(self, login: Login) -> None:
        """Ends a session."""
        self._ledger.close_session(digest(login.cookie.partition(".")[0]))

    def _login(self, random: str, expires_at: datetime) -> Login:
        cookie = f"{random}.{self._sign('cookie', random)}"
        return Login(cookie=cookie, csrf=self._sign("csrf", random), expires_at=expires_at)

    def _sign(self, purpose: str, random: str) -> str:
        return hmac.new(self._signing, f"{purpose} {random}".encode(), hashlib.sha256).hexdigest()

    def _require_living(self, key: Key) -> None:
        if key.revoked_at is not None:
            raise Unauthenticated(f"Authorization: got key {key.id}, which was revoked, {_WAY_OUT}")
        if key.expires_at is not None and key.expires_at <= datetime.now(UTC):
            raise Unauthenticated(f"Authorization: got key {key.id}, which has expired, {_WAY_OUT}")


def _principal(key: Key) -> Principal:
    return Principal(id=key.id, project=key.project, scopes=key.scopes)
