"""The text of a key: `rung_<8: id>_<43: secret>_<8: checksum>`, and the only form in which one is stored.

The prefix is for scanners of leaked secrets; the id is for lookup and logs; the checksum tells a typing error, and most
guesses, from a key without asking the ledger. The secret has 256 random bits, so a plain SHA-256 hides it as well as a
slow hash would: there is nothing to guess from.
"""

from __future__ import annotations

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass, field

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
"""Of ids: Crockford's, without letters that are read for others; without an o, so that no id is `operator`."""

_ID_LENGTH = 8
_SECRET_BYTES = 32
_FORM = re.compile(r"(rung_([0-9a-hjkmnp-tv-z]{8})_[A-Za-z0-9_-]{43})_([0-9a-f]{8})", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Secret:
    """A key as its holder has it.

    Attributes:
        id: 8 lower-case letters and digits; no secret.
        text: the whole key; never logged, never stored, and not in this object's repr.
    """

    id: str
    text: str = field(repr=False)

    @classmethod
    def make(cls) -> Secret:
        """A new one from the system's randomness."""
        made = "".join(secrets.choice(_ALPHABET) for _ in range(_ID_LENGTH))
        body = f"rung_{made}_{secrets.token_urlsafe(_SECRET_BYTES)}"
        return cls(id=made, text=f"{body}_{_checksum(body)}")

    @classmethod
    def parse(cls, text: str) -> Secret | None:
        """The key that this text is; None if it is none, or was mistyped."""
        found = _FORM.fullmatch(text)
        if found is None or _checksum(found[1]) != found[3]:
            return None
        return cls(id=found[2], text=text)


def digest(text: str) -> str:
    """What is stored of a secret: its SHA-256, hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
