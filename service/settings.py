"""Every setting of Rung: one `RUNG_*` environment variable each, described here and nowhere else.

The cluster's processes inherit the environment that `rung up` (or `ray start`) ran with, so one place sets them all.
Nothing here reads a file but the token; nothing here is changed while a process lives.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from service.errors import ConfigurationError

NAMESPACE = "rung"
"""The Ray namespace of all of Rung's actors."""

COORDINATOR = "coordinator"
"""Name of the coordinator actor and of its lease."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """What the operator may set. The variable of a field is `RUNG_` and its name in capitals."""

    home: Path = Path("~/.rung")
    """Folder of the ledger (SQLite), the checkpoints, the token and the cluster's pid file; made with mode 0700."""
    ledger: str = ""
    """SQLAlchemy URL of the ledger. Empty: SQLite in `home`. More than one node needs postgresql+psycopg://..."""
    store: str = ""
    """Checkpoints' folder, the same on every node, or s3://bucket/prefix. Empty: `checkpoints` in `home`."""
    trainables: str = ""
    """Operator's trainables besides those of installed packages: `name=module:Class`, comma-separated."""
    data_dir: str = ""
    """Folder of files that built-in trainables train on, the same on every node. Empty: they say what they miss."""
    host: str = "127.0.0.1"
    """Address that the API listens on. Other than loopback needs `tls_cert` and `tls_key`, or `behind_proxy`."""
    port: int = 8000
    """Port of the API."""
    allowed_hosts: str = ""
    """Host names, comma-separated, that requests may name besides loopback's and `host` (against DNS rebinding)."""
    tls_cert: str = ""
    """PEM file of the certificate, served by Ray Serve itself."""
    tls_key: str = ""
    """PEM file of its key."""
    behind_proxy: bool = False
    """Whether a proxy in front ends TLS, so that a non-loopback `host` is safe."""
    token: str = ""
    """The bearer token. Empty: the file `token` in `home`, made by `rung up`."""
    url: str = ""
    """Where the client and the CLI find the API. Empty: `http://host:port`."""
    ray_port: int = 6379
    """Port of the Ray head that `rung up` starts."""
    dashboard_port: int = 8265
    """Port of the Ray dashboard, on loopback."""
    cpus: int = 0
    """Logical CPUs of the node that `rung up` starts. 0: as many as the machine has."""
    gpus: int = -1
    """GPUs of the node that `rung up` starts. -1: as many as Ray finds."""
    lease_s: float = 15.0
    """Seconds of silence after which a lease may be taken over. A confirmed death waits for none of it."""
    tick_s: float = 0.5
    """Seconds between two looks of the coordinator at the ledger."""
    slice_s: float = 30.0
    """Seconds for which slots are shared out where searches must take turns; two slices make one turn of two equals."""
    backoff_s: float = 1.0
    """Seconds before a lost attempt's trial starts again; doubles with each further attempt."""
    gang_timeout_s: float = 300.0
    """Seconds that a rank waits for the others in a collective before the attempt fails."""
    silence_s: float = 10.0
    """Seconds after which a rank's process that gives no sign of life (a stopped one, say) is killed and replaced."""
    max_body_bytes: int = 1 << 20
    """Largest request body, in bytes; a larger one is answered 413."""
    max_streams: int = 500
    """Event streams open at once; one more is answered 503."""
    max_streams_per_key: int = 100
    """Event streams that one API key may have open at once; the operator's token may have all."""
    max_requests_per_s: float = 200.0
    """Requests a second that one key or token is served for long, five seconds' worth at once; then 429."""
    max_failures_per_min: float = 60.0
    """Wrong keys a minute that are looked at from one address; then 429."""
    session_hours: float = 12.0
    """Hours after which a browser has to log in again."""
    spool_reports: int = 1000
    """Reports of one search that may wait for a ledger that does not answer, on the disk of its runner's node."""
    failpoints: str = ""
    """Faults to strike at named places, for tests only: see `docs/failpoints.md`. Empty: none."""

    def __post_init__(self) -> None:
        if self.store_url and not self.store_url.startswith("s3://"):
            raise ConfigurationError(
                f"RUNG_STORE: got {self.store}, must be a folder or s3://bucket/prefix; correct it"
            )
        if not self._is_loopback() and not self.behind_proxy and not (self.tls_cert and self.tls_key):
            raise ConfigurationError(
                f"RUNG_HOST: got {self.host}, which is not loopback, must come with RUNG_TLS_CERT and RUNG_TLS_KEY, "
                "or with RUNG_BEHIND_PROXY=1 where a proxy ends TLS; or use 127.0.0.1"
            )
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ConfigurationError(
                "RUNG_TLS_CERT and RUNG_TLS_KEY: got one without the other, must be set together; set both or neither"
            )

    @classmethod
    def from_env(cls, env: Mapping[str, str] | None = None) -> Settings:
        """Reads the environment.

        Args:
            env: instead of `os.environ`, in tests.

        Raises:
            ConfigurationError: an unknown `RUNG_*` variable, a value of the wrong kind, or settings that contradict.
        """
        env = os.environ if env is None else env
        known = {f"RUNG_{field.name.upper()}": field for field in fields(cls)}
        unknown = sorted(name for name in env if name.startswith("RUNG_") and name not in known)
        if unknown:
            raise ConfigurationError(
                f"{unknown[0]}: got a variable Rung does not know, must be one of {', '.join(sorted(known))}; "
                "unset or rename it"
            )
        values = {field.name: _parse(name, env[name], field.type) for name, field in known.items() if name in env}
        return cls(**values)

    @property
    def home_dir(self) -> Path:
        """`home` with `~` expanded, absolute."""
        return self.home.expanduser().absolute()

    @property
    def ledger_url(self) -> str:
        """The ledger's URL with its default filled in."""
        return self.ledger or f"sqlite:///{self.home_dir / 'ledger.db'}"

    @property
    def store_dir(self) -> Path:
        """Folder of the checkpoints with its default filled in; of an object store, of those on their way."""
        if self.store and not self.store_url:
            return Path(self.store).expanduser().absolute()
        return self.home_dir / ("staging" if self.store_url else "checkpoints")

    @property
    def store_url(self) -> str:
        """URL of the object store that checkpoints live in; empty where that is a folder."""
        return self.store if "://" in self.store else ""

    @property
    def token_file(self) -> Path:
        """Where the token is kept."""
        return self.home_dir / "token"

    @property
    def api_url(self) -> str:
        """Where clients find the API, without a slash at the end."""
        scheme = "https" if self.tls_cert else "http"
        return (self.url or f"{scheme}://{self.host}:{self.port}").rstrip("/")

    @property
    def has_tls(self) -> bool:
        """Whether browsers reach the service by https, so that a cookie may be kept to that."""
        return bool(self.tls_cert) or self.behind_proxy

    @property
    def trainable_list(self) -> tuple[str, ...]:
        """`trainables` split at its commas."""
        return _split(self.trainables)

    @property
    def host_names(self) -> frozenset[str]:
        """Names that a request's Host header may carry, without port."""
        return frozenset({"127.0.0.1", "localhost", "[::1]", self.host, *_split(self.allowed_hosts)})

    def read_token(self) -> str | None:
        """The bearer token from the setting or the file; None if there is neither."""
        if self.token:
            return self.token
        return self.token_file.read_text().strip() if self.token_file.exists() else None

    def _is_loopback(self) -> bool:
        try:
            return ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def _split(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _bool(text: str) -> bool:
    return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False, "": False}[text.lower()]


_PARSERS: Mapping[str, tuple[Callable[[str], Any], str]] = {
    "Path": (Path, "a path"),
    "str": (str, "text"),
    "int": (int, "a whole number"),
    "float": (float, "a number"),
    "bool": (_bool, "1 or 0"),
}


def _parse(name: str, text: str, kind: Any) -> Any:
    parser, must = _PARSERS[str(kind)]
    try:
        return parser(text)
    except (ValueError, KeyError):
        raise ConfigurationError(f"{name}: got {text!r}, must be {must}; correct or unset it") from None
