"""`rung up` and `rung down`: the cluster and the service on this machine. How processes are found is in `cluster`."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.console import Console

from service.cli.cluster import RELEASE_S, Cluster, start, stop, tail
from service.cli.console import console, say
from service.cli.environment import cluster_environment, deploy_command, make_secret, ray_token_file
from service.client import Client, ClientError
from service.errors import ClusterUnavailable
from service.settings import Settings

DEPLOY_S = 240.0
"""Seconds that the service may take to be put on the cluster."""

READY_S = 120.0
"""Seconds that it may then take to be ready."""


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(up)
    app.command()(down)


def up(
    block: Annotated[
        bool, typer.Option("--block", help="Stay until a signal, then stop all of it; for containers and systemd.")
    ] = False,
) -> None:
    """Start Ray and the service on this machine; done again, it mends what is not running."""
    settings = Settings.from_env()
    cluster = _bring_up(settings)
    if block:
        _stay(settings, cluster)


def _bring_up(settings: Settings) -> Cluster:
    settings.home_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    talk = Console(stderr=True, highlight=False, markup=False)
    with _alone(settings):
        secret = None if settings.token else make_secret(settings.token_file, "rung_")
        make_secret(ray_token_file(settings))
        cluster = Cluster.load(settings)
        if cluster is not None and cluster.is_alive:
            if _is_ready(settings, 0.0):
                say("already up")
                _introduce(settings, cluster, secret)
                return cluster
            say("Ray is up, the service is not ready: putting it there anew")
        else:
            if cluster is not None and (count := stop(cluster, settings)):
                say(f"ended {count} processes that an earlier cluster left behind")
            with talk.status("starting Ray"):
                cluster = start(settings, release_s=RELEASE_S if cluster is not None else 0.0)
        with talk.status("starting the service"):
            _deploy(settings, cluster)
        _introduce(settings, cluster, secret)
        return cluster


def down() -> None:
    """Stop the service and Ray on this machine, and nothing else."""
    settings = Settings.from_env()
    if not settings.home_dir.exists():
        say("nothing to stop")
        return
    with _alone(settings):
        cluster = Cluster.load(settings)
        if cluster is None:
            say("nothing to stop")
            return
        with Console(stderr=True).status("stopping"):
            count = stop(cluster, settings)
        say(f"stopped ({count} processes)")
        say("Searches in flight are in the ledger and continue at the next `rung up`.")


def _stay(settings: Settings, cluster: Cluster) -> None:
    """Waits for SIGTERM or SIGINT, then ends the cluster; a cluster that ends by itself is an error."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: asked.set())
    while not asked.wait(1.0):
        if not cluster.is_alive:
            raise ClusterUnavailable(
                f"Ray's head has ended; the end of its log:\n{tail(settings.home_dir / 'ray.log')}"
            )
    stop(cluster, settings)


def _deploy(settings: Settings, cluster: Cluster) -> None:
    log = settings.home_dir / "deploy.log"
    env = cluster_environment(settings, cluster.marker) | {"RAY_ADDRESS": cluster.ray_address}
    with log.open("wb") as output:
        try:
            code = subprocess.run(  # noqa: S603 - the command is ours, no shell
                deploy_command(),
                env=env,
                cwd=settings.home_dir,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                timeout=DEPLOY_S,
                check=False,
            ).returncode
        except subprocess.TimeoutExpired:
            code = 124
    if code != 0:
        raise ClusterUnavailable(
            f"the service could not be put on the cluster; the end of {log}:\n{tail(log)}\n{_NEXT}"
        )
    if not _is_ready(settings, READY_S):
        raise ClusterUnavailable(f"{settings.api_url}/readyz did not answer within {READY_S:.0f} s; {_NEXT}")


def _is_ready(settings: Settings, patience_s: float) -> bool:
    deadline = time.monotonic() + patience_s
    with Client(settings.api_url, retry_s=0.0) as client:
        while True:
            try:
                client.ready()
                return True
            except ClientError:
                if time.monotonic() >= deadline:
                    return False
            time.sleep(0.25)


def _introduce(settings: Settings, cluster: Cluster, secret: str | None) -> None:
    out = console()
    out.print(f"API            {settings.api_url}")
    out.print(f"API schema     {settings.api_url}/openapi.json")
    out.print(f"Ray dashboard  {cluster.dashboard}   asks for the token in {ray_token_file(settings)}")
    if secret is not None:
        out.print(f"token          {secret}   shown this once; kept in {settings.token_file}")
    out.print("next           rung submit SPEC --watch     (rung down stops all of it)")


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    """Two `rung up` at once take turns; the lock goes with the process, however that ends."""
    descriptor = os.open(settings.home_dir / "up.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


_NEXT = "`rung doctor` says what is missing, `rung up` tries again, `rung down` stops it"
