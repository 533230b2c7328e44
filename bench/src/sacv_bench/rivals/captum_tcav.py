"""captum's own TCAV, run unchanged (Kokhlikyan et al., arXiv 2009.07896; written against captum 0.9).

It stores the flattened activations of both sets in a folder, trains its default classifier on two thirds of the images
(see `sacv_bench.rivals.tcav`), and scores images by the derivative of the logit along the weights w, which it does not
scale::

    S = sum_p w(p) . dz/da(p)
    sign count = share of images with S > 0;  magnitude = mean of S (its docstring differs)

Its own call gives these two for all images together. The derivative of each image is read off its trained weights and
its own layer attribution, in one backward pass for all of them, since a call for each image would load the CAV anew.
"""

from __future__ import annotations

import random
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from sacv.errors import OptionError
from sacv.model.capture import frozen_eval
from sacv.optional import require

BATCH = 32
"""Images of a set that run at a time."""


@dataclass(frozen=True, eq=False)
class CaptumScores:
    """Result of captum for one concept against one random set."""

    weights: NDArray[np.float64]
    """The CAV in the shape of the layer's output for one image; it points to the concept and has any length."""
    sensitivity: NDArray[np.float64]
    """`(n,)`: the derivative of each image's logit along the weights, in logits per unit of the weights' length."""
    sign_count: float
    """Share of images whose sensitivity is above 0."""
    magnitude: float
    """Mean sensitivity."""
    accuracy: float
    """What captum calls its accuracy on the third held back; it may be far from the truth."""


def captum_scores(
    network: nn.Module,
    layer: str,
    concept_inputs: torch.Tensor,
    random_inputs: torch.Tensor,
    inputs: torch.Tensor,
    target: int,
    folder: Path,
    *,
    seed: int,
) -> CaptumScores:
    """Train captum's CAV and score images with it.

    Parameters
    ----------
    network
        Gives logits `(n, classes)`; it is run in eval mode and comes back as it was.
    layer
        Dotted name of a module with one output.
    concept_inputs, random_inputs
        Inputs of the two sets, `(n, channels, *size)`; at least 4 images together, since captum holds a third back.
    inputs
        The images to be scored, run in one batch.
    target
        Number of the class.
    folder
        Where captum writes; it must be empty or not exist, since captum would take an old CAV for a new one.
    seed
        captum reads the global generators of Python and NumPy; they are seeded for it and put back.

    Raises
    ------
    OptionError
        If the folder is not empty.
    MissingExtraError
        If captum is not installed.
    """
    if folder.exists() and any(folder.iterdir()):
        raise OptionError(f"{folder} is not empty; captum would take what lies there for this network's")
    concept = require("captum.concept", extra="captum", package="sacv-bench")
    sets = [
        concept.Concept(number, name, torch.split(images, BATCH))
        for number, (name, images) in enumerate([("concept", concept_inputs), ("random", random_inputs)])
    ]
    with frozen_eval(network), _captum_session(seed):
        tcav = concept.TCAV(network, [layer], save_path=str(folder), model_id="network")
        trained = tcav.compute_cavs([sets], force_train=True)["0-1"][layer].stats
        # captum warns about inputs that need no gradient, and then changes the user's tensor.
        points = inputs.detach().clone().requires_grad_()
        scores = tcav.interpret(points, [sets], target=target)["0-1"][layer]
        derivative = tcav.layer_attr_method.attribute(points, target=target)
    gradients = (derivative[0] if isinstance(derivative, tuple) else derivative).detach().double().cpu()
    # Rows are in the order of `classes`, which holds the numbers given to the concepts.
    weights = trained["weights"][list(trained["classes"]).index(0)].detach().double().cpu()
    return CaptumScores(
        weights.reshape(gradients.shape[1:]).numpy(),
        (gradients.flatten(1) @ weights).numpy(),
        float(scores["sign_count"][0]),
        float(scores["magnitude"][0]),
        float(trained["accs"]),
    )


@contextmanager
def _captum_session(seed: int) -> Iterator[None]:
    """Seed the generators that captum uses, restore them after, and suppress its warnings."""
    states = random.getstate(), np.random.get_state()
    with warnings.catch_warnings():
        for about in ("Using default classifier for TCAV", "Creating a tensor from a list", "numpy.core is deprecated"):
            warnings.filterwarnings("ignore", message=about)
        try:
            random.seed(seed)
            np.random.seed(seed)
            yield
        finally:
            random.setstate(states[0])
            np.random.set_state(states[1])
