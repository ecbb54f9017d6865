"""Chromium for the tests: how to start it, serve a folder to it, and notice what a page asks for or complains about."""

from __future__ import annotations

import contextlib
import functools
import http.server
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
HTML = ROOT / "_build" / "html"
BUILT = ROOT / "_build" / "html.done"  # there once the book was built and checked
NO_BOOK = "no built book in _build/html: make book PROFILE=smoke makes one"
FLAGS = [
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def chromium() -> str | None:
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@contextlib.contextmanager
def launched() -> Iterator:
    """A headless Chromium; skips where playwright or the browser is missing."""
    sync_api = pytest.importorskip("playwright.sync_api")
    if chromium() is None:
        pytest.skip("no Chromium on this machine")
    with sync_api.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium(), args=FLAGS, chromium_sandbox=False)
        yield browser
        browser.close()


@contextlib.contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address under which this machine serves a folder."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def built_book() -> Path:
    """The folder of the built book; skips where there is none."""
    if not BUILT.exists():
        pytest.skip(NO_BOOK)
    return HTML


def watched(page, origin: str) -> tuple[list[str], list[str]]:
    """(errors, foreign): lists that fill while the page lives. Requests to another origin are blocked and noted."""
    errors: list[str] = []
    foreign: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: message.type == "error" and errors.append(message.text))
    page.on("response", lambda response: response.status >= 400 and errors.append(f"{response.status} {response.url}"))

    def decide(route):
        if route.request.url.startswith((origin, "data:", "blob:")):
            route.continue_()
        else:
            foreign.append(route.request.url)
            route.abort()

    page.route("**/*", decide)
    return errors, foreign


def widget_page(folder: Path, *widgets) -> Path:
    """A small page in ``folder`` that carries the state of widgets as the book's pages do, with the book's own script."""
    from ipywidgets.embed import embed_data

    data = embed_data(views=list(widgets), drop_defaults=False)
    shutil.copy(ROOT / "book" / "_static" / "widgets.js", folder)

    def script(kind: str, content) -> str:
        text = json.dumps(content).replace("</", "<\\/")
        return f'<div><script type="application/vnd.jupyter.widget-{kind}+json">{text}</script></div>'

    places = "".join(script("view", view) for view in data["view_specs"])
    head = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>widgets</title>'
    state = script("state", data["manager_state"])
    path = folder / "page.html"
    path.write_text(f'<!doctype html><html lang="en">{head}{places}{state}<script src="widgets.js"></script></html>')
    return path
