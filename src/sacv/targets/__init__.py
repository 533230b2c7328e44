"""Targets, the scalar that is explained: a class, a difference, a regression output, a region's or a box's score.

Each is a small object with one method, `values`, from the network's output for n images to a scalar for each, `(n,)`.
All functions with a parameter `target` take one of these::

    sacv.explain(model, images, bank, Difference("melanoma", "common nevus"))
"""

from sacv.targets.base import Aimed, Target
from sacv.targets.box import BoxScore
from sacv.targets.classes import PREDICTED, Class, Predicted
from sacv.targets.difference import Difference
from sacv.targets.function import Function
from sacv.targets.output import Output
from sacv.targets.parsing import Given, aim_of, given_targets, is_single, name_of, names_of, require_images, target_of
from sacv.targets.per_image import Each
from sacv.targets.region import Region

__all__ = [
    "PREDICTED",
    "Aimed",
    "BoxScore",
    "Class",
    "Difference",
    "Each",
    "Function",
    "Given",
    "Output",
    "Predicted",
    "Region",
    "Target",
    "aim_of",
    "given_targets",
    "is_single",
    "name_of",
    "names_of",
    "require_images",
    "target_of",
]
