"""The embedded data set: deterministic, independent splits, and classes that show what their names say."""

import numpy as np
import pytest

from data_prep import SPLITS, shapes10
from data_prep.shapes10 import families, geometry
from eas_core.base.errors import DataError

SIZE = 32


def classes_of(task: str) -> range:
    first = 6 * list(shapes10.TASKS).index(task)
    return range(first, first + 6)


def lightness(images: np.ndarray) -> np.ndarray:
    """Lightness with the slope of the illumination taken out: (n, 3, R, R) -> (n, R, R), zero mean."""
    grey = images.mean(axis=1)
    axis = np.linspace(-1, 1, grey.shape[-1])
    basis = np.stack([np.ones((len(axis),) * 2), *np.meshgrid(axis, axis)]).reshape(3, -1)
    flat = grey.reshape(len(grey), -1)
    slope = np.linalg.lstsq(basis.T, flat.T, rcond=None)[0]
    return (flat - slope.T @ basis).reshape(grey.shape)


def spectrum(images: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Of the strongest frequency of each image: cycles across the image and the angle of the stripes in degrees."""
    power = np.abs(np.fft.fft2(lightness(images), s=(128, 128))) ** 2
    frequency = np.fft.fftfreq(128) * images.shape[-1]
    fy, fx = np.meshgrid(frequency, frequency, indexing="ij")
    power[:, np.hypot(fx, fy) < 1.5] = 0  # what the round window and the background leave
    best = power.reshape(len(images), -1).argmax(axis=1)
    fx, fy = fx.ravel()[best], fy.ravel()[best]
    return np.hypot(fx, fy), (np.degrees(np.arctan2(fy, fx)) + 90) % 180


def count_components(mask: np.ndarray) -> int:
    """4-connected regions of a boolean image (R, R), by label propagation."""
    label = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(label, 1)
        near = np.max([padded[:-2, 1:-1], padded[2:, 1:-1], padded[1:-1, :-2], padded[1:-1, 2:], label], axis=0)
        spread = np.where(mask, near, 0)
        if (spread == label).all():
            return len(np.unique(label[mask]))
        label = spread


def test_there_are_ten_tasks_of_six_differently_named_classes():
    assert len(shapes10.TASKS) == 10
    assert all(len(set(names)) == 6 for names in shapes10.TASKS.values())
    assert len({name for names in shapes10.TASKS.values() for name in names}) == 60


@pytest.mark.parametrize("resolution", [16, 32, 48])
def test_every_class_draws_images_of_the_right_shape_with_contrast(resolution):
    for class_index in range(60):
        images = shapes10.draw(class_index, 3, resolution, np.random.default_rng(class_index))
        assert images.shape == (3, 3, resolution, resolution) and images.dtype == np.uint8
        assert images.reshape(3, -1).std(axis=1).min() > 3
        assert (images[0] != images[1]).any()
    assert shapes10.draw(0, 0, resolution, np.random.default_rng(0)).shape == (0, 3, resolution, resolution)


def test_split_is_sorted_by_class_and_deterministic():
    images, labels = shapes10.draw_split("train", 2, SIZE, seed=3)
    again, _ = shapes10.draw_split("train", 2, SIZE, seed=3)
    assert images.shape == (120, 3, SIZE, SIZE) and images.dtype == np.uint8
    assert labels.dtype == np.int64 and labels.tolist() == sorted(list(range(60)) * 2)
    assert np.array_equal(images, again)


def test_first_images_of_a_class_do_not_depend_on_how_many_are_drawn():
    few, _ = shapes10.draw_split("valid", 3, 8, seed=0)
    many, _ = shapes10.draw_split("valid", shapes10.CHUNK + 2, 8, seed=0)
    by_class = many.reshape(60, -1, 3, 8, 8)
    assert np.array_equal(few.reshape(60, 3, 3, 8, 8), by_class[:, :3])
    assert (by_class[:, 0] != by_class[:, shapes10.CHUNK]).any()  # the second chunk is no repetition


def test_splits_and_seeds_share_no_image():
    parts = [shapes10.draw_split(split, 2, 16, seed)[0] for split in SPLITS for seed in (0, 1)]
    assert len({image.tobytes() for part in parts for image in part}) == 6 * 120


def test_the_same_stream_gives_the_same_scenes_at_every_resolution():
    for class_index in range(0, 60, 5):
        small, large = (
            shapes10.draw(class_index, 4, size, np.random.default_rng(1)).astype(float) for size in (24, 48)
        )
        shrunk = large.reshape(4, 3, 24, 2, 24, 2).mean(axis=(3, 5))
        for a, b in zip(small, shrunk, strict=True):
            assert np.corrcoef(a.ravel(), b.ravel())[0, 1] > 0.6


@pytest.mark.parametrize(
    "field, arguments",
    [
        ("split", ("validation", 1, SIZE, 0)),
        ("per_class", ("train", 0, SIZE, 0)),
        ("per_class", ("train", 1.5, SIZE, 0)),
        ("resolution", ("train", 1, 4, 0)),
        ("seed", ("train", 1, SIZE, -1)),
        ("seed", ("train", 1, SIZE, True)),
    ],
)
def test_bad_arguments_are_named_in_one_line(field, arguments):
    with pytest.raises(DataError) as error:
        shapes10.draw_split(*arguments)
    assert str(error.value).startswith(f"{field}: ") and "\n" not in str(error.value)


def test_bad_class_or_number_is_refused():
    rng = np.random.default_rng(0)
    for class_index, n in ((60, 1), (-1, 1), (0, -1), ("0", 1)):
        with pytest.raises(DataError):
            shapes10.draw(class_index, n, SIZE, rng)


def test_strongest_frequency_of_stripes_lies_at_the_angle_of_the_label():
    for position, class_index in enumerate(classes_of("stripe_angle")):
        _, angle = spectrum(shapes10.draw(class_index, 60, SIZE, np.random.default_rng(class_index)))
        off = np.abs((angle - 30 * position + 90) % 180 - 90)
        assert (off < 15).mean() > 0.75


def test_strongest_frequency_of_stripes_is_the_label():
    for cycles, class_index in zip(families.CYCLES, classes_of("stripe_frequency"), strict=True):
        found, _ = spectrum(shapes10.draw(class_index, 60, SIZE, np.random.default_rng(class_index)))
        assert abs(np.log(np.median(found) / cycles)) < np.log(1.4) / 2


def test_distance_to_segments_is_right_also_for_a_point():
    axis = np.array([-1, 0, 1], np.float32)
    start, end = np.array([[[0, 0], [-1, -1]]], np.float32), np.array([[[0, 0], [1, -1]]], np.float32)
    distance = geometry.segments(axis, start, end)[0]  # a point in the middle and a line along the upper edge
    assert np.allclose(distance, [[0, 0, 0], [1, 0, 1], [2**0.5, 1, 2**0.5]], atol=1e-6)


def test_number_of_dots_is_the_label():
    """Drawn without clutter and noise, the connected components of the painted area are the dots."""
    axis = ((np.arange(64) + 0.5) / 32 - 1).astype(np.float32)
    for position in range(6):
        cover, _ = families.FAMILIES["counting"](np.random.default_rng(position), 20, axis, position, None)[0]
        assert [count_components(one > 0.5) for one in cover] == [position + 1] * 20


def test_mean_colour_tells_colour_pairs_but_not_polygons():
    """A nearest-mean classifier on the average hue, measured from that of the background (the median)."""

    def features(class_index, stream):
        images = shapes10.draw(class_index, 150, SIZE, np.random.default_rng([class_index, stream])).astype(float)
        chroma = images - images.mean(axis=1, keepdims=True)
        chroma -= np.median(chroma, axis=(2, 3), keepdims=True)
        return chroma.mean(axis=(2, 3))

    def accuracy(task):
        means = np.stack([features(c, 0).mean(axis=0) for c in classes_of(task)])
        hits = [
            np.linalg.norm(features(c, 1)[:, None] - means, axis=-1).argmin(axis=1) == position
            for position, c in enumerate(classes_of(task))
        ]
        return np.mean(hits)

    assert accuracy("colour_pairs") > 0.4  # chance is 0.17
    assert accuracy("polygons") < 0.3
