"""What a fit costs beyond the forward pass, as ratios of things timed in turn in one process.

    python benchmarks/fit.py [--case NAME] [--concepts 10] [--images 40] [--pool 100] [--rounds 3]

The forward pass is the fastest of several plain float32 ones to the same layer over the same images, already
transformed and in memory. Medians over the rounds.
"""

from __future__ import annotations

import argparse
import copy
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from shapes import CASES, Case, real_data
from torch import nn

import sacv
from sacv.solvers import DEFAULT, LDA, MeanDifference, MomentSolver, Ridge, Solver

SOLVERS: tuple[MomentSolver, ...] = (MeanDifference(), LDA(), Ridge())


class _Reached(Exception):
    pass


def plain_forward(net: nn.Module, layer: str, batches: list[torch.Tensor]) -> None:
    """Run the network up to a layer, and nothing else."""

    def stop(*_: object) -> None:
        raise _Reached

    handle = net.get_submodule(layer).register_forward_hook(stop)
    try:
        with torch.no_grad():
            for batch in batches:
                try:
                    net(batch)
                except _Reached:
                    pass
    finally:
        handle.remove()


def seconds(work: Callable[[], object]) -> float:
    """Time one run."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def forwards(net: nn.Module, layer: str, images: torch.Tensor) -> Iterator[tuple[str, Callable[[], None]]]:
    """Give plain forward passes: memory formats and batch sizes."""
    last = copy.deepcopy(net).to(memory_format=torch.channels_last)
    for size in (4, 8, 16, 32):
        batches = [part.contiguous() for part in images.split(size)]
        yield f"channels first, batch {size}", lambda b=batches: plain_forward(net, layer, b)
        turned = [part.contiguous(memory_format=torch.channels_last) for part in batches]
        yield f"channels last, batch {size}", lambda b=turned: plain_forward(last, layer, b)


def measure(case: Case, concepts: int, images: int, pool: int, rounds: int) -> None:
    """Time one case and print its ratios."""
    net = case.load().eval()
    generator = torch.Generator().manual_seed(0)
    total = concepts * images + pool
    # Smooth images, each with a level of its own, so that every set differs from every other.
    coarse = torch.randn(total, 3, 14, 14, generator=generator)
    data = torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bilinear")
    parts = list(data.split([images] * concepts + [pool]))
    model = sacv.VisionModel(net)
    some = dict(forwards(net, case.layer, data[:32]))
    quick = {name: min(seconds(work) for _ in range(2)) for name, work in some.items()}
    best = min(quick, key=quick.__getitem__)
    forward = dict(forwards(net, case.layer, data))[best]

    def fit(solver: Solver, runs: int) -> sacv.ConceptBank:
        named = {f"concept {number}": part for number, part in enumerate(parts[:-1])}
        return sacv.fit(model, [case.layer], named, parts[-1], solver=solver, runs=runs, nulls=199)

    def every_solver() -> None:
        bank = fit(SOLVERS[0], 50)
        for solver in SOLVERS[1:]:
            sacv.refit(bank, solver=solver)

    work: dict[str, Callable[[], object]] = {"forward": forward}
    work |= {f"{solver!r}, 50 runs": lambda s=solver: fit(s, 50) for solver in (*SOLVERS, DEFAULT)}
    work |= {f"{solver!r}, 500 runs": lambda s=solver: fit(s, 500) for solver in SOLVERS}
    work["all three from one pass, 50 runs"] = every_solver
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, one in work.items():
            times[name].append(seconds(one))
    base = statistics.median(times["forward"])
    print(f"\n{case.name} at {case.layer}: {concepts} concepts x {images} images, {pool} random images, 199 null CAVs")
    print(f"  forward pass ({best}): {base:.2f} s, {1000 * base / total:.1f} ms an image")
    for name, values in times.items():
        if name != "forward":
            ratio = statistics.median(value / first for value, first in zip(values, times["forward"], strict=True))
            aim = f"   (aim {case.limit})" if name.endswith(", 50 runs") and not name.startswith("all") else ""
            print(f"  {name:<60} {ratio:5.2f} x the forward pass{aim}")


def main() -> None:
    """Read the arguments and time the cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=[case.name for case in CASES])
    for name, default in (("concepts", 10), ("images", 40), ("pool", 100), ("rounds", 3)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    for case in CASES:
        if asked.case not in (None, case.name):
            continue
        if case.name == "light" and not real_data().is_dir():
            print(f"\nlight: left out, there is no {real_data()} (set SACV_REAL_DATA)")
            continue
        measure(case, asked.concepts, asked.images, asked.pool, asked.rounds)


if __name__ == "__main__":
    main()
