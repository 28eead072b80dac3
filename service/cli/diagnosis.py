"""`rung doctor`: one line for each thing that must hold, with the way out where it does not."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import typer

from service import __version__
from service.cli.cluster import Cluster
from service.cli.console import console
from service.cli.environment import is_free, ray_token_file
from service.client import ApiError, Client, ClientError
from service.errors import ConfigurationError
from service.settings import Settings

LEAST_DISK = 2 * 2**30
"""Bytes that home must have free: checkpoints and Ray's logs grow."""

LEAST_SHM = 256 * 2**20
"""Bytes of /dev/shm below which Ray's object store falls back to disk."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        way_out: what to do; empty where nothing is wrong.
    """

    name: str
    found: str
    way_out: str = ""


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(doctor)


def doctor() -> None:
    """Check settings, files, ports, cluster and service; exit 1 if something is wrong."""
    findings = list(examine())
    out = console()
    for finding in findings:
        mark = "FAIL" if finding.way_out else "ok  "
        out.print(f"{mark}  {finding.name}: {finding.found}{'; ' + finding.way_out if finding.way_out else ''}")
    raise typer.Exit(1 if any(finding.way_out for finding in findings) else 0)


def examine() -> Iterator[Finding]:
    """All findings, in the order in which one depends on the other."""
    yield _python()
    try:
        settings = Settings.from_env()
    except ConfigurationError as error:
        yield Finding(name="settings", found=str(error), way_out="correct the variable")
        return
    yield Finding(name="settings", found=f"read, home {settings.home_dir}")
    for check in _CHECKS:
        yield from check(settings)


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    old = "" if sys.version_info >= (3, 11) else "use Python 3.11 or newer"
    return Finding(name="python", found=f"{version}, rung {__version__}", way_out=old)


def _home(settings: Settings) -> Iterator[Finding]:
    home = settings.home_dir
    if not home.is_dir():
        yield Finding(name="home", found=f"no folder {home}", way_out="`rung up` makes it")
        return
    yield _closed("home", home, 0o700)
    for name, file in (("token", settings.token_file), ("ray token", ray_token_file(settings))):
        if file.exists():
            yield _closed(name, file, 0o600)


def _closed(name: str, path: Path, mode: int) -> Finding:
    got = path.stat().st_mode & 0o777
    open_to_others = got & 0o077
    return Finding(
        name=name, found=f"{path} has mode {got:04o}", way_out=f"chmod {mode:o} {path}" if open_to_others else ""
    )


def _room(settings: Settings) -> Iterator[Finding]:
    places = ((settings.home_dir, LEAST_DISK, "free some, or move RUNG_HOME"), (Path("/dev/shm"), LEAST_SHM, _MORE_SHM))  # noqa: S108 - only measured  # nosec B108
    for path, least, way_out in places:
        if path.exists():
            free = shutil.disk_usage(path).free
            found = f"{free / 2**30:.1f} GiB free"
            yield Finding(name=f"space in {path}", found=found, way_out="" if free >= least else way_out)


def _cluster(settings: Settings) -> Iterator[Finding]:
    cluster = Cluster.load(settings)
    if cluster is not None and cluster.is_alive:
        yield Finding(name="cluster", found=f"Ray at {cluster.ray_address} since {cluster.started_at}")
        return
    if settings.url:
        yield Finding(name="cluster", found=f"none on this machine; RUNG_URL names {settings.url}")
        return
    ended = "none was started" if cluster is None else "its head has ended"
    yield Finding(name="cluster", found=ended, way_out="`rung up` starts it")
    ports = {
        "RUNG_RAY_PORT": settings.ray_port,
        "RUNG_DASHBOARD_PORT": settings.dashboard_port,
        "RUNG_PORT": settings.port,
    }
    for name, port in ports.items():
        free = is_free("127.0.0.1", port)
        yield Finding(
            name=name,
            found=f"{port} is {'free' if free else 'taken'}",
            way_out="" if free else f"set {name} to another",
        )


def _service(settings: Settings) -> Iterator[Finding]:
    with Client(settings.api_url, retry_s=0.0) as client:
        try:
            client.health()
            yield Finding(name="API", found=f"{settings.api_url} answers")
            ready = client.ready()
            checks = ", ".join(f"{name} {state}" for name, state in ready.checks.items())
            yield Finding(name="ready", found=checks or ready.status)
            client.trainables()
            yield Finding(name="token accepted", found="yes")
        except ApiError as error:
            way_out = (
                "set RUNG_TOKEN, or RUNG_HOME to where `rung up` ran" if error.status == 401 else "`rung up` mends it"
            )
            yield Finding(name="API", found=str(error).replace("\n", "; "), way_out=way_out)
        except ClientError as error:
            yield Finding(
                name="API", found=f"{settings.api_url} does not answer", way_out=str(error).rpartition("; ")[2]
            )


_MORE_SHM = "give the container more, e.g. docker run --shm-size=2g"

_CHECKS: tuple[Callable[[Settings], Iterator[Finding]], ...] = (_home, _room, _cluster, _service)
