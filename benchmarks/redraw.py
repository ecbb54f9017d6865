"""How long the explorer takes to redraw: ``python -m benchmarks.redraw [_build/html/index.html]``, on a built book.

In the page, the slider is set to many budgets; each time everything is computed and drawn anew (forward pass, budget,
cost, drawing), and the layout is forced. A frame at 60 a second lasts 16.7 ms. Needs playwright and Chromium.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path

from playwright.sync_api import sync_playwright

from eas_core.base import records

ROOT = Path(__file__).resolve().parent.parent
RESULTS = Path(__file__).parent / "results" / "redraw.json"
MEASURE = """async ({ count, draw, other }) => {
  const slider = document.querySelector(".eas-explorer input[type=range]");
  const menus = document.querySelectorAll(".eas-explorer select");
  const button = [...document.querySelectorAll(".eas-explorer button")].find((b) => b.textContent === (draw ? "Sample again" : "Most probable"));
  button.click();
  menus[1].value = other ? 1 : -1;
  menus[1].dispatchEvent(new Event("change"));
  const [low, high] = [Number(slider.min), Number(slider.max)];
  const times = [];
  for (let i = 0; i < count + 10; i++) {
    await new Promise(requestAnimationFrame);
    slider.value = low + (high - low) * ((i * 0.618034) % 1);
    const start = performance.now();
    slider.dispatchEvent(new Event("input"));
    document.querySelector(".eas-explorer").getBoundingClientRect(); // layout, not only a note that it is due
    times.push(performance.now() - start);
  }
  return times.slice(10).sort((a, b) => a - b); // the first ten warm up
}"""


def measure(page_file: Path, count: int) -> dict:
    """Milliseconds a redraw, for the most probable architecture, for samples, and with two tasks compared."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        raise SystemExit("no Chromium on this machine")
    cases = {
        "most probable": (0, False),
        "sampled": (1, False),
        "two tasks": (0, True),
        "two tasks, sampled": (1, True),
    }
    result = {}
    with sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=browser, chromium_sandbox=False, args=["--disable-gpu"])
        page = chromium.new_page(viewport={"width": 1280, "height": 900})
        page.goto(page_file.resolve().as_uri())
        page.wait_for_selector(".eas-explorer rect")
        for name, (draw, other) in cases.items():
            times = page.evaluate(MEASURE, {"count": count, "draw": draw, "other": other})
            result[name] = {"median": times[len(times) // 2], "p95": times[int(0.95 * len(times))], "n": len(times)}
        result["browser"] = f"Chromium {chromium.version}"
        chromium.close()
    return result


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.redraw", description=__doc__.splitlines()[0])
    parser.add_argument("page", nargs="?", type=Path, default=ROOT / "_build" / "html" / "index.html")
    parser.add_argument("--count", type=int, default=300, help="redraws a case")
    options = parser.parse_args()
    if not options.page.exists():
        parser.error(f"page: {options.page} is not there (make book)")
    result = measure(options.page, options.count)
    for name, times in result.items():
        if isinstance(times, dict):
            print(f"{name}: median {times['median']:.2f} ms, 95 % below {times['p95']:.2f} ms ({times['n']} redraws)")
    RESULTS.write_text(json.dumps(result | {"provenance": records.provenance()}, indent=1) + "\n")


if __name__ == "__main__":
    main()
