"""The ten tasks of shapes10 and their six classes each."""

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
