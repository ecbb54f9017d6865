"""What the tables' columns are called, and how their numbers are rounded."""

AVERAGE, COST, COUNT, INTERVAL = "average (%)", "MAdds (M)", "n", "95 % interval"
SEEDS = "seeds"


def significant(value: float) -> float:
    """Four significant digits: costs are around 2 in some profiles and around 300 in others."""
    return float(f"{value:.4g}")
