"""On planted data the notebook's procedure sits at chance, and the package finds the direction."""

import numpy as np
import torch
from torch import nn

import sacv
from reference import notebook


class Pass(nn.Module):
    """A network whose layer gives its input back."""

    def __init__(self, channels):
        super().__init__()
        self.layer = nn.Identity()
        self.head = nn.Linear(channels, 2)

    def forward(self, x):
        return self.head(self.layer(x).mean((2, 3)))


def planted(seed, images=60, channels=32, grid=7, strength=1.5):
    """Activations with means of their own in each channel and anisotropic noise; v is added to the concept's."""
    rng = np.random.default_rng(seed)
    vector = rng.standard_normal(channels)
    vector /= np.linalg.norm(vector)
    mean, spread = rng.standard_normal(channels), rng.uniform(0.3, 1.2, channels)
    values = rng.standard_normal((2 * images, channels, grid, grid)) * spread[:, None, None] + mean[:, None, None]
    values[:images] += strength * vector[:, None, None]
    return vector, values[:images], values[images:]


def test_the_notebook_sits_at_chance_and_the_package_finds_the_direction():
    for seed in range(3):
        vector, concept, random = planted(seed)
        theirs, accuracy = notebook.direction(concept, random)
        assert abs(theirs @ vector) < 0.35
        assert 0.44 < accuracy < 0.6
        model = sacv.VisionModel(Pass(32).double())
        bank = sacv.fit(model, ["layer"], {"c": torch.from_numpy(concept)}, [torch.from_numpy(random)])
        cav = bank.cav("layer", "c")
        assert cav.vector @ vector >= 0.99
        assert cav.quality.accuracy > 0.7 and cav.quality.image_accuracy > 0.95
