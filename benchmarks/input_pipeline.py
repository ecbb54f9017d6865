"""How many photographs a core prepares, and how many cores a GPU needs: ``python -m benchmarks.input_pipeline``.

A photograph as `eas prepare` packs it (JPEG, short side 256, quality 90) is decoded and then, for training, cropped at
random, resized to 224 x 224 and mirrored, or, for evaluation, cropped in its centre. Pillow is compared with
`torchvision.io.decode_jpeg`, which the kit uses. A rate is images a second of CPU time, so other load on the machine
hardly matters; with two threads it says whether they hinder each other.

The photographs are synthetic: noise with a spectrum like that of natural images, of about the bytes that
photographs have. How many images a second a GPU consumes is not measured here: give what your training shows as img/s on
that GPU, ``--gpu-images-per-second 1500``. Without it a table of assumed rates is printed.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torchvision.io import ImageReadMode, decode_jpeg

from eas_core.base import files, records
from eas_core.base.random import rng
from eas_core.data.photographs import crop_box, crop_numbers, resize

RESULTS = Path(__file__).parent / "results" / "input_pipeline.json"
SIZES = [(341, 256)] * 7 + [(256, 341)] * 2 + [(256, 256)]  # width, height: ImageNet is mostly 4:3
ASSUMED = (500, 1000, 2000, 4000)  # images a second of one GPU; assumptions, not measurements
RESOLUTION = 224


def photograph(number: int) -> bytes:
    """A JPEG of noise whose amplitude falls with frequency, steeper in some than in others."""
    draw = np.random.default_rng(number)
    width, height = SIZES[number % len(SIZES)]
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = 1
    exponent = draw.uniform(1.1, 1.8)

    def noise() -> np.ndarray:
        spectrum = draw.normal(size=frequency.shape) + 1j * draw.normal(size=frequency.shape)
        values = np.fft.irfft2(spectrum / frequency**exponent, s=(height, width))
        return (values - values.mean()) / values.std()

    grey = noise()
    channels = np.stack([grey + 0.3 * noise() for _ in range(3)], -1)
    buffer = io.BytesIO()
    Image.fromarray(np.clip(120 + 55 * channels, 0, 255).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def centre_box(height: int, width: int) -> tuple[int, int, int, int]:
    """Top, left, height and width of the evaluation's crop."""
    return round((height - RESOLUTION) / 2), round((width - RESOLUTION) / 2), RESOLUTION, RESOLUTION


def pillow(jpeg: bytes, numbers: list[float] | None) -> Tensor:
    image = Image.open(io.BytesIO(jpeg)).convert("RGB")
    top, left, height, width = (
        crop_box(image.height, image.width, numbers) if numbers else centre_box(*image.size[::-1])
    )
    box = (left, top, left + width, top + height)
    if numbers:
        image = image.resize((RESOLUTION, RESOLUTION), Image.Resampling.BILINEAR, box=box)
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if numbers[-1] < 0.5 else image
    else:
        image = image.crop(box)
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).contiguous()


def torchvision(jpeg: bytes, numbers: list[float] | None) -> Tensor:
    """As :mod:`eas_core.data.photographs` does it."""
    image = decode_jpeg(torch.frombuffer(bytearray(jpeg), dtype=torch.uint8), ImageReadMode.RGB)
    top, left, height, width = crop_box(*image.shape[1:], numbers) if numbers else centre_box(*image.shape[1:])
    image = resize(image[:, top : top + height, left : left + width], RESOLUTION)
    return image.flip(2) if numbers and numbers[-1] < 0.5 else image


def measure(count: int, rounds: int) -> dict:
    """Median rates over rounds in which all cases take turns; 2 threads: a second of CPU time, and of the clock."""
    jpegs = [photograph(number) for number in range(count)]
    numbers = crop_numbers(count, 0.08, rng(0, "input pipeline")).tolist()
    cases = [
        (d, view, threads) for view in ("training", "evaluation") for d in (pillow, torchvision) for threads in (1, 2)
    ]
    cpu, clock = ({case: [] for case in cases} for _ in range(2))
    for number in range(rounds + 1):
        for case in cases:
            decoder, view, threads = case
            with ThreadPoolExecutor(threads) as pool:
                started, ticked = time.process_time(), time.perf_counter()
                images = list(pool.map(decoder, jpegs, numbers if view == "training" else [None] * count))
                spent, waited = time.process_time() - started, time.perf_counter() - ticked
            assert all(image.shape == (3, RESOLUTION, RESOLUTION) for image in images)
            if number:  # the first round warms up
                cpu[case].append(count / spent)
                clock[case].append(count / waited)
    return {
        "photographs": {"count": count, "mean_bytes": round(sum(map(len, jpegs)) / count), "rounds": rounds},
        "cases": [
            {
                "decoder": decoder.__name__,
                "view": view,
                "threads": threads,
                "images_per_core_second": round(median(cpu[decoder, view, threads]), 1),
                "images_per_second": round(median(clock[decoder, view, threads]), 1),
            }
            for decoder, view, threads in cases
        ],
    }


def cores(rate: float, per_core: float) -> int:
    """Cores that prepare ``rate`` images a second."""
    return math.ceil(rate / per_core)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=300, help="photographs (default: 300)")
    parser.add_argument("--rounds", type=int, default=5, help="times that each case is measured (default: 5)")
    parser.add_argument("--gpu-images-per-second", type=float, help="what one GPU consumes, as its training shows")
    parser.add_argument("--results", type=Path, default=RESULTS, help="file to write")
    options = parser.parse_args(arguments)
    if options.count < 1 or options.rounds < 1 or not (options.gpu_images_per_second or 1) > 0:
        parser.error("--count, --rounds and --gpu-images-per-second must be positive")
    torch.set_num_threads(1)
    result = {**measure(options.count, options.rounds), "provenance": records.provenance()}
    for case in result["cases"]:
        print(
            f"{case['decoder']:12s} {case['view']:11s} {case['threads']} threads: {case['images_per_core_second']:6.0f} "
            f"images a second of CPU time, {case['images_per_second']:6.0f} of the clock"
        )
    ours = [
        c["images_per_core_second"] for c in result["cases"] if (c["decoder"], c["view"]) == ("torchvision", "training")
    ]
    rates = ASSUMED if options.gpu_images_per_second is None else (options.gpu_images_per_second,)
    result["gpu"] = {
        "images_per_second": "assumed, no GPU was measured" if rates is ASSUMED else "given by --gpu-images-per-second",
        "cores": {f"{rate:g}": cores(rate, min(ours)) for rate in rates},
    }
    print(f"a GPU that consumes so many images a second ({result['gpu']['images_per_second']}) needs so many cores:")
    for rate, number in result["gpu"]["cores"].items():
        print(f"{rate:>8s} {number:4d}")
    files.write_atomic(options.results, (json.dumps(result, indent=1) + "\n").encode())


if __name__ == "__main__":
    main()
