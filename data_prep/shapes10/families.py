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

from eas_core.base.errors import DataError

TASKS: dict[str, tuple[str, ...]] = {
    "polygons": ("triangle", "square", "pentagon", "hexagon", "octagon", "circle"),
    "stripe_angle": ("0 degrees", "30 degrees", "60 degrees", "90 degrees", "120 degrees", "150 degrees"),
    "stripe_frequency": ("2 cycles", "2.8 cycles", "4 cycles", "5.6 cycles", "8 cycles", "11 cycles"),
    "counting": ("one dot", "two dots", "three dots", "four dots", "five dots", "six dots"),
    "curves": ("clockwise spiral", "anticlockwise spiral", "wave", "zigzag", "figure eight", "horseshoe"),
    "strokes": ("letter L", "letter T", "letter F", "letter E", "letter H", "letter Y"),
    "textures": ("checkerboard", "bricks", "grid", "polka dots", "chevrons", "blobs"),
    "arrows": ("arrow at 0", "arrow at 60", "arrow at 120", "arrow at 180", "arrow at 240", "arrow at 300"),
    "nested_outlines": (
        "square in circle",
        "triangle in circle",
        "circle in square",
        "triangle in square",
        "circle in triangle",
        "square in triangle",
    ),
    "colour_pairs": (
        "red and yellow",
        "red and green",
        "red and blue",
        "yellow and green",
        "yellow and blue",
        "green and blue",
    ),
}
CLASSES = sum(len(names) for names in TASKS.values())
SPLITS = ("train", "valid", "test")
CHUNK = 50  # images drawn from one random stream; part of the data set's definition

CYCLES = (2.0, 2.8, 4.0, 5.6, 8.0, 11.0)  # of the stripes, across the image
SIDES = {"circle": 0, "triangle": 3, "square": 4, "pentagon": 5, "hexagon": 6, "octagon": 8}
HUES = {"red": (0.85, 0.22, 0.2), "yellow": (0.82, 0.74, 0.2), "green": (0.22, 0.68, 0.28), "blue": (0.22, 0.36, 0.85)}
GLYPHS = {  # strokes as (x0, y0, x1, y1)
    "letter L": ((-0.6, -1, -0.6, 1), (-0.6, 1, 0.7, 1)),
    "letter T": ((-0.8, -1, 0.8, -1), (0, -1, 0, 1)),
    "letter F": ((-0.6, -1, -0.6, 1), (-0.6, -1, 0.7, -1), (-0.6, 0, 0.5, 0)),
    "letter E": ((-0.6, -1, -0.6, 1), (-0.6, -1, 0.7, -1), (-0.6, 0, 0.5, 0), (-0.6, 1, 0.7, 1)),
    "letter H": ((-0.7, -1, -0.7, 1), (0.7, -1, 0.7, 1), (-0.7, 0, 0.7, 0)),
    "letter Y": ((-0.8, -1, 0, 0), (0.8, -1, 0, 0), (0, 0, 0, 1)),
}


