"""A real headless Chromium, Debian's, driven by Playwright. Without one the tests of the page fail: they never skip."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

expect.set_options(timeout=30_000)  # a busy machine is slow, and nothing here waits for what does not come


def chromium() -> str:
    """The program.

    Raises:
        AssertionError: it is not installed.
    """
    found = shutil.which("chromium")
    assert found, (
        "chromium: got none on PATH, must be Debian's; `make test` installs it as root, or apt-get install chromium"
    )
    return found


@contextmanager
def headless() -> Iterator[Browser]:
    """A browser, closed afterwards."""
    sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []  # Chromium refuses its sandbox to root
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=sandbox)
        try:
            yield browser
        finally:
            browser.close()


def log_in(context: BrowserContext, url: str, key: str, path: str = "/ui/") -> Page:
    """A page of the service, logged in by the form as a person would."""
    page = context.new_page()
    page.set_default_timeout(30_000)
    page.goto(f"{url}{path}")
    page.get_by_label("Key").fill(key)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("button", name="Log out").wait_for()
    return page
