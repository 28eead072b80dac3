"""The whole road once, as a user walks it: `rung up`, submit, watch, best, check, `rung down`. Run by `make demo`.

Everything is kept in `.demo` beside this folder and on free ports, so a service of yours is not disturbed.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".demo"
RUNG = Path(sys.executable).with_name("rung")


def main() -> int:
    """Runs the demo; whatever happens, what was started is stopped."""
    began = time.monotonic()
    shutil.rmtree(HOME, ignore_errors=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUNG_")}
    ports = free_ports(3)
    environment |= {
        "RUNG_HOME": str(HOME),
        "RUNG_CPUS": "4",  # logical: two gangs of two ranks, whatever the machine has
        "RUNG_PORT": str(ports[0]),
        "RUNG_RAY_PORT": str(ports[1]),
        "RUNG_DASHBOARD_PORT": str(ports[2]),
    }
    try:
        step(environment, "Start a Ray cluster and the service", RUNG, "up")
        spec = ROOT / "examples" / "digits-asha.yaml"
        search = step(environment, "Submit a search over HTTP", RUNG, "submit", spec, keep=True).split()[0]
        step(environment, "Watch it", RUNG, "watch", search)
        step(environment, "Its best trial, with its checkpoint", RUNG, "best", search, "--download", HOME / "best")
        checker = ROOT / "examples" / "check_checkpoint.py"
        step(environment, "Load that checkpoint in a process of its own", sys.executable, "-P", checker, HOME / "best")
        api = f"http://127.0.0.1:{ports[0]}"
        print(f"\nAPI description {api}/openapi.json   Ray dashboard http://127.0.0.1:{ports[2]}   (until this ends)")
    finally:
        step(environment, "Stop everything", RUNG, "down", check=False)
    print(f"\nThe demo took {time.monotonic() - began:.0f} s.")
    return 0


def step(environment: dict[str, str], title: str, *command: str | Path, keep: bool = False, check: bool = True) -> str:
    """Runs one command and shows it; returns its output where that is kept."""
    shown = " ".join([Path(command[0]).name, *(str(part) for part in command[1:])]).replace(f"{ROOT}/", "")
    print(f"\n== {title}\n$ {shown}", flush=True)
    done = subprocess.run(command, env=environment, check=check, text=True, stdout=subprocess.PIPE if keep else None)
    if keep:
        print(done.stdout, end="", flush=True)
    return done.stdout or ""


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on at present, all different."""
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [int(server.getsockname()[1]) for server in sockets]
    for server in sockets:
        server.close()
    return ports


if __name__ == "__main__":
    sys.exit(main())