def draw(class_index: int, n: int, resolution: int, rng: np.random.Generator) -> np.ndarray:
    """n random images of one class (0..59, 6*task + position): uint8 (n, 3, resolution, resolution)."""
    _check_integer("class_index", class_index, 0, CLASSES - 1)
    _check_integer("n", n, 0)
    _check_integer("resolution", resolution, 8)
    task, position = list(TASKS)[class_index // 6], class_index % 6
    axis = ((np.arange(resolution) + 0.5) * (2 / resolution) - 1).astype(np.float32)  # pixel centres (R,)
    paper, ink = _colours(rng, n)
    layers = _FAMILIES[task](rng, n, axis, position, ink)
    clutter = [_clutter(rng, n, axis, paper, ink, dots=task != "counting")]
    # Clutter lies under a figure, which it must not break, and over a pattern, which would hide it.
    fills_image = task in ("stripe_angle", "stripe_frequency", "textures")
    return _render(rng, axis, paper, layers + clutter if fills_image else clutter + layers)


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


# ---- distance functions and colours: (n, R, R) float32 from per-image parameters (n,) --------------------------------


def _uniform(rng, low, high, *shape) -> np.ndarray:
    return rng.uniform(low, high, shape).astype(np.float32)


def _plane(axis, a, b, c) -> np.ndarray:
    """a*x + b*y + c at every pixel: two outer products and one addition are the cheapest way to rotate a grid."""
    return (a[:, None] * axis)[:, None, :] + (b[:, None] * axis + c[:, None])[:, :, None]


def _rotated(axis, angle, x, y, scale=1.0) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (u, v) of a frame at (x, y), turned by angle, with lengths divided by scale."""
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    return _plane(axis, cos, sin, -cos * x - sin * y), _plane(axis, -sin, cos, sin * x - cos * y)


def _cover(distance, axis, soft=1.0) -> np.ndarray:
    """Coverage 0..1 of the region distance < 0; the edge is `soft` pixels wide."""
    return np.clip(0.5 - distance * (len(axis) / 2 / soft), 0, 1)


def _segments(axis, start, end) -> np.ndarray:
    """Distance to the nearest of k segments with end points (n, k, 2)."""
    middle, half = (start + end) / 2, (end - start) / 2
    length, angle = np.hypot(half[..., 0], half[..., 1]), np.arctan2(half[..., 1], half[..., 0])
    cos, sin = np.cos(angle), np.sin(angle)  # also right for a segment of length zero, a point
    u0, v0 = cos * middle[..., 0] + sin * middle[..., 1], cos * middle[..., 1] - sin * middle[..., 0]
    nearest = np.full((len(start), len(axis), len(axis)), 100, np.float32)  # squared
    for k in range(start.shape[1]):
        along = _plane(axis, cos[:, k], sin[:, k], -u0[:, k])
        across = _plane(axis, -sin[:, k], cos[:, k], -v0[:, k])
        np.abs(along, out=along)
        along -= length[:, k, None, None]
        np.maximum(along, 0, out=along)
        along *= along
        across *= across
        along += across
        np.minimum(nearest, along, out=nearest)
    return np.sqrt(nearest, out=nearest)


def _discs(axis, centre, radius) -> np.ndarray:
    """Signed distance to the union of k discs: centre (n, k, 2), radius (n, k)."""
    nearest = np.full((len(centre), len(axis), len(axis)), 100, np.float32)
    for k in range(centre.shape[1]):
        dx, dy = axis - centre[:, k, :1], axis - centre[:, k, 1:]
        distance = (dx * dx)[:, None, :] + (dy * dy)[:, :, None]
        np.sqrt(distance, out=distance)
        distance -= radius[:, k, None, None]
        np.minimum(nearest, distance, out=nearest)
    return nearest


def _polygon(axis, sides: int, radius, angle, x, y) -> np.ndarray:
    """Signed distance to a regular polygon (sides=0: a circle) of the area of a circle of that radius."""
    if sides == 0:
        return _discs(axis, np.stack([x, y], -1)[:, None], radius[:, None])
    apothem = radius * np.sqrt(np.pi / (sides * np.tan(np.pi / sides)))
    distance = np.full((len(x), len(axis), len(axis)), -100, np.float32)
    for k in range(sides):
        cos, sin = np.cos(angle + 2 * np.pi * k / sides), np.sin(angle + 2 * np.pi * k / sides)
        np.maximum(distance, _plane(axis, cos, sin, -cos * x - sin * y - apothem), out=distance)
    return distance


def _placed(points, scale, angle, x, y) -> np.ndarray:
    """Points (n, k, 2) scaled, turned by angle and moved to (x, y)."""
    cos, sin = (np.cos(angle) * scale)[:, None], (np.sin(angle) * scale)[:, None]
    px, py = points[..., 0], points[..., 1]
    return np.stack([cos * px - sin * py + x[:, None], sin * px + cos * py + y[:, None]], -1).astype(np.float32)


def _place(rng, n, size) -> tuple[np.ndarray, np.ndarray]:
    """A centre (x, y) that keeps a figure of half-width size (n,) inside the image."""
    room = np.maximum(0.95 - size, 0)
    return _uniform(rng, -1, 1, n) * room, _uniform(rng, -1, 1, n) * room


def _colours(rng, n) -> tuple[np.ndarray, np.ndarray]:
    """Background and figure colours (n, 3) in 0..1 that differ in lightness by 0.2 to 0.5."""
    light = _uniform(rng, 0.2, 0.8, n)
    contrast = _uniform(rng, 0.2, 0.5, n) * np.where(rng.random(n) < 0.5, -1, 1)
    other = light + contrast
    other = np.where((other < 0.05) | (other > 0.95), light - contrast, other)
    tint = rng.normal(0, 0.1, (2, n, 3))
    tint -= tint.mean(-1, keepdims=True)  # a tint changes the hue, not the lightness
    return (light[:, None] + tint[0]).astype(np.float32), (other[:, None] + tint[1]).astype(np.float32)


def _clutter(rng, n, axis, paper, ink, dots: bool) -> tuple[np.ndarray, np.ndarray]:
    """Up to three short strokes and two specks of weaker contrast: (coverage, colour)."""
    start = _uniform(rng, -1, 1, n, 3, 2)
    start[rng.random((n, 3)) < 0.5] += 10  # out of sight: the number of strokes varies
    angle, length = _uniform(rng, 0, 2 * np.pi, n, 3), _uniform(rng, 0.2, 0.45, n, 3)
    distance = _segments(axis, start, start + length[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1))
    distance -= _uniform(rng, 0.02, 0.045, n)[:, None, None]
    centre = _uniform(rng, -1, 1, n, 2, 2)
    centre[rng.random((n, 2)) < 0.5] += 10
    if dots:
        np.minimum(distance, _discs(axis, centre, _uniform(rng, 0.05, 0.1, n, 2)), out=distance)
    strength = _uniform(rng, 0.3, 0.8, n, 1)
    tint = rng.normal(0, 0.08, (n, 3)).astype(np.float32)
    return _cover(distance, axis), paper + (ink - paper) * strength + tint


def _render(rng, axis, paper, layers) -> np.ndarray:
    """Paints the layers (coverage (n, R, R), colour (n, 3)) over the background, then light and noise: uint8 images."""
    n, size = len(paper), len(axis)
    angle, slope = _uniform(rng, 0, 2 * np.pi, n), _uniform(rng, 0, 0.3, n)
    light = _plane(axis, slope * np.cos(angle), slope * np.sin(angle), np.ones(n, np.float32))
    sigma = _uniform(rng, 0.02, 0.07, n)
    image = np.empty((n, 3, size, size), np.float32)
    image[:] = paper[:, :, None, None]
    for cover, colour in layers:
        image += cover[:, None] * (colour[:, :, None, None] - image)
    image *= light[:, None]
    image += rng.standard_normal(image.shape, np.float32) * sigma[:, None, None, None]
    image *= 255
    return np.clip(np.rint(image, out=image), 0, 255, out=image).astype(np.uint8)


# ---- the ten families: (rng, n, axis, position, ink) -> layers -------------------------------------------------------


def _outline_or_fill(rng, n, distance) -> np.ndarray:
    """Half of the figures become outlines, so that neither area nor the inside tells the class."""
    line = np.abs(distance) - _uniform(rng, 0.05, 0.08, n)[:, None, None]
    return np.where((rng.random(n) < 0.5)[:, None, None], line, distance)


def _polygons(rng, n, axis, position, ink):
    radius = _uniform(rng, 0.5, 0.85, n)
    x, y = _place(rng, n, radius * 1.1)
    sides = SIDES[TASKS["polygons"][position]]
    distance = _polygon(axis, sides, radius, _uniform(rng, 0, 2 * np.pi, n), x, y)
    return [(_cover(_outline_or_fill(rng, n, distance), axis), ink)]


def _grating(rng, n, axis, angle, cycles) -> np.ndarray:
    """A sine wave that varies along angle (n,), with `cycles` periods across the image."""
    wave, _ = _rotated(axis, angle, _uniform(rng, -1, 1, n), np.zeros(n, np.float32), 1 / (np.pi * cycles))
    return np.sin(wave, out=wave)


def _stripes(rng, n, axis, wave, smallest, ink):
    """Smooth or sharp stripes, seen through a round window of at least the smallest radius."""
    wave *= np.where(rng.random(n) < 0.5, 0.5, 1.2).astype(np.float32)[:, None, None]
    cover = np.clip(wave + 0.5, 0, 1)
    radius = _uniform(rng, smallest, 1.1, n)
    x, y = _place(rng, n, radius)
    cover *= _cover(_polygon(axis, 0, radius, None, x, y), axis, soft=3)
    return [(cover, ink)]


def _stripe_angle(rng, n, axis, position, ink):
    # Stripes of angle t vary along t + 90 degrees. The jitter leaves a gap of 6 degrees between classes.
    angle = position * 30 + 90 + _uniform(rng, -12, 12, n)
    wave = _grating(rng, n, axis, np.deg2rad(angle), _uniform(rng, 2.5, 9, n))
    # A weaker grating crosses the stripes: the stronger of the two is the label.
    other = np.deg2rad(angle + _uniform(rng, 30, 150, n))
    wave += _uniform(rng, 0.2, 0.75, n)[:, None, None] * _grating(rng, n, axis, other, _uniform(rng, 2.5, 9, n))
    return _stripes(rng, n, axis, wave, 0.45, ink)


def _stripe_frequency(rng, n, axis, position, ink):
    # Neighbouring classes are a factor 1.4 apart; the jitter of 12 % each way keeps them apart.
    cycles = CYCLES[position] * _uniform(rng, 0.88, 1.12, n)
    return _stripes(rng, n, axis, _grating(rng, n, axis, _uniform(rng, 0, np.pi, n), cycles), 0.5, ink)


def _counting(rng, n, axis, position, ink):
    # Cells of a jittered, turned 3 x 3 grid, so that dots never touch.
    cell = np.argsort(rng.random((n, 9)), axis=1)[:, : position + 1]
    grid = np.stack([cell % 3 - 1, cell // 3 - 1], -1) + _uniform(rng, -0.2, 0.2, n, position + 1, 2)
    centre = _placed(grid, np.full(n, 0.55), _uniform(rng, 0, np.pi, n), *_uniform(rng, -0.08, 0.08, 2, n))
    # One size for each image, and some spread: the painted area alone does not give the number.
    radius = _uniform(rng, 0.08, 0.15, n, 1) * _uniform(rng, 0.85, 1.15, n, position + 1)
    return [(_cover(_discs(axis, centre, radius), axis), ink)]


def _curves(rng, n, axis, position, ink):
    t = np.linspace(0, 1, 25)[None]  # 24 segments: zigzags of 3 or 4 legs have their corners on points
    phase = np.pi * rng.integers(3, 5, (n, 1)) * t
    name = TASKS["curves"][position]
    if "spiral" in name:  # y points down, so a growing angle turns clockwise on the screen, seen from inside out
        turn = 2 * np.pi * _uniform(rng, 1.5, 2.0, n, 1) * t * (-1 if name.startswith("anti") else 1)
        x, y = (0.1 + 0.9 * t) * np.cos(turn), (0.1 + 0.9 * t) * np.sin(turn)
    elif name == "wave":
        x, y = 2 * t - 1 + 0 * phase, _uniform(rng, 0.3, 0.45, n, 1) * np.cos(phase)
    elif name == "zigzag":
        x, y = 2 * t - 1 + 0 * phase, _uniform(rng, 0.3, 0.45, n, 1) * (1 - np.arccos(np.cos(phase)) / np.pi * 2)
    elif name == "figure eight":
        x, y = np.cos(2 * np.pi * t) + 0 * phase, _uniform(rng, 0.4, 0.6, n, 1) * np.sin(4 * np.pi * t)
    else:  # horseshoe
        turn = _uniform(rng, 1.1, 1.5, n, 1) * np.pi * (t - 0.5)
        x, y = 0.85 * np.cos(turn), 0.85 * np.sin(turn)
    size = _uniform(rng, 0.5, 0.85, n)
    points = _placed(np.stack([x, y], -1), size, _uniform(rng, 0, 2 * np.pi, n), *_place(rng, n, size))
    distance = _segments(axis, points[:, :-1], points[:, 1:])
    return [(_cover(distance - _uniform(rng, 0.035, 0.065, n)[:, None, None], axis), ink)]


def _strokes(rng, n, axis, position, ink):
    lines = np.array(GLYPHS[TASKS["strokes"][position]])
    points = lines.reshape(1, -1, 2) + rng.normal(0, 0.07, (n, 2 * len(lines), 2))
    points[..., 0] *= _uniform(rng, 0.7, 1.2, n, 1)
    size = _uniform(rng, 0.35, 0.65, n)
    points = _placed(points, size, _uniform(rng, 0, 2 * np.pi, n), *_place(rng, n, size * 1.2))
    distance = _segments(axis, points[:, 0::2], points[:, 1::2])
    return [(_cover(distance - _uniform(rng, 0.045, 0.08, n)[:, None, None], axis), ink)]


def _wrap(u) -> np.ndarray:
    """Distance to the nearest whole number, 0..0.5."""
    return np.abs(u - np.rint(u))


def _textures(rng, n, axis, position, ink):
    period = _uniform(rng, 0.24, 0.46, n)
    angle = _uniform(rng, 0, np.pi, n)
    u, v = _rotated(axis, angle, *_uniform(rng, -1, 1, 2, n), period)
    name = TASKS["textures"][position]
    if name == "checkerboard":  # exclusive or of two families of stripes
        a, b = _wrap(u / 2) * 2 - 0.5, _wrap(v / 2) * 2 - 0.5
        distance = np.maximum(np.minimum(a, b), -np.maximum(a, b))
    elif name == "bricks":
        row = np.floor(v)
        distance = np.minimum(_wrap(v), _wrap(u / 2 + row / 2) * 2) - 0.13
    elif name == "grid":
        distance = np.minimum(_wrap(u), _wrap(v)) - 0.13
    elif name == "polka dots":
        distance = np.hypot(_wrap(u), _wrap(v)) - 0.3
    elif name == "chevrons":
        distance = (_wrap(v + 2 * _wrap(u / 2)) - 0.25) * 0.7
    else:  # blobs: a threshold of six random plane waves
        distance = np.zeros_like(u)
        for k in range(6):
            turn = 2 * np.pi * (k + _uniform(rng, 0, 1, n)) / 6
            wave = u * np.cos(turn)[:, None, None] + v * np.sin(turn)[:, None, None]
            wave *= 3.5
            wave += _uniform(rng, 0, 2 * np.pi, n)[:, None, None]
            distance += np.sin(wave, out=wave)
        distance *= 0.15
    return [(_cover(distance * period[:, None, None], axis), ink)]


def _arrows(rng, n, axis, position, ink):
    barb, spread = _uniform(rng, 0.35, 0.6, n), np.deg2rad(_uniform(rng, 30, 45, n))
    bar = _uniform(rng, 0.12, 0.3, n) * (rng.random(n) < 0.5)  # half of the arrows have a bar across their tail
    zero, one = np.zeros(n), np.ones(n)
    tip, tail, end = (np.stack(point, -1) for point in ((one, zero), (-one, zero), (-one, bar)))
    left = np.stack([1 - barb * np.cos(spread), barb * np.sin(spread)], -1)
    lines = np.stack([tail, tip, left, tip, left * [1, -1], tip, end, end * [1, -1]], 1)
    size = _uniform(rng, 0.35, 0.7, n)
    # Headings count clockwise from the right, as y points down; neighbours stay 14 degrees apart.
    angle = np.deg2rad(60 * position + _uniform(rng, -23, 23, n))
    points = _placed(lines, size, angle, *_place(rng, n, size))
    distance = _segments(axis, points[:, 0::2], points[:, 1::2])
    return [(_cover(distance - _uniform(rng, 0.03, 0.055, n)[:, None, None], axis), ink)]


def _nested_outlines(rng, n, axis, position, ink):
    inner, outer = TASKS["nested_outlines"][position].split(" in ")
    radius = _uniform(rng, 0.55, 0.75, n)
    x, y = _place(rng, n, radius * 1.2)
    width = _uniform(rng, 0.035, 0.06, n)[:, None, None]
    distance = np.abs(_polygon(axis, SIDES[outer], radius, _uniform(rng, 0, 2 * np.pi, n), x, y)) - width
    small = radius * _uniform(rng, 0.4, 0.55, n)
    shift = _uniform(rng, -0.06, 0.06, 2, n) * radius
    inside = _polygon(axis, SIDES[inner], small, _uniform(rng, 0, 2 * np.pi, n), x + shift[0], y + shift[1])
    return [(_cover(np.minimum(distance, np.abs(inside) - width), axis), ink)]


def _colour_pairs(rng, n, axis, position, ink):
    # Two patches on opposite sides of a random centre; the shapes say nothing.
    angle, x, y = _uniform(rng, 0, 2 * np.pi, n), _uniform(rng, -0.2, 0.2, n), _uniform(rng, -0.2, 0.2, n)
    layers = []
    for side, hue in zip((-1, 1), TASKS["colour_pairs"][position].split(" and "), strict=True):
        gap, radius = _uniform(rng, 0.35, 0.55, n), _uniform(rng, 0.2, 0.4, n)
        px, py = x + side * gap * np.cos(angle), y + side * gap * np.sin(angle)
        turn = _uniform(rng, 0, 2 * np.pi, n)
        square, disc = _polygon(axis, 4, radius, turn, px, py), _polygon(axis, 0, radius, turn, px, py)
        distance = np.where((rng.random(n) < 0.5)[:, None, None], square, disc)
        colour = np.array(HUES[hue]) + rng.normal(0, 0.1, (n, 3)) + rng.normal(0, 0.07, (n, 1))
        layers.append((_cover(distance, axis), colour.astype(np.float32)))
    return layers


_FAMILIES = {
    "polygons": _polygons,
    "stripe_angle": _stripe_angle,
    "stripe_frequency": _stripe_frequency,
    "counting": _counting,
    "curves": _curves,
    "strokes": _strokes,
    "textures": _textures,
    "arrows": _arrows,
    "nested_outlines": _nested_outlines,
    "colour_pairs": _colour_pairs,
}
