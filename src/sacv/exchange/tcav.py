"""CAVs of tensorflow/tcav (https://github.com/tensorflow/tcav).

`CAV._save_cavs` there pickles a dictionary: `concepts`, `bottleneck`, `hparams`, `accuracies` and `cavs`, a vector of
`height * width * channels` numbers for each concept. TensorFlow's activations have their channels last, so the
numbers of a location are adjacent, whatever the layout of the PyTorch layer.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from sacv.errors import CorruptFileError
from sacv.exchange.imported import Classifier, ImportedCAV, channels_last
from sacv.exchange.pickles import read_pickle
from sacv.model import VisionModel


def tcav_cavs(
    file: str | Path, model: VisionModel, layer: str, *, inputs: torch.Tensor | None = None
) -> list[ImportedCAV]:
    """Read the CAVs of a file of tensorflow/tcav, one for each concept of its classifier.

    The pickle is read without running code from it (`sacv.exchange.pickles`); files written by joblib are
    refused.

    Parameters
    ----------
    file
        The `.pkl` file.
    model
        The same network in PyTorch, with the same weights.
    layer
        Its layer that is the file's bottleneck; it has the grid and channels of the bottleneck.
    inputs
        A batch of inputs of the size that the CAVs were fitted on; by default of the size of the model's transform.

    Raises
    ------
    CorruptFileError
        If it is not a CAV of tensorflow/tcav.
    LayerError
        If the model has no such layer, or its output has no locations.
    MismatchError
        If the vectors do not have the layer's size.
    """
    classifier = _classifier(file)
    classifier.require_directions()
    return channels_last(classifier, model, layer, inputs)


def _classifier(file: str | Path) -> Classifier:
    found = read_pickle(file)
    if not isinstance(found, Mapping) or not {"concepts", "bottleneck", "cavs"} <= set(found):
        raise CorruptFileError(f"{file} is no CAV of tensorflow/tcav: it has no concepts, bottleneck and cavs")
    try:
        accuracies = found.get("accuracies") or {}
        accuracy = accuracies.get("overall")
        return Classifier(
            f"{file} (tensorflow/tcav, bottleneck {found['bottleneck']})",
            tuple(str(name) for name in found["concepts"]),
            np.array([np.asarray(one, dtype=np.float64).ravel() for one in found["cavs"]]),
            None if accuracy is None else float(accuracy),
        )
    except (TypeError, ValueError, AttributeError) as error:
        raise CorruptFileError(f"{file} is a damaged CAV of tensorflow/tcav: {error}") from error
