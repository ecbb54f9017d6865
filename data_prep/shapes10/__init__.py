"""shapes10: the embedded data set, 10 tasks x 6 classes of small RGB images drawn by code.

Every figure is a signed distance function of the pixel centres, turned into anti-aliased coverage in one step, so a
batch of images costs a few array operations for each stroke. The tasks want different networks: counting and nested
outlines need global reasoning, stripes and textures need filters of a certain size, colour pairs are easy for any
network. Position, scale, rotation (unless it is the label), colours, contrast, clutter, illumination and noise
are nuisance.

Coordinates: the image spans [-1, 1] in x (to the right) and in y (downwards), so one pixel is 2/resolution wide. All
sizes below are in these units and all random parameters are drawn before the pixel noise: one random stream gives the
same scenes at every resolution.
"""

import numpy as np

from data_prep import SPLITS
from data_prep.shapes10.families import FAMILIES
from data_prep.shapes10.painting import clutter_layer, colours, render
from data_prep.shapes10.tasks import CLASSES, TASKS
from eas_core.base.errors import DataError

CHUNK = 50  # images drawn from one random stream; part of the data set's definition


def draw(class_index: int, n: int, resolution: int, rng: np.random.Generator) -> np.ndarray:
    """n random images of one class (0..59, 6*task + position): uint8 (n, 3, resolution, resolution)."""
    _check_integer("class_index", class_index, 0, CLASSES - 1)
    _check_integer("n", n, 0)
    _check_integer("resolution", resolution, 8)
    task, position = list(TASKS)[class_index // 6], class_index % 6
    axis = ((np.arange(resolution) + 0.5) * (2 / resolution) - 1).astype(np.float32)  # pixel centres (R,)
    paper, ink = colours(rng, n)
    layers = FAMILIES[task](rng, n, axis, position, ink)
    clutter = [clutter_layer(rng, n, axis, paper, ink, dots=task != "counting")]
    # Clutter lies under a figure, which it must not break, and over a pattern, which would hide it.
    fills_image = task in ("stripe_angle", "stripe_frequency", "textures")
    return render(rng, axis, paper, layers + clutter if fills_image else clutter + layers)


def draw_split(split: str, per_class: int, resolution: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """One split of the data set, sorted by class: images uint8 (60*per_class, 3, R, R), labels int64 (60*per_class,).

    The stream of each chunk is keyed by (seed, split, class, chunk): splits are independent, and the first images of a
    class do not depend on per_class.
    """
    if split not in SPLITS:
        raise DataError(f"split: {split!r} is not allowed; one of {', '.join(SPLITS)}")
    _check_integer("per_class", per_class, 1)
    _check_integer("resolution", resolution, 8)
    _check_integer("seed", seed, 0)
    images = np.empty((CLASSES, per_class, 3, resolution, resolution), np.uint8)
    for class_index in range(CLASSES):
        for first in range(0, per_class, CHUNK):
            key = (seed, SPLITS.index(split), class_index, first // CHUNK)
            rng = np.random.default_rng(np.random.SeedSequence(key))
            part = images[class_index, first : first + CHUNK]
            part[:] = draw(class_index, CHUNK, resolution, rng)[: len(part)]
    return images.reshape(-1, 3, resolution, resolution), np.repeat(np.arange(CLASSES), per_class)


def _check_integer(field: str, value: int, low: int, high: int | None = None) -> None:
    """One clear line for a value that is no whole number or out of range."""
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < low or (high is not None and value > high):
        allowed = f"a whole number from {low} to {high}" if high is not None else f"a whole number of at least {low}"
        raise DataError(f"{field}: {value!r} is not allowed; {allowed}")
