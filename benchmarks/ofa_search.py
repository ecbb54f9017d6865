"""Our cost and our predictor in the form in which once-for-all's ``EvolutionFinder`` asks for them."""

from __future__ import annotations

import torch
from ofa.nas.accuracy_predictor import MobileNetArchEncoder
from torch import Tensor

from eas_core.search.predictor import AccuracyPredictor
from eas_core.space.cost_tables import MILLION, cost_tables
from eas_core.space.search_space import SearchSpace, one_hot_of_index


class OfaCost:
    """Exact multiply-adds in millions; plain Python, since one architecture is asked for at a time."""

    def __init__(self, space: SearchSpace):
        table = cost_tables(space)[0]
        self.fixed, self.blocks = table.fixed, table.blocks.tolist()

    def get_efficiency(self, found: dict) -> float:
        total = self.fixed
        for unit, depth in enumerate(found["d"]):
            for b in range(4 * unit, 4 * unit + depth):
                total += self.blocks[b][(found["ks"][b] - 3) // 2][(3, 4, 6).index(found["e"][b])]
        return total / MILLION


class OfaAccuracy:
    """Predicted accuracy, the mean over tasks; ``asked`` counts the evaluations."""

    def __init__(self, predictor: AccuracyPredictor):
        self.arch_encoder, self.predictor, self.asked = MobileNetArchEncoder(), predictor, 0

    @torch.no_grad()
    def predict_acc(self, found: list[dict]) -> Tensor:
        self.asked += len(found)
        rows = [
            [(k - 3) // 2 for k in f["ks"]] + [(3, 4, 6).index(e) for e in f["e"]] + [d - 2 for d in f["d"]]
            for f in found
        ]
        return self.predictor(one_hot_of_index(torch.tensor(rows))).mean(1)
