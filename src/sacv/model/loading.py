"""Load a model by name.

`demo`
    The small network that ships with sacv.
`path/to/file.py:function`
    A function in a file, which is run. Until it returns, modules beside the file can be imported by name.
`package.module:function`
    A function in a module that can be imported, which is run.
`torchvision:NAME`, `timm:NAME`, `hf:ORG/NAME`
    A model of a zoo; see `sacv.model.zoo`.

After any but `demo`, `@FILE` names weights to load into the network, and after a zoo's `@random` leaves it untrained.
The function takes no argument and gives a `torch.nn.Module` or a `VisionModel`.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import nn

from sacv.errors import ModelSpecError
from sacv.model.demo import DEMO_CLASSES, DEMO_SIZE, load_demo
from sacv.model.local_imports import beside
from sacv.model.transform import ImageTransform
from sacv.model.vision_model import Transform, VisionModel
from sacv.model.zoo import ZOOS, load_from_zoo, load_weights

LEGAL = (
    "legal are 'demo', 'torchvision:NAME', 'timm:NAME', 'hf:ORG/NAME', 'path/to/file.py:function' and "
    "'package.module:function', each but the first with '@WEIGHTS' after it if need be"
)


def runs_code(spec: str) -> bool:
    """Tell whether loading `spec` runs code that the user named, so that no bank may ask for it."""
    return spec != "demo" and spec.partition(":")[0] not in ZOOS


def load_model(
    spec: str,
    *,
    weights: str | Path | None = None,
    transform: Transform | None = None,
    class_names: Sequence[str] | None = None,
    layouts: Mapping[str, str] | None = None,
    precision: str | None = None,
) -> VisionModel:
    """Load a model by name.

    Parameters
    ----------
    spec
        `demo`, `torchvision:NAME`, `timm:NAME`, `hf:ORG/NAME`, `path/to/file.py:function` or `package.module:function`.
    weights
        A file of weights, safetensors or what `torch.save` wrote; of a zoo also "random" for an untrained network and,
        of torchvision, the name of weights. The same as `@WEIGHTS` after `spec`, and recorded so.
    transform, class_names, layouts, precision
        As in `VisionModel`; they replace those that come with the model.

    Raises
    ------
    ModelSpecError
        If there is no such file, module, function or model, it does not give a network, or weights do not fit it.
    MissingExtraError
        If a zoo's package is not installed.
    OptionError
        If the network cannot compute in that precision.
    """
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
    model = replace(model, spec=spec)
    if transform is not None:
        model = replace(model, transform=transform)
    if class_names is not None:
        model = replace(model, class_names=class_names)
    if layouts is not None:
        model = replace(model, layouts=dict(layouts))
    if precision is not None:
        model = replace(model, precision=precision)
    return model


def _call(spec: str) -> VisionModel:
    place, colon, called = spec.rpartition(":")
    name, at, weights = called.partition("@")
    if not colon or not place or not name.isidentifier():
        raise ModelSpecError(f"cannot read the model name {spec!r}; {LEGAL}")
    with beside(Path(place).resolve().parent) if _is_file(place) else nullcontext():
        function = _function(place, name, spec)
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
    raise ModelSpecError(f"{spec} gave {type(made).__name__}; it must give a torch.nn.Module or a sacv.VisionModel")


def _is_file(place: str) -> bool:
    if not place.endswith(".py"):
        return False
    if not Path(place).is_file():
        raise ModelSpecError(f"there is no file {place}")
    return True


def _function(place: str, name: str, spec: str) -> Callable[[], Any]:
    module = _from_file(Path(place)) if _is_file(place) else _from_package(place, spec)
    function = getattr(module, name, None)
    if not callable(function):
        names = [key for key, value in vars(module).items() if callable(value) and not key.startswith("_")]
        raise ModelSpecError(f"{place} has no function {name!r}; it has {', '.join(names) or 'none'}")
    return function  # type: ignore[no-any-return]


def _from_file(path: Path) -> Any:
    name = f"sacv_model_{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"
    module_spec = importlib.util.spec_from_file_location(name, path)
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


def _from_package(place: str, spec: str) -> Any:
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise ModelSpecError(f"cannot import {place!r} (of {spec!r}): {error}; {LEGAL}") from error
    except Exception as error:  # anything can happen in the user's code
        raise ModelSpecError(f"importing {place!r} failed with {type(error).__name__}: {error}") from error
