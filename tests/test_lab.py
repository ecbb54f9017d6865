"""The cover's notebook in a live JupyterLab: its explorer works with a kernel, and page and Python see each other."""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest

pytest.importorskip("anywidget")
pytest.importorskip("jupyterlab")

from browser import ROOT, launched

from eas_core.space.search_space import Architecture

OPTIONS = (
    "--no-browser --allow-root --ServerApp.port=0 --IdentityProvider.token= --ServerApp.disable_check_xsrf=True "
    "--LabApp.expose_app_in_browser=True --LabApp.extension_manager=readonly --ServerApp.log_level=ERROR"
).split()

SETTINGS = {
    "notebook-extension/tracker": {"windowingMode": "none"},  # cells out of sight are in the page too
    "apputils-extension/notification": {"fetchNews": "false"},
}

READY = """() => {
  const context = jupyterapp.shell.currentWidget?.sessionContext; // cells that run before there is a kernel are only skipped
  const kernel = context?.isReady && context.session?.kernel;
  return kernel && kernel.connectionStatus === "connected" && kernel.status === "idle";
}"""


def wait_for(ready, what: str, seconds: float = 60):
    """What ``ready()`` gives as soon as it gives something."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if value := ready():
            return value
        time.sleep(0.1)
    raise AssertionError(f"after {seconds:g} s still no {what}")


@pytest.fixture(scope="module")
def folder(tmp_path_factory, smoke_run) -> Path:
    """A folder with the cover's notebook, its parameters set to a finished smoke run."""
    folder = tmp_path_factory.mktemp("lab")
    notebook = nbformat.read(ROOT / "notebooks" / "index.ipynb", as_version=4)
    (cell,) = (c for c in notebook.cells if "parameters" in c.metadata.get("tags", []))
    cell.source = f"profile, seed, runs, overrides = 'smoke', 0, {str(smoke_run.root)!r}, []"
    nbformat.write(notebook, folder / "index.ipynb")
    return folder


@pytest.fixture(scope="module")
def lab(folder, tmp_path_factory):
    """The address of a running JupyterLab, and the folder of its connection files."""
    own = tmp_path_factory.mktemp("jupyter")
    names = {"JUPYTER_RUNTIME_DIR": "runtime", "JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data"}
    places = {name: str(own / part) for name, part in names.items()}
    for name, content in SETTINGS.items():
        path = own / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(content))
    options = [*OPTIONS, f"--ServerApp.root_dir={folder}", f"--LabApp.user_settings_dir={own / 'settings'}"]
    command = [sys.executable, "-m", "jupyterlab", *options]
    environment = os.environ | places | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    with open(own / "log", "w") as log:
        server = subprocess.Popen(command, env=environment, cwd=folder, stdout=log, stderr=subprocess.STDOUT)
    try:
        runtime = own / "runtime"
        info = wait_for(lambda: list(runtime.glob("jpserver-*.json")), f"server: {(own / 'log').read_text()}")
        yield json.loads(info[0].read_text())["url"], runtime
    finally:
        server.terminate()
        server.wait(20)


class Kernel:
    """The kernel that runs the notebook, asked from outside."""

    def __init__(self, runtime: Path):
        from jupyter_client import BlockingKernelClient

        (connection,) = wait_for(lambda: list(runtime.glob("kernel-*.json")), "kernel")
        self.client = BlockingKernelClient(connection_file=str(connection))
        self.client.load_connection_file()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=60)

    def value(self, expression: str):
        """A JSON-able expression's value."""
        asked = {"value": f"__import__('json').dumps({expression})"}
        reply = self.client.execute("", user_expressions=asked, reply=True, timeout=60)["content"]
        answer = reply["user_expressions"]["value"]
        assert answer["status"] == "ok", answer
        return json.loads(ast.literal_eval(answer["data"]["text/plain"]))


def test_page_and_python_see_each_other(lab):
    address, runtime = lab
    with launched() as browser:
        page = browser.new_page(viewport={"width": 1280, "height": 1000})
        errors = []
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(f"{address}lab/tree/index.ipynb?reset")
        page.wait_for_function("window.jupyterapp", timeout=90_000)
        page.wait_for_selector(".jp-Notebook .jp-Cell", timeout=60_000)
        page.wait_for_function(READY, timeout=90_000)
        page.evaluate("() => jupyterapp.commands.execute('notebook:run-all-cells')")
        page.wait_for_selector(".eas-explorer rect", timeout=120_000)
        kernel = Kernel(runtime)

        def seen() -> dict:
            return kernel.value(
                "{'task': explorer.task, 'budget': explorer.budget, 'draw': explorer.draw, "
                "'shown': explorer.shown, 'architecture': explorer.architecture.to_dict()}"
            )

        # the page changes, Python sees it
        before = seen()
        slider = page.get_by_role("slider", name="Budget")
        slider.focus()
        page.keyboard.press("End")
        after = wait_for(lambda: (now := seen())["budget"] > before["budget"] and now, "budget in Python")
        assert after["shown"]["budget"] == after["budget"], "the page did not send what it drew"
        assert after["architecture"] == after["shown"]["architecture"] != before["architecture"]
        page.get_by_label("Task").select_option("2")
        wait_for(lambda: seen()["task"] == 2, "task in Python")
        page.get_by_role("button", name="Sample again").click()
        after = wait_for(lambda: (now := seen())["draw"] == 1 and now, "draw in Python")

        # what Python has is what the reader reads
        text = page.locator(".eas-summary").inner_text()
        spent = int(re.search(r"([\d,]+) multiply-adds", text)[1].replace(",", ""))
        cost = kernel.value("__import__('eas_core').madds(run.profile.search_space(), [explorer.architecture])[0]")
        assert cost == spent
        assert sum(Architecture.from_dict(after["architecture"]).depth) == int(re.search(r"(\d+) blocks", text)[1])

        # Python changes, the page shows it
        kernel.value("setattr(explorer, 'draw', 0) or setattr(explorer, 'task', 1) or explorer.task")
        name = kernel.value("run.tasks.names[1]").replace("_", " ")
        page.wait_for_function(
            "name => document.querySelector('.eas-summary').innerText.startsWith(name + ':')", arg=name
        )
        assert page.get_by_label("Task").input_value() == "1"
        wait_for(lambda: seen()["shown"]["task"] == 1, "answer of the page")

        # and the network of what is shown can be had
        network = kernel.value(
            "(lambda s: [s.task, s.architecture == explorer.architecture, s.madds <= explorer.budget])(explorer.specialize())"
        )
        assert network == [1, True, True]
        assert not page.locator(".eas-fallback").first.is_visible(), "the stand-in figure is shown beside the widget"
        assert not errors
        page.close()
