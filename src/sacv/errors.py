"""All errors that sacv raises on purpose.

    SacvError
    |-- OptionError            the value of an argument is not legal
    |-- MissingExtraError      an optional package is not installed
    |-- EngineError            an engine could not run the shards
    |-- ModelError
    |   |-- ModelSpecError     a model could not be loaded by name
    |   |-- LayerError         the layer does not exist or cannot be used
    |   |-- TargetError        the class does not exist
    |   `-- ActivationError    activations or gradients are not finite
    |-- ImageError
    |   |-- UnreadableImageError   a file is not an image, is truncated or is too large
    |   `-- ImageSetError      a set is empty or too small, or two sets share images
    |-- SolverError            no direction could be computed
    |-- WeakConceptError       a CAV is below the quality thresholds
    `-- StorageError
        |-- CorruptFileError   a saved file is damaged or its format is unknown
        `-- MismatchError      a bank does not belong to the model

Each message states what is wrong, with the value, what is legal, and what to do.
"""


class SacvError(Exception):
    """Base class of all errors that sacv raises on purpose."""


class OptionError(SacvError, ValueError):
    """The value of an argument is not legal."""


class MissingExtraError(SacvError, ImportError):
    """An optional package is not installed."""


class EngineError(SacvError):
    """An engine could not run the shards."""


class ModelError(SacvError):
    """Base class of errors about the model or its layers."""


class ModelSpecError(ModelError):
    """A model could not be loaded by name."""


class LayerError(ModelError):
    """The layer does not exist or has no locations."""


class TargetError(ModelError):
    """The class does not exist, or the output has no classes."""


class ActivationError(ModelError):
    """Activations, logits or gradients are not finite."""


class ImageError(SacvError):
    """Base class of errors about images."""


class UnreadableImageError(ImageError):
    """A file is not an image, is truncated, or is too large to decode safely."""


class ImageSetError(ImageError):
    """A set of images is empty or too small, or shares images with another set."""


class SolverError(SacvError):
    """No direction could be computed."""


class WeakConceptError(SacvError):
    """A CAV is below the quality thresholds (`sacv.cav.quality_thresholds`)."""


class StorageError(SacvError):
    """Base class of errors about files that sacv reads or writes."""


class CorruptFileError(StorageError):
    """A saved file is damaged or incomplete, or its format is unknown."""


class MismatchError(StorageError):
    """A bank does not belong to the model that it is used with, or to the bank that it is merged with."""
