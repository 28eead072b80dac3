"""Pictures of every view of the page: light and dark, desktop and phone. Run by `make screenshots`.

A service of its own runs a real search; everything is kept in a temporary folder and on free ports.

Usage: python -m examples.screenshots FOLDER
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, sync_playwright

from examples.demo import RUNG, free_ports

SPEC = """\
name: digits-asha
trainable: digits_mlp
algorithm: {name: asha, reduction_factor: 3, min_epochs: 1}
budget: {trials: 48, epochs: 27}
parallelism: 4
seed: 3
tags: {owner: vision}
"""
WIDTHS = {"desktop": (1360, 1240), "phone": (390, 1400)}
THEMES = ("light", "dark")


def main(folder: Path) -> None:
    """Starts a service, runs the search, takes the pictures, stops the service.

    Args:
        folder: gets `<view>-<theme>-<width>.png`; those that are there are replaced.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="rung-") as home:
        ports = free_ports(3)
        own = {
            "RUNG_HOME": f"{home}/home",
            "RUNG_CPUS": "4",
            "RUNG_PORT": f"{ports[0]}",
            "RUNG_RAY_PORT": f"{ports[1]}",
            "RUNG_DASHBOARD_PORT": f"{ports[2]}",
        }
        environment = {k: v for k, v in os.environ.items() if not k.startswith("RUNG_")} | own
        spec = Path(home) / "spec.yaml"
        spec.write_text(SPEC)
        try:
            subprocess.run([RUNG, "up"], env=environment, check=True)
            submitted = subprocess.run(
                [RUNG, "submit", spec, "--wait"], env=environment, check=True, text=True, stdout=subprocess.PIPE
            )
            search = submitted.stdout.split()[0]
            subprocess.run([RUNG, "submit", spec], env=environment, check=True)
            token = (Path(home) / "home" / "token").read_text().strip()
            take(folder, f"http://127.0.0.1:{ports[0]}", token, search)
        finally:
            subprocess.run([RUNG, "down"], env=environment, check=False)


def take(folder: Path, url: str, key: str, search: str) -> None:
    """Takes all pictures of a service and one of its searches."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=sandbox)
        for width, size in WIDTHS.items():
            for theme in THEMES:
                context = browser.new_context(
                    viewport={"width": size[0], "height": size[1]}, color_scheme=theme, device_scale_factor=1
                )
                page = log_in(context, url, key)
                for view, path in views(search).items():
                    page.goto(f"{url}{path}")
                    page.locator("h1").wait_for()
                    page.wait_for_timeout(4000)  # the figures are fetched and drawn one after another
                    page.screenshot(path=folder / f"{view}-{theme}-{width}.png")
                context.close()
        browser.close()


def views(search: str) -> dict[str, str]:
    """Name to address of each view."""
    one = f"/ui/searches/{search}"
    return {
        "searches": "/ui/",
        "search": one,
        "rungs": f"{one}?tab=rungs",
        "parameters": f"{one}?tab=parameters",
        "gangs": f"{one}?tab=gangs",
        "trial": f"{one}/trials/0",
        "new": f"/ui/new?clone={search}",
        "cluster": "/ui/cluster",
    }


def log_in(context: BrowserContext, url: str, key: str) -> Page:
    """A page that is logged in."""
    page = context.new_page()
    page.goto(f"{url}/ui/")
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()
    return page


if __name__ == "__main__":
    main(Path(sys.argv[1]))
