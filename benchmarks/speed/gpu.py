"""The same on a GPU, and beside it what the GPU itself can do: copies, the forward pass, and that in bfloat16."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import torch

import sacv
from sacv.model.precision import PRECISIONS
from speed import explaining, extraction, fitting, material, passes
from speed.loaded import measured
from speed.networks import Case, cases
from speed.rows import Row, not_measured
from speed.sizes import Sizes
from speed.timing import Times, interleaved

NAME = "gpu"


def measure(sizes: Sizes) -> Iterator[Row]:
    """Measure each network, where there is a GPU."""
    if not torch.cuda.is_available():
        yield not_measured(NAME, "", "PyTorch finds no GPU")
        return
    yield Row(
        NAME, torch.cuda.get_device_name(), "its memory", torch.cuda.get_device_properties(0).total_memory / 1e9, "GB"
    )
    yield from measured(NAME, cases(sizes), lambda case: everything(case, sizes))


def everything(case: Case, sizes: Sizes) -> Iterator[Row]:
    """Measure one network: what the GPU can do, and each experiment on it."""
    count = sizes.on_gpu
    many = replace(sizes, extracted=count, explained=count // 8, scored=count // 4)
    yield from limits(case, many)
    yield from precisions(case, many)
    for experiment in (extraction.of, fitting.of, explaining.explained, explaining.scored):
        yield from experiment(case, many, "cuda", NAME)


def limits(case: Case, sizes: Sizes) -> Iterator[Row]:
    """Measure what no pass over images on this GPU can be faster than."""
    first = case.load().to("cuda")
    net = passes.frozen(first)
    short = passes.frozen(first).bfloat16()
    images = material.inputs(sizes.extracted)
    size = sacv.VisionModel(net).batch_size(None)
    pinned, parts = images.pin_memory(), passes.batches(images, size, "cuda")
    first_parts, short_parts = [part.contiguous() for part in parts], [part.bfloat16() for part in parts]
    there = torch.empty_like(images, device="cuda")

    def in_full() -> None:
        with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
            passes.forward(net, case.layer, parts)

    work = {
        "copies of pinned inputs": lambda: there.copy_(pinned, non_blocking=True),
        "copies of inputs that are not pinned": lambda: there.copy_(images),
        "forward, channels first": lambda: passes.forward(first, case.layer, first_parts),
        "forward, channels last": lambda: passes.forward(net, case.layer, parts),
        "forward, channels last, without TF32": in_full,
        "forward, channels last, bfloat16": lambda: passes.forward(short, case.layer, short_parts),
    }
    interleaved(work, 2)  # the first runs choose kernels
    yield from throughputs(case, interleaved(work, sizes.rounds), sizes.extracted)


def precisions(case: Case, sizes: Sizes) -> Iterator[Row]:
    """Fit one concept in float32 and in bfloat16, without random runs and null CAVs."""
    net, images = case.load().to("cuda"), material.inputs(sizes.extracted)
    half, found = len(images) // 2, {}

    def fit(precision: str) -> None:
        model = sacv.VisionModel(net, precision=precision)
        found[precision] = sacv.fit(model, [case.layer], {"concept": images[:half]}, images[half:], runs=1, nulls=0)

    work = {f"fit without runs, {name}": partial(fit, name) for name in PRECISIONS}
    interleaved(work, 1)
    times = interleaved(work, sizes.rounds)
    yield from throughputs(case, times, sizes.extracted)
    exact, short = (found[name].cav(case.layer, "concept") for name in PRECISIONS)
    yield Row(NAME, case.title, "cosine of the CAVs in both precisions", float(exact.vector @ short.vector), "")


def throughputs(case: Case, times: Times, images: int) -> Iterator[Row]:
    """Give images a second of each thing."""
    for name in times.rounds[0]:
        yield Row(NAME, case.title, name, images / times.median(name), "images a second", None, len(times))
