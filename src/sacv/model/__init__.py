"""The network: loading, activations and gradients at a layer, layouts, receptive fields."""

from typing import TYPE_CHECKING

from sacv.deprecation import renamed_names
from sacv.model.capture import LayerRecord, Select, Trace
from sacv.model.classes import class_index
from sacv.model.gradient_locality import VARIES, gradient_kinds
from sacv.model.loading import load_model, runs_code
from sacv.model.outputs import OutputTarget, class_logits, describe_output, tensor_of
from sacv.model.precision import FLOAT32, PRECISIONS
from sacv.model.receptive_field import ReceptiveFields
from sacv.model.suggestions import suggested_layers
from sacv.model.survey import LayerInfo
from sacv.model.tail import Aim, Rest
from sacv.model.target_key import target_identity
from sacv.model.transform import Box, Framed, ImageTransform
from sacv.model.vision_model import VisionModel
from sacv.model.window import Window

__all__ = [
    "FLOAT32",
    "PRECISIONS",
    "VARIES",
    "Aim",
    "Box",
    "Framed",
    "ImageTransform",
    "LayerInfo",
    "LayerRecord",
    "OutputTarget",
    "ReceptiveFields",
    "Rest",
    "Select",
    "Trace",
    "VisionModel",
    "Window",
    "class_index",
    "class_logits",
    "describe_output",
    "gradient_kinds",
    "load_model",
    "runs_code",
    "suggested_layers",
    "target_identity",
    "tensor_of",
]

if not TYPE_CHECKING:  # for a type checker, `__getattr__` would make every name exist
    __getattr__ = renamed_names(__name__, {"worth_asking": "suggested_layers"})
