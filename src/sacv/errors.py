"""Every error that sacv raises for its user, in one tree.

    SacvError
    |-- OptionError            an argument has a value outside what is legal
    |-- MissingExtraError      an optional package is not installed
    |-- EngineError            work could not be spread over shards
    |-- ModelError
    |   |-- ModelSpecError     a model could not be loaded by name
    |   |-- LayerError         no such layer, or it cannot be asked about
    |   |-- TargetError        no such class
    |   `-- ActivationError    activations or gradients that are not finite
    |-- ImageError
    |   |-- UnreadableImageError   a file is no image, is truncated or is too large
    |   `-- ImageSetError      an empty set, too few images, sets that share images
    |-- SolverError            no direction could be found
    |-- WeakConceptError       a CAV's held-out figures are too poor to explain with
    `-- StorageError
        |-- CorruptFileError   a saved file is damaged or of an unknown format
        `-- MismatchError      a bank is used with another model

Each message says what is wrong with its value, what is legal, and what to do.
"""


class SacvError(Exception):
    """Base of every error that sacv raises for its user."""


class OptionError(SacvError, ValueError):
    """An argument has a value outside what is legal."""


class MissingExtraError(SacvError, ImportError):
    """An optional package is needed and not installed."""


class EngineError(SacvError):
    """Work could not be spread over shards."""


class ModelError(SacvError):
    """Something about the model or its layers."""


class ModelSpecError(ModelError):
    """A model could not be loaded by the name given."""


class LayerError(ModelError):
    """No such layer, or a layer that has no locations."""


class TargetError(ModelError):
    """No such class, or an output that has no classes."""


class ActivationError(ModelError):
    """Activations, logits or gradients that are not finite."""


class ImageError(SacvError):
    """Something about the images given."""


class UnreadableImageError(ImageError):
    """A file is no image, is truncated, or is too large to decode safely."""


class ImageSetError(ImageError):
    """A set is empty, too small, or shares images with another."""


class SolverError(SacvError):
    """No direction could be found."""


class WeakConceptError(SacvError):
    """A CAV's held-out figures are too poor to explain with."""


class StorageError(SacvError):
    """Something about files that sacv reads or writes."""


class CorruptFileError(StorageError):
    """A saved file is damaged, incomplete or of an unknown format."""


class MismatchError(StorageError):
    """A bank is used with a model, or merged with a bank, that it does not belong to."""
