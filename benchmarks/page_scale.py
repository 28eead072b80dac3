"""How the page bears very large searches: seconds of the service for each figure, and of a real browser for each view.

Usage: python -m benchmarks.page_scale [TRIALS EPOCHS]...    (default: 10000 50 100000 5)
Ledgers are kept in the folder for temporary files, and used again.
The ledger is filled directly (`filled_ledger`); `service.api.reading` serves it without a cluster, as `rung page` does.
"First" is asked after the service has started and before anything is remembered, "again" is the median of three.
"""

from __future__ import annotations

import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import psutil
from playwright.sync_api import Page, sync_playwright

from benchmarks.filled_ledger import fill
from benchmarks.machine import describe

KEY = "rung_benchmark"
FIGURES = ("history", "curves", "rungs", "funnel", "parallel", "slice", "contour", "importance", "timeline")
DRAWN = {"overview": ("history", "curves"), "rungs": ("rungs", "funnel"), "gangs": ("timeline",)}
DRAWN |= {"parameters": ("parallel", "slice", "importance", "contour")}
FRAMES = """async (selector) => {
  const at = document.querySelector(selector).getBoundingClientRect(), seen = [];
  const target = document.querySelector(selector);
  let last = performance.now();
  for (let i = 0; i < 60; i++) {
    const options = { bubbles: true, clientX: at.x + at.width * (0.2 + i / 100), clientY: at.y + at.height / 2 };
    target.dispatchEvent(new MouseEvent("mousemove", options));
    await new Promise(requestAnimationFrame);
    const now = performance.now();
    seen.push(now - last);
    last = now;
  }
  return seen;
}"""


def main(sizes: list[tuple[int, int]]) -> None:
    """Prints a table for each size."""
    print(f"machine: {describe()}, load {os.getloadavg()[0]:.1f}")
    for num_trials, epochs in sizes:
        folder, search = filled(num_trials, epochs)
        print(f"\n{num_trials:,} trials x {epochs} epochs = {num_trials * epochs:,} reports")
        with serving(folder) as (url, process):
            measure_service(url, search, process)
            measure_browser(url, search)


def filled(num_trials: int, epochs: int) -> tuple[Path, str]:
    """The folder of a ledger of this size, and the id of its search; made where it is not there yet."""
    folder = Path(tempfile.gettempdir()) / f"rung-page-scale-{num_trials}x{epochs}"
    done = folder / "search"
    if not done.exists():
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        done.write_text(fill(folder, num_trials, epochs))
    return folder, done.read_text()


def measure_service(url: str, search: str, process: psutil.Process) -> None:
    """Seconds of each answer, and the CPU seconds that the service took for it, whatever else the machine does."""
    paths = ["/v1/searches", f"/v1/searches/{search}", f"/v1/searches/{search}/table?sort=value"]
    paths += [f"/v1/searches/{search}/rungs", *(f"/v1/searches/{search}/figures/{name}" for name in FIGURES)]
    print(f"{'answer':44} {'first':>7} {'again':>7} {'CPU':>7}  KiB")
    with httpx2.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}, timeout=300) as http:
        for path in paths:
            seconds, cpu, size = [], [], 0
            for _ in range(4):
                began, before = time.perf_counter(), cpu_seconds(process)
                answer = http.get(path)
                answer.raise_for_status()
                seconds.append(time.perf_counter() - began)
                cpu.append(cpu_seconds(process) - before)
                size = len(answer.content)
            name = path.replace(search, "{search}")
            again, spent = statistics.median(seconds[1:]), statistics.median(cpu[1:])
            print(f"{name:44} {seconds[0]:6.2f}s {again:6.2f}s {spent:6.2f}s {size / 1024:5.0f}")


def cpu_seconds(process: psutil.Process) -> float:
    """CPU seconds that a process has taken so far."""
    times = process.cpu_times()
    return float(times.user + times.system)


def measure_browser(url: str, search: str) -> None:
    """Seconds until each tab has its figures and the table, and the frames while the mouse moves over one of them."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        page = browser.new_context(viewport={"width": 1360, "height": 900}).new_page()
        page.set_default_timeout(120_000)
        page.goto(f"{url}/ui/")
        page.get_by_label("Key").fill(KEY)
        page.get_by_role("button", name="Log in").click()
        page.locator("tbody tr").first.wait_for()
        for tab, figures in DRAWN.items():
            seconds = open_tab(page, f"{url}/ui/searches/{search}?tab={tab}", figures)
            frames = page.evaluate(FRAMES, f"#figure-{figures[0]} .nsewdrag")
            worst = statistics.quantiles(frames, n=20)[18]
            print(
                f"browser, {tab:11}: table {seconds['table']:5.2f}s, all figures {seconds['figures']:5.2f}s; "
                f"frames while hovering: median {statistics.median(frames):.0f} ms, 95 % below {worst:.0f} ms"
            )
        browser.close()


def open_tab(page: Page, address: str, figures: tuple[str, ...]) -> dict[str, float]:
    """Opens an address anew; seconds until the table has rows, and until the last figure is drawn."""
    began = time.perf_counter()
    page.goto(address)
    page.locator("section tbody tr").first.wait_for()
    table = time.perf_counter() - began
    for figure in figures:
        page.locator(f"#figure-{figure} .nsewdrag").first.wait_for()
    return {"table": table, "figures": time.perf_counter() - began}


@contextmanager
def serving(home: Path) -> Iterator[tuple[str, psutil.Process]]:
    """The address of a service that reads the ledger of a folder, and its process."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("RUNG_")}
    environment |= {"RUNG_HOME": str(home), "RUNG_PORT": str(port), "RUNG_TOKEN": KEY}
    process = subprocess.Popen([sys.executable, "-m", "service.api.reading"], env=environment)
    url = f"http://127.0.0.1:{port}"
    try:
        while True:
            try:
                httpx2.get(f"{url}/healthz")
                break
            except httpx2.TransportError:
                time.sleep(0.1)
        yield url, psutil.Process(process.pid)
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    numbers = [int(word) for word in sys.argv[1:]] or [10_000, 50, 100_000, 5]
    main(list(zip(numbers[::2], numbers[1::2], strict=True)))
