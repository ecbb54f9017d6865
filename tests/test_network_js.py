"""The network in the page: what network.js cuts out, calibrates and runs is what the library does, by node."""

from __future__ import annotations

import json
import shutil
import subprocess

import numpy as np
import pytest
import torch

from data_prep import shapes10
from eas_core import load_release
from eas_core.base.random import rng
from eas_core.data.splits import normalise
from eas_core.space.search_space import LARGEST, SMALLEST, sample
from eas_core.widgets import FOLDER, network_data

NODE = shutil.which("node")
pytestmark = pytest.mark.skipif(NODE is None, reason="no node on this machine")
PICTURES, ARCHITECTURES = 3, 100

RUN = """
import { readFileSync } from "node:fs";
const { calibrating, extract, normalisePictures, run, unpackHalf } = await import(process.argv[1]);
const { facts, architectures, count } = JSON.parse(readFileSync(process.argv[2]));
const weights = unpackHalf(readFileSync(process.argv[3]), facts.layout);
const pictures = normalisePictures(readFileSync(process.argv[4]), facts.mean, facts.std);
const size = pictures.length / (count + 1);
for (const architecture of architectures) {
  const network = extract(facts.space, weights, architecture);
  for (const share of calibrating(network, pictures.subarray(size), count)) if (!(share > 0 && share <= 1)) throw share;
  console.log(JSON.stringify([...run(network, pictures.subarray(0, size))]));
}
"""


@pytest.fixture(scope="module")
def release():
    return load_release("demo", device="cpu")


def test_logits_in_javascript_equal_pythons(release, tmp_path):
    draw = rng(0, "test", "architectures in JavaScript")
    architectures = [SMALLEST, LARGEST, *(sample(draw) for _ in range(ARCHITECTURES - 2))]
    resolution = release.profile.space.resolution
    images, _ = shapes10.draw_split("valid", 1, resolution, 0)
    images = torch.from_numpy(images[: 60 : 60 // (PICTURES + 1)][: PICTURES + 1])

    facts = network_data.facts(release)
    (tmp_path / "asked.json").write_text(
        json.dumps({"facts": facts, "architectures": [a.to_dict() for a in architectures], "count": PICTURES})
    )
    (tmp_path / "weights").write_bytes(network_data.weight_bytes(release.supernet))
    (tmp_path / "pictures").write_bytes(network_data.picture_bytes(images.numpy()))
    module = shutil.copy(FOLDER / "network.js", tmp_path / "network.mjs")
    files = [str(tmp_path / name) for name in ("asked.json", "weights", "pictures")]
    script = ["--input-type=module", "--eval", RUN, f"file://{module}", *files]
    done = subprocess.run([NODE, *script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    theirs = torch.tensor([json.loads(line) for line in done.stdout.splitlines()])

    supernet = network_data.rounded(release.supernet)
    for architecture, logits in zip(architectures, theirs, strict=True):
        network = network_data.calibrated(supernet.extract(architecture), images[1:])
        with torch.no_grad():
            ours = network(normalise(images[:1]))[0]
        torch.testing.assert_close(logits, ours, atol=1e-3, rtol=1e-3)


def test_half_precision_is_read_as_numpy_reads_it(tmp_path):
    bits = np.arange(0, 2**16, 7, dtype=np.uint16)
    module = shutil.copy(FOLDER / "network.js", tmp_path / "network.mjs")
    script = (
        f"import {{ half }} from 'file://{module}'; console.log(JSON.stringify({bits.tolist()}.map(half).map(String)))"
    )
    done = subprocess.run([NODE, "--input-type=module", "--eval", script], capture_output=True, text=True, check=True)
    np.testing.assert_array_equal(np.array(json.loads(done.stdout), float), bits.view(np.float16).astype(float))
