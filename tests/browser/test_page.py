"""The page as people use it: a search submitted by the form, watched, brushed, its best checkpoint taken home."""

from __future__ import annotations

import re
import tarfile
from urllib.parse import parse_qs, urlsplit

import httpx2
import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.browser import log_in

SERIOUS = {"serious", "critical"}


@pytest.fixture(scope="module")
def asked():
    """Addresses that the browser asked for, in all tests of this module."""
    return []


@pytest.fixture
def page(browser, service, asked):
    """A logged-in page of a browser of its own."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    context.on("request", lambda request: asked.append(request.url))
    yield log_in(context, service.url, service.token)
    context.close()


@pytest.fixture(scope="module")
def search(browser, service, asked):
    """Id of an ASHA search that was submitted by the form; it runs."""
    context = browser.new_context()
    context.on("request", lambda request: asked.append(request.url))
    page = log_in(context, service.url, service.token, "/ui/new")
    page.get_by_label("Trainable", exact=True).select_option("digits_mlp")
    page.get_by_label("Name", exact=True).fill("by-form")
    page.get_by_label("Trials", exact=True).fill("0")
    page.get_by_role("button", name="Check and forecast").click()
    # A fault stands at its field
    expect(page.get_by_label("Trials", exact=True)).to_have_attribute("aria-invalid", "true")
    expect(page.locator('[id="fault-budget.trials"]')).to_contain_text("got 0")
    # Then the forecast comes before the price
    page.get_by_label("Trials", exact=True).fill("12")
    page.get_by_label("Epochs of a trial", exact=True).fill("9")
    page.get_by_role("button", name="Check and forecast").click()
    expect(page.locator("#forecast")).to_contain_text("12 trials")
    page.get_by_role("button", name="Submit", exact=True).click()
    page.wait_for_url(re.compile(r"/ui/searches/\w{12}$"))
    yield urlsplit(page.url).path.rpartition("/")[2]
    context.close()


def test_a_trial_is_seen_to_stop_with_its_reason_without_reloading(page, service, search):
    # Given the page of a search that runs, zoomed into
    page.goto(f"{service.url}/ui/searches/{search}")
    expect(page.get_by_role("heading", name="by-form")).to_be_visible()
    stopped = page.locator("tbody .state.stopped").first
    stopped.wait_for(timeout=90_000)
    drag(page, "#figure-history .nsewdrag", (0.2, 0.2), (0.8, 0.8))
    expect_address(page, "zoom=history")
    zoomed = ranges(page)
    # When it goes on, then the page follows to its end, and the zoom stays
    expect(page.locator("h1 .state")).to_have_text("completed", timeout=90_000)
    expect(page.get_by_text("12 in the budget")).to_be_visible()
    page.wait_for_timeout(2000)
    assert ranges(page) == zoomed
    # And the trial says why it was stopped, with its numbers
    page.locator("tbody tr", has=page.locator(".state.stopped")).first.get_by_role("link").click()
    expect(page.locator("#reason")).to_contain_text(re.compile(r"rung \d+ .* vs cutoff .* rank \d+ of \d+"))
    expect(page.get_by_role("region", name="Decisions")).to_contain_text("stop")
    expect(page.locator("#figure-trial .main-svg").first).to_be_visible()


def test_a_brush_filters_the_table_and_the_address_brings_the_same_view_back(page, service, search):
    page.goto(f"{service.url}/ui/searches/{search}?tab=parameters")
    page.locator("#figure-parallel .nsewdrag").wait_for()
    drag(page, "#figure-parallel .nsewdrag", (0.88, 0.6), (0.99, 0.98))
    note = page.get_by_role("region", name="Table of trials").locator("xpath=..").get_by_role("status")
    expect(note).to_contain_text("chosen among 12 trials")
    page.get_by_role("columnheader", name="lr").get_by_role("button").click()
    expect(page.get_by_role("columnheader", name="lr")).to_have_attribute("aria-sort", "ascending")
    before = (note.inner_text(), page.locator("section tbody").inner_text(), parse_qs(urlsplit(page.url).query))
    page.reload()
    expect(page.get_by_role("tab", name="Parameters")).to_have_attribute("aria-selected", "true")
    expect(note).to_have_text(before[0])
    assert (page.locator("section tbody").inner_text(), parse_qs(urlsplit(page.url).query)) == before[1:]
    page.get_by_role("button", name="Clear the brush").click()
    expect(note).to_contain_text("of 12 trials")


def test_the_best_checkpoint_and_a_picture_come_as_files(page, service, search, tmp_path):
    page.goto(f"{service.url}/ui/searches/{search}")
    with page.expect_download() as waiting:
        page.get_by_role("link", name="Download best checkpoint").click()
    with tarfile.open(waiting.value.path()) as tar:
        assert {"manifest.json", "model.safetensors"} <= set(tar.getnames())
    page.locator("#figure-history .main-svg").first.wait_for()
    with page.expect_download() as waiting:
        page.get_by_role("button", name=re.compile("Save a PNG of Best")).click()
    assert waiting.value.path().read_bytes().startswith(b"\x89PNG")


def test_every_view_can_be_read_by_everybody(page, service, search):
    for path in ("/ui/", f"/ui/searches/{search}", f"/ui/searches/{search}/trials/0", "/ui/new", "/ui/cluster"):
        page.goto(f"{service.url}{path}")
        page.locator("h1").wait_for()
        page.wait_for_load_state("networkidle")
        for theme in ("light", "dark"):
            page.evaluate("theme => document.documentElement.dataset.theme = theme", theme)
            found = Axe().run(page).response["violations"]
            assert [(v["id"], v["nodes"][0]["html"]) for v in found if v["impact"] in SERIOUS] == [], (path, theme)


def test_a_search_that_runs_is_cancelled_by_its_button(page, service, client):
    search = client.submit({"trainable": "digits_mlp", "algorithm": {"name": "random"}, "budget": {"trials": 50}})
    page.goto(f"{service.url}/ui/searches/{search.id}")
    page.on("dialog", lambda dialog: dialog.accept())
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("h1 .state")).to_have_text("cancelled", timeout=60_000)


def test_the_report_opens_without_the_service(browser, service, search, client, tmp_path):
    file = client.search(search).report(tmp_path / "report.html")
    page = browser.new_page()
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    page.goto(file.as_uri())
    page.locator("#timeline .main-svg").first.wait_for()
    assert asked == [file.as_uri()]
    page.close()


def test_who_has_logged_out_is_refused(page, service, search):
    cookie = page.context.cookies(f"{service.url}/v1")[0]
    assert cookie["httpOnly"]
    page.get_by_role("button", name="Log out").click()
    expect(page.get_by_label("Key")).to_be_visible()
    page.goto(f"{service.url}/ui/searches/{search}")
    expect(page.get_by_label("Key")).to_be_visible()
    assert search not in page.content()
    # And the old cookie opens nothing any more
    headers = {"Cookie": f"{cookie['name']}={cookie['value']}"}
    assert httpx2.get(f"{service.url}/v1/searches", headers=headers).status_code == 401


def test_no_request_of_all_these_tests_left_the_service(asked, service):
    assert len(asked) > 50
    elsewhere = {url for url in asked if not url.startswith((f"{service.url}/", "blob:", "data:"))}
    assert elsewhere == set()


def drag(page, selector, start, end):
    """Draws a rectangle over an element, from and to shares of its width and height."""
    page.locator(selector).first.scroll_into_view_if_needed()
    box = page.locator(selector).first.bounding_box()
    page.mouse.move(box["x"] + start[0] * box["width"], box["y"] + start[1] * box["height"])
    page.mouse.down()
    page.mouse.move(box["x"] + end[0] * box["width"], box["y"] + end[1] * box["height"], steps=8)
    page.mouse.up()


def ranges(page):
    """What the history shows of its axes."""
    layout = "document.querySelector('#figure-history .canvas').layout"
    return page.evaluate(f"[{layout}.xaxis.range, {layout}.yaxis.range]")


def expect_address(page, part):
    """Waits until the address has this part."""
    page.wait_for_url(re.compile(re.escape(part)))
