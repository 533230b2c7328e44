"""The user's network: loading, capture of activations and gradients at a layer, layouts, receptive fields."""

from sacv.model.capture import LayerRecord, Trace
from sacv.model.loading import load_model, runs_code
from sacv.model.receptive_field import ReceptiveFields
from sacv.model.survey import LayerInfo, require_usable, survey
from sacv.model.transform import Box, ImageTransform
from sacv.model.vision_model import VisionModel

__all__ = [
    "Box",
    "ImageTransform",
    "LayerInfo",
    "LayerRecord",
    "ReceptiveFields",
    "Trace",
    "VisionModel",
    "load_model",
    "require_usable",
    "runs_code",
    "survey",
]
