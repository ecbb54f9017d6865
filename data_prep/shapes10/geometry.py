"""Figures as signed distances, and their places: (n, R, R) float32 from numbers of each image (n,).

``axis`` (R,) holds the pixel centres of a row or column. Distances become coverage in one step, :func:`coverage`.
"""

import numpy as np


def uniform(rng, low, high, *shape) -> np.ndarray:
    return rng.uniform(low, high, shape).astype(np.float32)


def plane(axis, a, b, c) -> np.ndarray:
    """a*x + b*y + c at every pixel: two outer products and one addition are the cheapest way to rotate a grid."""
    return (a[:, None] * axis)[:, None, :] + (b[:, None] * axis + c[:, None])[:, :, None]


def rotated(axis, angle, x, y, scale=1.0) -> tuple[np.ndarray, np.ndarray]:
    """Coordinates (u, v) of a frame at (x, y), turned by angle, with lengths divided by scale."""
    cos, sin = np.cos(angle) / scale, np.sin(angle) / scale
    return plane(axis, cos, sin, -cos * x - sin * y), plane(axis, -sin, cos, sin * x - cos * y)


def coverage(distance, axis, soft=1.0) -> np.ndarray:
    """Coverage 0..1 of the region distance < 0; the edge is `soft` pixels wide."""
    return np.clip(0.5 - distance * (len(axis) / 2 / soft), 0, 1)


def segments(axis, start, end) -> np.ndarray:
    """Distance to the nearest of k segments with end points (n, k, 2)."""
    middle, half = (start + end) / 2, (end - start) / 2
    length, angle = np.hypot(half[..., 0], half[..., 1]), np.arctan2(half[..., 1], half[..., 0])
    cos, sin = np.cos(angle), np.sin(angle)  # also right for a segment of length zero, a point
    u0, v0 = cos * middle[..., 0] + sin * middle[..., 1], cos * middle[..., 1] - sin * middle[..., 0]
    nearest = np.full((len(start), len(axis), len(axis)), 100, np.float32)  # squared
    for k in range(start.shape[1]):
        along = plane(axis, cos[:, k], sin[:, k], -u0[:, k])
        across = plane(axis, -sin[:, k], cos[:, k], -v0[:, k])
        np.abs(along, out=along)
        along -= length[:, k, None, None]
        np.maximum(along, 0, out=along)
        along *= along
        across *= across
        along += across
        np.minimum(nearest, along, out=nearest)
    return np.sqrt(nearest, out=nearest)


def discs(axis, centre, radius) -> np.ndarray:
    """Signed distance to the union of k discs: centre (n, k, 2), radius (n, k)."""
    nearest = np.full((len(centre), len(axis), len(axis)), 100, np.float32)
    for k in range(centre.shape[1]):
        dx, dy = axis - centre[:, k, :1], axis - centre[:, k, 1:]
        distance = (dx * dx)[:, None, :] + (dy * dy)[:, :, None]
        np.sqrt(distance, out=distance)
        distance -= radius[:, k, None, None]
        np.minimum(nearest, distance, out=nearest)
    return nearest


def polygon(axis, sides: int, radius, angle, x, y) -> np.ndarray:
    """Signed distance to a regular polygon (sides=0: a circle) of the area of a circle of that radius."""
    if sides == 0:
        return discs(axis, np.stack([x, y], -1)[:, None], radius[:, None])
    apothem = radius * np.sqrt(np.pi / (sides * np.tan(np.pi / sides)))
    distance = np.full((len(x), len(axis), len(axis)), -100, np.float32)
    for k in range(sides):
        cos, sin = np.cos(angle + 2 * np.pi * k / sides), np.sin(angle + 2 * np.pi * k / sides)
        np.maximum(distance, plane(axis, cos, sin, -cos * x - sin * y - apothem), out=distance)
    return distance


def placed(points, scale, angle, x, y) -> np.ndarray:
    """Points (n, k, 2) scaled, turned by angle and moved to (x, y)."""
    cos, sin = (np.cos(angle) * scale)[:, None], (np.sin(angle) * scale)[:, None]
    px, py = points[..., 0], points[..., 1]
    return np.stack([cos * px - sin * py + x[:, None], sin * px + cos * py + y[:, None]], -1).astype(np.float32)


def place(rng, n, size) -> tuple[np.ndarray, np.ndarray]:
    """A centre (x, y) that keeps a figure of half-width size (n,) inside the image."""
    room = np.maximum(0.95 - size, 0)
    return uniform(rng, -1, 1, n) * room, uniform(rng, -1, 1, n) * room
