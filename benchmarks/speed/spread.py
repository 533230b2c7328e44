"""Ray's workers against this process, with one thread each, and whether the banks are the same."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import torch

import sacv
from sacv.engine import Engine
from sacv.optional import require
from speed import material, passes
from speed.extraction import PHOTO
from speed.networks import case, light
from speed.rows import AtLeast, Row, not_measured
from speed.sizes import Sizes
from speed.timing import interleaved

NAME = "ray"


def measure(sizes: Sizes) -> Iterator[Row]:
    """Measure fits by each number of workers."""
    if not find_spec("ray"):
        yield not_measured(NAME, "", "Ray is not installed (pip install 'sacv[ray]')")
        return
    found = case("squeezenet")
    model, layer = (light(), "layer") if found.lacks else (sacv.VisionModel(passes.frozen(found.load())), found.layer)
    ray = require("ray", extra="ray")
    threads = torch.get_num_threads()
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    processors = max(*sizes.workers, os.cpu_count() or 1)
    ray.init(num_cpus=processors, include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR)
    torch.set_num_threads(1)
    try:
        yield from _measured(model, layer, sizes)
    finally:
        torch.set_num_threads(threads)
        ray.shutdown()


def _measured(model: sacv.VisionModel, layer: str, sizes: Sizes) -> Iterator[Row]:
    engines: dict[str, Engine] = {"local": sacv.LocalEngine()}
    engines |= {f"{count} workers": sacv.RayEngine(workers=count) for count in sizes.workers}
    made: dict[str, sacv.ConceptBank] = {}
    half = sizes.spread // 2
    with material.photos(sizes.spread, PHOTO) as files, TemporaryDirectory() as place:

        def fit(name: str) -> None:
            made[name] = sacv.fit(model, [layer], {"concept": files[:half]}, files[half:], engine=engines[name])

        times = interleaved({name: partial(fit, name) for name in engines}, sizes.rounds)
        for name, bank in made.items():
            bank.save(Path(place) / name)
        content = {name: _content(Path(place) / name) for name in engines}
    note = f"{sizes.spread} JPEG files, {os.cpu_count()} processors; starting the workers counts"
    yield Row(NAME, "local", "fit", times.median("local"), "s", None, len(times), note)
    for name in list(engines)[1:]:
        yield Row(NAME, name, "time over the local engine's", times.ratio(name, "local"), "x", None, len(times))
        same = float(content[name] == content["local"])
        yield Row(NAME, name, "the bank is the local one, byte for byte (1: yes)", same, "", AtLeast(1))


def _content(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}
