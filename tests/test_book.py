"""The built book in a real browser: every page opens without an error, asks no other origin, and shows what was run."""

from __future__ import annotations

import functools
import http.server
import importlib
import re
import shutil
import threading
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def toc_pages() -> list[str]:
    toc = yaml.safe_load((ROOT / "book" / "_toc.yml").read_text())
    return [toc["root"], *(chapter["file"] for part in toc["parts"] for chapter in part["chapters"])]


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@pytest.mark.parametrize("page", ["paper_map.md", "departures.md"])
def test_functions_that_the_prose_names_exist(page):
    names = set(re.findall(r"`(eas_core(?:\.\w+)+)`", (ROOT / "book" / page).read_text()))
    assert names or page != "paper_map.md"
    for name in names:
        module, attribute = name.rsplit(".", 1)
        assert hasattr(importlib.import_module(module), attribute), f"{page} names {name}"


@pytest.mark.parametrize("page", ["departures.md"])
def test_settings_that_the_prose_names_exist(page):
    from eas_core import profiles

    settings = profiles.load("demo").model_dump()
    for name in re.findall(
        r"`((?:supernet|generator|specialize|evaluation|calibration|data)(?:\.\w+)+)",
        (ROOT / "book" / page).read_text(),
    ):
        functools.reduce(lambda level, part: level[part], name.split("."), settings)


@pytest.fixture(scope="module")
def origin():
    """The built book served from this machine."""
    if not (HTML / "index.html").exists():
        pytest.skip("no built book in _build/html: make book PROFILE=smoke makes one")

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(HTML)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


@pytest.fixture(scope="module")
def browser(origin):
    sync_api = pytest.importorskip("playwright.sync_api")
    if chromium() is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS, chromium_sandbox=False)
        yield browser
        browser.close()


@pytest.mark.parametrize("name", toc_pages())
def test_page_opens_without_errors(name, origin, browser):
    page = browser.new_page()
    errors, requests = [], []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("request", lambda request: requests.append(request.url))
    page.on("response", lambda response: response.status >= 400 and errors.append(f"{response.status} {response.url}"))
    page.goto(f"{origin}/{name}.html", wait_until="load")
    if page.locator("script[src*='mathjax/']").count():
        page.wait_for_function("window.MathJax && MathJax.startup && MathJax.startup.promise", timeout=30_000)
        page.evaluate("() => MathJax.startup.promise")
        assert page.locator("mjx-container").count() >= page.locator(".math").count(), "mathematics was not set"
        assert page.locator("mjx-merror").count() == 0
    page.wait_for_timeout(200)  # what scripts ask for late
    assert page.title().strip() and page.locator("article h1").first.inner_text().strip()
    assert not errors
    assert [url for url in requests if not url.startswith((origin, "data:", "blob:"))] == [], "asked another origin"
    if re.match(r"executed/\d\d_", name):
        assert page.locator(".cell_output").count() > 0, "no output of a run"
        assert page.locator(".tag_parameters:visible, .tag_injected-parameters:visible").count() == 0
    page.close()


def test_run_times_list_every_notebook(origin):
    text = (HTML / "executed" / "run_times.html").read_text()
    for name in toc_pages():
        if re.match(r"executed/\d\d_", name):
            assert name.removeprefix("executed/") in text
