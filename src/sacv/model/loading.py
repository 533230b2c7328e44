"""Load a model by name.

`demo`
    The small network that ships with sacv.
`path/to/file.py:function`
    A function in a file, which is called. It can import modules from the folder of the file.
`package.module:function`
    A function in an importable module, which is called.
`torchvision:NAME`, `timm:NAME`, `hf:ORG/NAME`
    A model of a zoo; see `sacv.model.zoo`.

After all but `demo`, `@FILE` names weights to load into the network; after a model of a zoo, `@random` loads none.
The function takes no argument and returns a `torch.nn.Module` or a `VisionModel`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from importlib.machinery import SourceFileLoader
from pathlib import Path
from types import CodeType
from typing import Any

from torch import nn

from sacv.errors import ModelSpecError
from sacv.model.classes import read_class_names
from sacv.model.demo import DEMO_CLASSES, DEMO_SIZE, load_demo
from sacv.model.local_imports import importing_from
from sacv.model.transform import ImageTransform
from sacv.model.vision_model import Transform, VisionModel
from sacv.model.zoo import ZOOS, load_from_zoo, load_weights

LEGAL = (
    "legal are 'demo', 'torchvision:NAME', 'timm:NAME', 'hf:ORG/NAME', 'path/to/file.py:function' and "
    "'package.module:function', all but the first optionally followed by '@WEIGHTS'"
)


def runs_code(spec: str) -> bool:
    """Return whether loading `spec` runs code that the user names; a bank must never trigger this."""
    return spec != "demo" and spec.partition(":")[0] not in ZOOS


def load_model(
    spec: str,
    *,
    weights: str | Path | None = None,
    transform: Transform | None = None,
    class_names: Sequence[str] | str | Path | None = None,
    layouts: Mapping[str, str] | None = None,
    precision: str | None = None,
) -> VisionModel:
    """Load a model by name.

    Parameters
    ----------
    spec
        `demo`, `torchvision:NAME`, `timm:NAME`, `hf:ORG/NAME`, `path/to/file.py:function` or `package.module:function`.
    weights
        A file of weights, from safetensors or `torch.save`; for a zoo also "random" for an untrained network and, for
        torchvision, the name of weights. Equivalent to `@WEIGHTS` after `spec`, and recorded as such.
    class_names
        Names of the classes, in the order of the logits; or a file with a JSON list or a name in each line.
    transform, layouts, precision
        As in `VisionModel`; they and `class_names` replace the model's own.

    Raises
    ------
    ModelSpecError
        If the file, module, function or model does not exist or returns no network, or the weights do not fit.
    MissingExtraError
        If a zoo's package is not installed.
    OptionError
        If the network cannot compute in that precision, or the class names cannot be read.
    """
    if isinstance(class_names, str | Path):
        class_names = read_class_names(class_names)
    if weights is not None:
        spec = f"{spec}@{weights}"
    zoo, _, rest = spec.partition(":")
    if spec == "demo":
        model = VisionModel(load_demo(), ImageTransform(resize=(DEMO_SIZE, DEMO_SIZE)), DEMO_CLASSES)
    elif zoo in ZOOS:
        name, at, given = rest.partition("@")
        model = load_from_zoo(zoo, name, given if at else None)
    else:
        model = _call(spec)
    own: dict[str, Any] = {"transform": transform, "class_names": class_names, "precision": precision}
    own["layouts"] = None if layouts is None else dict(layouts)
    return replace(model, spec=spec, **{name: value for name, value in own.items() if value is not None})


def _call(spec: str) -> VisionModel:
    module, colon, call = spec.rpartition(":")
    name, at, weights = call.partition("@")
    if not colon or not module or not name.isidentifier():
        raise ModelSpecError(f"the model name {spec!r} is not valid; {LEGAL}")
    with importing_from(Path(module).resolve().parent) if _is_file(module) else nullcontext():
        function = _function(module, name, spec)
        try:
            made = function()
        except Exception as error:  # anything can happen in the user's code
            raise ModelSpecError(f"{spec} failed with {type(error).__name__}: {error}") from error
    if isinstance(made, nn.Module):
        made = VisionModel(made)
    if isinstance(made, VisionModel):
        if at:
            load_weights(made.net, Path(weights))
        return made
    raise ModelSpecError(f"{spec} returned {type(made).__name__}; it must return a torch.nn.Module or sacv.VisionModel")


def _is_file(source: str) -> bool:
    if not source.endswith(".py"):
        return False
    if not Path(source).is_file():
        raise ModelSpecError(f"there is no file {source}")
    return True


def _function(source: str, name: str, spec: str) -> Callable[[], Any]:
    module = _from_file(Path(source)) if _is_file(source) else _from_package(source, spec)
    function = getattr(module, name, None)
    if not callable(function):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ModelSpecError(f"{source} has no function {name!r}; it has {', '.join(names) or 'none'}")
    return function  # type: ignore[no-any-return]


class _Source(SourceFileLoader):
    """Reads the source and no cached bytecode, which may be that of another file of the same size and second."""

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)


def _from_file(path: Path) -> Any:
    name = f"sacv_model_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    module_spec = importlib.util.spec_from_file_location(name, path, loader=_Source(name, str(path.absolute())))
    if module_spec is None or module_spec.loader is None:
        raise ModelSpecError(f"{path} cannot be loaded as Python")
    module = importlib.util.module_from_spec(module_spec)
    sys.modules[name] = module  # so that classes defined there can find their module
    try:
        module_spec.loader.exec_module(module)
    except Exception as error:  # anything can happen in the user's code
        del sys.modules[name]
        raise ModelSpecError(f"{path} failed with {type(error).__name__}: {error}") from error
    return module


def _from_package(name: str, spec: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise ModelSpecError(f"cannot import {name!r} (of {spec!r}): {error}; {LEGAL}") from error
    except Exception as error:  # anything can happen in the user's code
        raise ModelSpecError(f"importing {name!r} failed with {type(error).__name__}: {error}") from error
