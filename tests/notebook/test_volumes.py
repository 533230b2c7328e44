"""What has more or fewer axes than a picture: figures of volumes and signals, and what is chosen in them."""

import numpy as np
import pytest
import torch
from torch import nn

import sacv
from maps.test_planes import SHAPE, Volumes
from sacv.maps.notebook import Selection


class Signals(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.pool = nn.Conv1d(1, 4, 3, padding=1)
        self.last = nn.Conv1d(4, 2, 3, padding=1)

    def forward(self, x):
        return torch.relu(self.last(torch.relu(self.pool(x)))).square().mean(2)


def explained(net, *shape):
    generator = torch.Generator().manual_seed(0)
    concept, random = (torch.randn(6, 1, *shape, generator=generator) + shift for shift in (3, 0))
    if len(shape) == 1:
        concept, random = list(concept), list(random)
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, ["pool"], {"bright": concept}, random, runs=2, nulls=19)
    return sacv.explain(model, concept[:2], bank, 0, allow_weak=True, checks=False)


def test_a_volume_is_drawn_on_the_slice_where_the_concept_is_most_relevant():
    found = explained(Volumes(), *SHAPE)
    relevance = found.relevance("pool", "bright")[1]
    cell = int(np.unravel_index(relevance.argmax(), relevance.shape)[0])
    axes = found.figure(image=1).axes[0]
    at = int((cell + 0.5) * SHAPE[0] / len(relevance))
    assert axes.get_xlabel() == f"depth {at + 1} of {SHAPE[0]}"
    painted = np.asarray(axes.images[1].get_array())
    rows, columns = (size // cells for size, cells in zip(painted.shape[:2], relevance.shape[1:], strict=True))
    middle = painted[rows // 2 :: rows, columns // 2 :: columns, 3] > 0.1
    strong = relevance[cell] > 0.2 * relevance.max()
    assert strong.any() and (middle[strong]).all() and not middle[relevance[cell] < -0.2 * relevance.max()].any()


def test_a_signal_is_drawn_as_a_row_and_a_place_of_it_is_one_number():
    pytest.importorskip("anywidget", reason="no anywidget: pip install 'sacv[notebook]'")
    found = explained(Signals(), 12)
    figure = found.figure()
    assert figure.axes[0].images[1].get_array().shape[0] < figure.axes[0].images[1].get_array().shape[1]
    names = {"image": found.images[1].path, "concept": "bright", "layer": "pool", "target": "0"}
    found.widget.set_state({"selection": {"image": 1, "kind": "relevance", "location": [0, 7], "names": names}})
    chosen = found.selection
    assert chosen == Selection(1, found.images[1].path, "bright", "pool", "0", "relevance", (7,))
    assert found.relevance(chosen.layer, chosen.concept)[chosen.image][chosen.location].shape == ()
