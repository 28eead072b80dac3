"""The local cluster as processes: starts its head, finds what belongs to it, and ends exactly that.

A process belongs to the cluster if its environment carries the cluster's marker, or if one that does started it. So
other Ray clusters on the machine are never touched, and what outlived a kill -9 of its parents is still found.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

import psutil

from service.cli.environment import MARKER, cluster_environment, head_command, is_free, session_dir
from service.errors import ClusterUnavailable, ConfigurationError
from service.settings import Settings

RECORD = "cluster.json"
"""File in home that says which cluster runs."""

START_S = 120.0
"""Seconds that the head may take to start."""

HEAD_GRACE_S = 2.0
"""Seconds that the head gets to end its processes before they are asked one by one.

With actors alive Ray's node process waits about 30 s for them by itself (measured); nobody gains by waiting along.
"""

GRACE_S = 5.0
"""Seconds that processes get between SIGTERM and SIGKILL."""

RELEASE_S = 20.0
"""Seconds that the ports of a cluster that was killed may stay taken: its processes are gone from the list of processes
before the system has closed their sockets, on a busy machine by seconds (measured)."""

_READY_FILE = "ray_current_cluster"
_SESSIONS_KEPT = 2


@dataclass(frozen=True, kw_only=True, slots=True)
class Cluster:
    """A local cluster, as `cluster.json` records it.

    Attributes:
        marker: value of MARKER in the environment of each of its processes.
        pid: process of the head; None while it is about to be started.
        create_time: seconds of the epoch at which that process began, so that a reused pid is not mistaken for it.
    """

    marker: str
    pid: int | None
    create_time: float | None
    ray_address: str
    dashboard: str
    started_at: str

    @classmethod
    def load(cls, settings: Settings) -> Self | None:
        """The recorded cluster, whether it lives or not; None if there is no record."""
        file = settings.home_dir / RECORD
        return cls(**json.loads(file.read_text())) if file.exists() else None

    def save(self, settings: Settings) -> None:
        """Records it, all or nothing."""
        aside = settings.home_dir / f"{RECORD}.tmp"
        aside.write_text(json.dumps(asdict(self), indent=2))
        aside.replace(settings.home_dir / RECORD)

    @property
    def is_alive(self) -> bool:
        """Whether the head's process runs."""
        return self._head() is not None

    def processes(self) -> list[psutil.Process]:
        """All of its processes, the head included, this process excluded."""
        psutil.process_iter.cache_clear()  # or a pid used again is taken for one that has ended, and not signalled
        marked = [process for process in psutil.process_iter() if _marker(process) == self.marker]
        family = set(marked)
        for process in marked:
            with suppress(psutil.Error):
                family.update(process.children(recursive=True))
        return [process for process in family if process.pid != os.getpid()]

    def _head(self) -> psutil.Process | None:
        try:
            head = psutil.Process(self.pid) if self.pid else None
            is_ours = head is not None and head.create_time() == self.create_time and head.status() != "zombie"
        except psutil.NoSuchProcess:
            return None
        return head if is_ours else None


def start(settings: Settings, release_s: float = 0.0) -> Cluster:
    """Starts the head and waits until Ray answers.

    Args:
        settings: of the service.
        release_s: seconds to wait for the ports to become free.

    Raises:
        ConfigurationError: a port is taken.
        ClusterUnavailable: the head ended, or did not answer in time; with the end of its log.
    """
    _check_ports(settings, release_s)
    folder = _make_session_dir(settings)
    cluster = Cluster(
        marker=uuid.uuid4().hex,
        pid=None,
        create_time=None,
        ray_address=f"127.0.0.1:{settings.ray_port}",
        dashboard=f"http://127.0.0.1:{settings.dashboard_port}",
        started_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    cluster.save(settings)  # before the head lives, so that a kill of `rung up` in between leaves nothing unknown
    log = settings.home_dir / "ray.log"
    if log.exists():
        log.replace(log.with_suffix(".log.1"))
    with log.open("wb") as output:
        head = subprocess.Popen(  # noqa: S603 - the command is ours, no shell
            head_command(settings, folder),
            env=cluster_environment(settings, cluster.marker),
            cwd=settings.home_dir,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    cluster = replace(cluster, pid=head.pid, create_time=psutil.Process(head.pid).create_time())
    cluster.save(settings)
    if (
        not _until(lambda: (folder / _READY_FILE).exists() or head.poll() is not None, START_S)
        or head.poll() is not None
    ):
        stop(cluster, settings)
        raise ClusterUnavailable(f"Ray's head did not start; the end of {log}:\n{tail(log)}")
    return cluster


def stop(cluster: Cluster, settings: Settings) -> int:
    """Ends every process of the cluster and removes its record; returns how many there were."""
    processes = cluster.processes()
    head = cluster._head()
    if head is not None:
        _signal([head], psutil.Process.terminate)
        _gone(processes, HEAD_GRACE_S)
    for ask in (psutil.Process.terminate, psutil.Process.kill):
        processes = list({*processes, *cluster.processes()})
        _signal(processes, ask)
        _gone(processes, GRACE_S)
    (settings.home_dir / RECORD).unlink(missing_ok=True)
    return len(processes)


def tail(file: Path, lines: int = 15) -> str:
    """The last lines of a log."""
    return "\n".join(file.read_text(errors="replace").splitlines()[-lines:]) if file.exists() else "(no log)"


def _check_ports(settings: Settings, release_s: float) -> None:
    wanted = {
        "RUNG_RAY_PORT": ("127.0.0.1", settings.ray_port),
        "RUNG_DASHBOARD_PORT": ("127.0.0.1", settings.dashboard_port),
        "RUNG_PORT": (settings.host, settings.port),
    }
    for name, (host, port) in wanted.items():
        if not is_free(host, port) and not _until(partial(is_free, host, port), release_s):
            raise ConfigurationError(
                f"{name}: got {port}, which {_holder(port)} listens on, must be free; end that process or set {name}"
            )


def _holder(port: int) -> str:
    """Who listens on a port, as far as this user may see it."""
    with suppress(psutil.Error):
        for connection in psutil.net_connections("tcp"):
            if connection.laddr and connection.laddr.port == port and connection.pid:
                return (
                    f"process {connection.pid} ({psutil.Process(connection.pid).name()}, {connection.status.lower()})"
                )
    return "another process"


def _make_session_dir(settings: Settings) -> Path:
    """The folder for Ray inside one that only this user may enter; Ray itself makes its own open to all."""
    closed = session_dir(settings)
    closed.mkdir(mode=0o700, exist_ok=True)
    if closed.is_symlink() or closed.stat().st_uid != os.getuid():
        raise ConfigurationError(
            f"{closed}: got another user's folder, must be yours; remove it or choose another RUNG_HOME"
        )
    closed.chmod(0o700)
    folder = closed / "ray"
    (folder / _READY_FILE).unlink(missing_ok=True)
    for old in sorted(folder.glob("session_2*"))[: -_SESSIONS_KEPT + 1]:
        shutil.rmtree(old, ignore_errors=True)
    return folder


def _marker(process: psutil.Process) -> str | None:
    try:
        return process.environ().get(MARKER)
    except (psutil.Error, OSError):
        return None


def _signal(processes: Iterable[psutil.Process], ask: Callable[[psutil.Process], Any]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            ask(process)


def _gone(processes: Iterable[psutil.Process], timeout_s: float) -> None:
    psutil.wait_procs(processes, timeout=timeout_s)


def _until(condition: Callable[[], bool], timeout_s: float) -> bool:
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.1)
    return False
