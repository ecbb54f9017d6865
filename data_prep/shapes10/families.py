"""What each of the ten tasks draws: functions (rng, n, axis, position, ink) -> [(coverage (n, R, R), colour (n, 3)), ...]."""

import numpy as np

from data_prep.shapes10.geometry import coverage, discs, place, placed, polygon, rotated, segments, uniform
from data_prep.shapes10.tasks import TASKS

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


def _outline_or_fill(rng, n, distance) -> np.ndarray:
    """Half of the figures become outlines, so that neither area nor the inside tells the class."""
    line = np.abs(distance) - uniform(rng, 0.05, 0.08, n)[:, None, None]
    return np.where((rng.random(n) < 0.5)[:, None, None], line, distance)


def _polygons(rng, n, axis, position, ink):
    radius = uniform(rng, 0.5, 0.85, n)
    x, y = place(rng, n, radius * 1.1)
    sides = SIDES[TASKS["polygons"][position]]
    distance = polygon(axis, sides, radius, uniform(rng, 0, 2 * np.pi, n), x, y)
    return [(coverage(_outline_or_fill(rng, n, distance), axis), ink)]


def _grating(rng, n, axis, angle, cycles) -> np.ndarray:
    """A sine wave that varies along angle (n,), with `cycles` periods across the image."""
    wave, _ = rotated(axis, angle, uniform(rng, -1, 1, n), np.zeros(n, np.float32), 1 / (np.pi * cycles))
    return np.sin(wave, out=wave)


def _stripes(rng, n, axis, wave, smallest, ink):
    """Smooth or sharp stripes, seen through a round window of at least the smallest radius."""
    wave *= np.where(rng.random(n) < 0.5, 0.5, 1.2).astype(np.float32)[:, None, None]
    cover = np.clip(wave + 0.5, 0, 1)
    radius = uniform(rng, smallest, 1.1, n)
    x, y = place(rng, n, radius)
    cover *= coverage(polygon(axis, 0, radius, None, x, y), axis, soft=3)
    return [(cover, ink)]


def _stripe_angle(rng, n, axis, position, ink):
    # Stripes of angle t vary along t + 90 degrees. The jitter leaves a gap of 6 degrees between classes.
    angle = position * 30 + 90 + uniform(rng, -12, 12, n)
    wave = _grating(rng, n, axis, np.deg2rad(angle), uniform(rng, 2.5, 9, n))
    # A weaker grating crosses the stripes: the stronger of the two is the label.
    other = np.deg2rad(angle + uniform(rng, 30, 150, n))
    wave += uniform(rng, 0.2, 0.75, n)[:, None, None] * _grating(rng, n, axis, other, uniform(rng, 2.5, 9, n))
    return _stripes(rng, n, axis, wave, 0.45, ink)


def _stripe_frequency(rng, n, axis, position, ink):
    # Neighbouring classes are a factor 1.4 apart; the jitter of 12 % each way keeps them apart.
    cycles = CYCLES[position] * uniform(rng, 0.88, 1.12, n)
    return _stripes(rng, n, axis, _grating(rng, n, axis, uniform(rng, 0, np.pi, n), cycles), 0.5, ink)


