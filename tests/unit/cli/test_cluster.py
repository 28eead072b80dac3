"""`rung up` and `rung down` end the processes of their own cluster, all of them, no others. The head is a double."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from service.cli import cluster as clusters
from service.cli.cluster import Cluster, start, stop
from service.cli.environment import MARKER, cluster_environment, free_port, head_command, make_secret, session_dir
from service.errors import ClusterUnavailable, ConfigurationError
from service.settings import Settings
from tests.unit.cli.conftest import Rung
from tests.unit.client.double import FakeService

# The head outlives the function that started it, and in earnest also the process: that is its purpose.
pytestmark = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")

HEAD = """
import pathlib, subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
subprocess.Popen([sys.executable, "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(60)"], start_new_session=True)
folder = pathlib.Path(sys.argv[1]); folder.mkdir(parents=True, exist_ok=True)
time.sleep(0.3)
(folder / "ray_current_cluster").touch()
time.sleep(60)
"""


@pytest.fixture
def settings(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    for name in ("RUNG_RAY_PORT", "RUNG_DASHBOARD_PORT", "RUNG_PORT"):
        monkeypatch.setenv(name, str(free_port()))
    monkeypatch.setattr(clusters, "session_dir", lambda _: tmp_path / "session")
    monkeypatch.setattr(clusters, "head_command", lambda _, folder: [sys.executable, "-c", HEAD, str(folder)])
    monkeypatch.setattr(clusters, "HEAD_GRACE_S", 0.1)
    monkeypatch.setattr(clusters, "GRACE_S", 0.5)
    made = Settings.from_env()
    yield made
    if left := Cluster.load(made):
        stop(left, made)


def _reap(pid: int | None) -> None:
    """The head is this process's child here; in earnest `rung up` has ended long before."""
    assert pid is not None
    os.waitpid(pid, 0)


def test_stop_ends_every_process_of_the_cluster_and_no_other(settings: Settings) -> None:
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], env={**os.environ, MARKER: "other"})
    try:
        cluster = start(settings)
        assert cluster.is_alive
        assert len(cluster.processes()) == 3
        stop(cluster, settings)
        assert cluster.processes() == []
        assert other.poll() is None
        assert Cluster.load(settings) is None
    finally:
        other.kill()
        other.wait()


def test_ports_that_a_killed_cluster_still_holds_are_waited_for_and_others_named_with_who_holds_them(
    settings: Settings,
) -> None:
    with socket.create_server(("127.0.0.1", settings.port)) as taken:
        with pytest.raises(
            ConfigurationError, match=rf"RUNG_PORT: got {settings.port}, which process {os.getpid()} \("
        ):
            start(settings)
        release = threading.Timer(0.5, taken.close)
        release.start()
        assert start(settings, release_s=20).is_alive
        release.join()


def test_what_outlives_a_killed_head_is_found_and_ended(settings: Settings) -> None:
    cluster = start(settings)
    os.kill(cluster.pid or 0, 9)
    _reap(cluster.pid)
    left = Cluster.load(settings)
    assert left is not None
    assert not left.is_alive
    assert len(left.processes()) == 2
    assert stop(left, settings) >= 1
    assert left.processes() == []


def test_a_reused_pid_is_not_mistaken_for_the_head(settings: Settings) -> None:
    stranger = psutil.Process()
    cluster = Cluster(marker="gone", pid=stranger.pid, create_time=1.0, ray_address="", dashboard="", started_at="")
    assert not cluster.is_alive
    assert stop(cluster, settings) == 0


def test_a_head_that_dies_shows_the_end_of_its_log(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clusters, "head_command", lambda *_: [sys.executable, "-c", "raise SystemExit('no memory')"])
    with pytest.raises(ClusterUnavailable, match="no memory"):
        start(settings)
    assert Cluster.load(settings) is None


def test_a_taken_port_names_its_setting(settings: Settings) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", settings.dashboard_port))
        taken.listen()
        with pytest.raises(ConfigurationError, match=f"RUNG_DASHBOARD_PORT: got {settings.dashboard_port}"):
            start(settings)


def test_another_users_session_folder_is_refused(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "session").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="must be yours"):
        start(settings)


def test_up_makes_a_token_once_and_up_again_says_so(
    settings: Settings, service: FakeService, rung: Rung, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (home / "token").unlink()
    monkeypatch.setattr("service.cli.operating.deploy_command", lambda: [sys.executable, "-c", ""])
    first, second = rung("up"), rung("up")
    token = (home / "token").read_text()
    assert (first.code, second.code) == (0, 0)
    assert token.startswith("rung_")
    assert token in first.out
    assert token not in second.out
    assert "already up" in second.err
    assert {(home / name).stat().st_mode & 0o777 for name in ("token", "ray_token")} == {0o600}
    down = rung("down")
    assert "continue at the next `rung up`" in down.err


def test_a_deployment_that_fails_shows_its_log_and_leaves_ray_for_the_next_up(
    settings: Settings, service: FakeService, rung: Rung, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "service.cli.operating.deploy_command", lambda: [sys.executable, "-c", "raise SystemExit('bad')"]
    )
    ran = rung("up")
    left = Cluster.load(settings)
    assert ran.code == 1
    assert "bad" in ran.err
    assert left is not None
    assert left.is_alive


def test_up_that_blocks_ends_everything_at_a_signal(
    settings: Settings, service: FakeService, rung: Rung, monkeypatch: pytest.MonkeyPatch
) -> None:
    handled: list[int] = []

    def signalled_at_once(number: int, handler: Callable[..., object]) -> None:
        handled.append(number)
        handler(number, None)

    monkeypatch.setattr("service.cli.operating.deploy_command", lambda: [sys.executable, "-c", ""])
    monkeypatch.setattr("service.cli.operating.signal.signal", signalled_at_once)
    assert rung("up", "--block").code == 0
    assert handled == [signal.SIGTERM, signal.SIGINT]
    assert Cluster.load(settings) is None


def test_the_cluster_keeps_to_itself(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_ADDRESS", "elsewhere:6379")
    monkeypatch.setenv("PYTHONPATH", "here")
    monkeypatch.setenv("RUNG_STORE", "store")
    settings = Settings.from_env()
    env = cluster_environment(settings, "mark")
    command = head_command(settings, home / "session")
    assert "RAY_ADDRESS" not in env
    assert (env["RAY_AUTH_MODE"], env["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"], env[MARKER]) == ("token", "0", "mark")
    assert Path(env["PYTHONPATH"]).is_absolute()
    assert Path(env["RUNG_STORE"]).is_absolute()
    assert {"-P", "--node-ip-address=127.0.0.1", "--dashboard-host=127.0.0.1", "--disable-usage-stats"} <= set(command)
    assert not [word for word in command if word.startswith("--num-cpus")]


def test_rays_sockets_fit_into_a_path() -> None:
    socket_path = session_dir(Settings()) / "ray/session_2026-11-21_03-59-45_122513_4194304/sockets/plasma_store"
    assert len(str(socket_path)) <= 107


def test_a_secret_is_made_once(tmp_path: Path) -> None:
    first = make_secret(tmp_path / "token", "rung_")
    assert first is not None
    assert make_secret(tmp_path / "token") is None
    assert (tmp_path / "token").read_text() == first
