"""The environment of the local cluster: what every process of it inherits, and the command line of its head.

Everything here keeps the cluster to this machine and to this person: Ray listens on loopback only and asks for a token,
its session folder is closed to others, and no process finds Python modules in the folder `rung` was called from.
"""

from __future__ import annotations

import hashlib
import os
import secrets
import socket
import sys
from collections.abc import Mapping
from pathlib import Path

from service.settings import Settings

MARKER = "_RUNG_CLUSTER"
"""Variable whose value names the cluster that a process belongs to. Not `RUNG_*`: it is no setting."""

_PATHS = ("RUNG_STORE", "RUNG_TLS_CERT", "RUNG_TLS_KEY")


def cluster_environment(settings: Settings, marker: str) -> dict[str, str]:
    """The environment for the head, the deployment and so for all workers.

    Relative paths become absolute, since the cluster's working folder is its home. An unset variable stays unset.
    """
    env = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
    env |= {name: str(Path(env[name]).expanduser().absolute()) for name in _PATHS if _is_path(env.get(name, ""))}
    if python_path := env.get("PYTHONPATH"):
        env["PYTHONPATH"] = os.pathsep.join(
            str(Path(part).absolute()) for part in python_path.split(os.pathsep) if part
        )
    return env | {
        MARKER: marker,
        "RUNG_HOME": str(settings.home_dir),
        **ray_access(settings),
    }


def _is_path(text: str) -> bool:
    return bool(text) and "://" not in text


def ray_access(settings: Settings) -> Mapping[str, str]:
    """What a process needs in order to speak with this cluster's Ray: its token, and loopback as the node's address."""
    return {
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(ray_token_file(settings)),
        # Despite its name this decides on every system whether Ray binds to loopback (0) or to all interfaces (1).
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
    }


def ray_token_file(settings: Settings) -> Path:
    """Where the token of Ray itself is kept; its dashboard asks for it."""
    return settings.home_dir / "ray_token"


def session_dir(settings: Settings) -> Path:
    """Ray's folder of sockets and logs. Short, since a socket's path may have 107 characters, and one for each home."""
    return Path("/tmp") / f"rung-{hashlib.sha256(str(settings.home_dir).encode()).hexdigest()[:8]}"  # noqa: S108 - made with mode 0700 and its owner checked  # nosec B108


def head_command(settings: Settings, folder: Path) -> list[str]:
    """The command that runs the head in the foreground, so that it is one process to end."""
    options = {
        "port": settings.ray_port,
        "node-ip-address": "127.0.0.1",
        "dashboard-host": "127.0.0.1",
        "dashboard-port": settings.dashboard_port,
        # Workers take any free ports: Ray's own range 10002-19999 would forbid the settings' ports inside it.
        "min-worker-port": 0,
        "max-worker-port": 0,
        "ray-client-server-port": free_port(),
        "dashboard-agent-listen-port": 0,
        "temp-dir": folder,
    }
    if settings.cpus:
        options["num-cpus"] = settings.cpus
    if settings.gpus >= 0:
        options["num-gpus"] = settings.gpus
    ray = [sys.executable, "-P", "-m", "ray.scripts.scripts", "start", "--head", "--block", "--disable-usage-stats"]
    return ray + [f"--{name}={value}" for name, value in options.items()]


def deploy_command() -> list[str]:
    """The command that puts the service on the cluster, or puts it there anew."""
    return [sys.executable, "-P", "-m", "service.api", "deploy"]


def make_secret(file: Path, prefix: str = "") -> str | None:
    """Writes a new secret to `file` with mode 0600; None if the file is there already."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return None
    secret = prefix + secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w") as opened:
        opened.write(secret)
    return secret


def free_port() -> int:
    """A port of loopback that nobody listens on at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def is_free(host: str, port: int) -> bool:
    """Whether `port` could be listened on."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
        return True