def _counting(rng, n, axis, position, ink):
    # Cells of a jittered, turned 3 x 3 grid, so that dots never touch.
    cell = np.argsort(rng.random((n, 9)), axis=1)[:, : position + 1]
    grid = np.stack([cell % 3 - 1, cell // 3 - 1], -1) + uniform(rng, -0.2, 0.2, n, position + 1, 2)
    centre = placed(grid, np.full(n, 0.55), uniform(rng, 0, np.pi, n), *uniform(rng, -0.08, 0.08, 2, n))
    # One size for each image, and some spread: the painted area alone does not give the number.
    radius = uniform(rng, 0.08, 0.15, n, 1) * uniform(rng, 0.85, 1.15, n, position + 1)
    return [(coverage(discs(axis, centre, radius), axis), ink)]


def _curves(rng, n, axis, position, ink):
    t = np.linspace(0, 1, 25)[None]  # 24 segments: zigzags of 3 or 4 legs have their corners on points
    phase = np.pi * rng.integers(3, 5, (n, 1)) * t
    name = TASKS["curves"][position]
    if "spiral" in name:  # y points down, so a growing angle turns clockwise on the screen, seen from inside out
        turn = 2 * np.pi * uniform(rng, 1.5, 2.0, n, 1) * t * (-1 if name.startswith("anti") else 1)
        x, y = (0.1 + 0.9 * t) * np.cos(turn), (0.1 + 0.9 * t) * np.sin(turn)
    elif name == "wave":
        x, y = 2 * t - 1 + 0 * phase, uniform(rng, 0.3, 0.45, n, 1) * np.cos(phase)
    elif name == "zigzag":
        x, y = 2 * t - 1 + 0 * phase, uniform(rng, 0.3, 0.45, n, 1) * (1 - np.arccos(np.cos(phase)) / np.pi * 2)
    elif name == "figure eight":
        x, y = np.cos(2 * np.pi * t) + 0 * phase, uniform(rng, 0.4, 0.6, n, 1) * np.sin(4 * np.pi * t)
    else:  # horseshoe
        turn = uniform(rng, 1.1, 1.5, n, 1) * np.pi * (t - 0.5)
        x, y = 0.85 * np.cos(turn), 0.85 * np.sin(turn)
    size = uniform(rng, 0.5, 0.85, n)
    points = placed(np.stack([x, y], -1), size, uniform(rng, 0, 2 * np.pi, n), *place(rng, n, size))
    distance = segments(axis, points[:, :-1], points[:, 1:])
    return [(coverage(distance - uniform(rng, 0.035, 0.065, n)[:, None, None], axis), ink)]


def _strokes(rng, n, axis, position, ink):
    lines = np.array(GLYPHS[TASKS["strokes"][position]])
    points = lines.reshape(1, -1, 2) + rng.normal(0, 0.07, (n, 2 * len(lines), 2))
    points[..., 0] *= uniform(rng, 0.7, 1.2, n, 1)
    size = uniform(rng, 0.35, 0.65, n)
    points = placed(points, size, uniform(rng, 0, 2 * np.pi, n), *place(rng, n, size * 1.2))
    distance = segments(axis, points[:, 0::2], points[:, 1::2])
    return [(coverage(distance - uniform(rng, 0.045, 0.08, n)[:, None, None], axis), ink)]


def _wrap(u) -> np.ndarray:
    """Distance to the nearest whole number, 0..0.5."""
    return np.abs(u - np.rint(u))


def _textures(rng, n, axis, position, ink):
    period = uniform(rng, 0.24, 0.46, n)
    angle = uniform(rng, 0, np.pi, n)
    u, v = rotated(axis, angle, *uniform(rng, -1, 1, 2, n), period)
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
            turn = 2 * np.pi * (k + uniform(rng, 0, 1, n)) / 6
            wave = u * np.cos(turn)[:, None, None] + v * np.sin(turn)[:, None, None]
            wave *= 3.5
            wave += uniform(rng, 0, 2 * np.pi, n)[:, None, None]
            distance += np.sin(wave, out=wave)
        distance *= 0.15
    return [(coverage(distance * period[:, None, None], axis), ink)]


def _arrows(rng, n, axis, position, ink):
    barb, spread = uniform(rng, 0.35, 0.6, n), np.deg2rad(uniform(rng, 30, 45, n))
    bar = uniform(rng, 0.12, 0.3, n) * (rng.random(n) < 0.5)  # half of the arrows have a bar across their tail
    zero, one = np.zeros(n), np.ones(n)
    tip, tail, end = (np.stack(point, -1) for point in ((one, zero), (-one, zero), (-one, bar)))
    left = np.stack([1 - barb * np.cos(spread), barb * np.sin(spread)], -1)
    lines = np.stack([tail, tip, left, tip, left * [1, -1], tip, end, end * [1, -1]], 1)
    size = uniform(rng, 0.35, 0.7, n)
    # Headings count clockwise from the right, as y points down; neighbours stay 14 degrees apart.
    angle = np.deg2rad(60 * position + uniform(rng, -23, 23, n))
    points = placed(lines, size, angle, *place(rng, n, size))
    distance = segments(axis, points[:, 0::2], points[:, 1::2])
    return [(coverage(distance - uniform(rng, 0.03, 0.055, n)[:, None, None], axis), ink)]


def _nested_outlines(rng, n, axis, position, ink):
    inner, outer = TASKS["nested_outlines"][position].split(" in ")
    radius = uniform(rng, 0.55, 0.75, n)
    x, y = place(rng, n, radius * 1.2)
    width = uniform(rng, 0.035, 0.06, n)[:, None, None]
    distance = np.abs(polygon(axis, SIDES[outer], radius, uniform(rng, 0, 2 * np.pi, n), x, y)) - width
    small = radius * uniform(rng, 0.4, 0.55, n)
    shift = uniform(rng, -0.06, 0.06, 2, n) * radius
    inside = polygon(axis, SIDES[inner], small, uniform(rng, 0, 2 * np.pi, n), x + shift[0], y + shift[1])
    return [(coverage(np.minimum(distance, np.abs(inside) - width), axis), ink)]


def _colour_pairs(rng, n, axis, position, ink):
    # Two patches on opposite sides of a random centre; the shapes say nothing.
    angle, x, y = uniform(rng, 0, 2 * np.pi, n), uniform(rng, -0.2, 0.2, n), uniform(rng, -0.2, 0.2, n)
    layers = []
    for side, hue in zip((-1, 1), TASKS["colour_pairs"][position].split(" and "), strict=True):
        gap, radius = uniform(rng, 0.35, 0.55, n), uniform(rng, 0.2, 0.4, n)
        px, py = x + side * gap * np.cos(angle), y + side * gap * np.sin(angle)
        turn = uniform(rng, 0, 2 * np.pi, n)
        square, disc = polygon(axis, 4, radius, turn, px, py), polygon(axis, 0, radius, turn, px, py)
        distance = np.where((rng.random(n) < 0.5)[:, None, None], square, disc)
        colour = np.array(HUES[hue]) + rng.normal(0, 0.1, (n, 3)) + rng.normal(0, 0.07, (n, 1))
        layers.append((coverage(distance, axis), colour.astype(np.float32)))
    return layers


FAMILIES = {
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
