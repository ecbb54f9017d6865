"""Colours, clutter, light and noise: from layers to images."""

import numpy as np

from data_prep.shapes10.geometry import coverage, discs, plane, segments, uniform


def colours(rng, n) -> tuple[np.ndarray, np.ndarray]:
    """Background and figure colours (n, 3) in 0..1 that differ in lightness by 0.2 to 0.5."""
    light = uniform(rng, 0.2, 0.8, n)
    contrast = uniform(rng, 0.2, 0.5, n) * np.where(rng.random(n) < 0.5, -1, 1)
    other = light + contrast
    other = np.where((other < 0.05) | (other > 0.95), light - contrast, other)
    tint = rng.normal(0, 0.1, (2, n, 3))
    tint -= tint.mean(-1, keepdims=True)  # a tint changes the hue, not the lightness
    return (light[:, None] + tint[0]).astype(np.float32), (other[:, None] + tint[1]).astype(np.float32)


def clutter_layer(rng, n, axis, paper, ink, dots: bool) -> tuple[np.ndarray, np.ndarray]:
    """Up to three short strokes and two specks of weaker contrast: (coverage, colour)."""
    start = uniform(rng, -1, 1, n, 3, 2)
    start[rng.random((n, 3)) < 0.5] += 10  # out of sight: the number of strokes varies
    angle, length = uniform(rng, 0, 2 * np.pi, n, 3), uniform(rng, 0.2, 0.45, n, 3)
    distance = segments(axis, start, start + length[..., None] * np.stack([np.cos(angle), np.sin(angle)], -1))
    distance -= uniform(rng, 0.02, 0.045, n)[:, None, None]
    centre = uniform(rng, -1, 1, n, 2, 2)
    centre[rng.random((n, 2)) < 0.5] += 10
    if dots:
        np.minimum(distance, discs(axis, centre, uniform(rng, 0.05, 0.1, n, 2)), out=distance)
    strength = uniform(rng, 0.3, 0.8, n, 1)
    tint = rng.normal(0, 0.08, (n, 3)).astype(np.float32)
    return coverage(distance, axis), paper + (ink - paper) * strength + tint


def render(rng, axis, paper, layers) -> np.ndarray:
    """Paints the layers (coverage (n, R, R), colour (n, 3)) over the background, then light and noise: uint8 images."""
    n, size = len(paper), len(axis)
    angle, slope = uniform(rng, 0, 2 * np.pi, n), uniform(rng, 0, 0.3, n)
    light = plane(axis, slope * np.cos(angle), slope * np.sin(angle), np.ones(n, np.float32))
    sigma = uniform(rng, 0.02, 0.07, n)
    image = np.empty((n, 3, size, size), np.float32)
    image[:] = paper[:, :, None, None]
    for cover, colour in layers:
        image += cover[:, None] * (colour[:, :, None, None] - image)
    image *= light[:, None]
    image += rng.standard_normal(image.shape, np.float32) * sigma[:, None, None, None]
    image *= 255
    return np.clip(np.rint(image, out=image), 0, 255, out=image).astype(np.uint8)
