"""What an explanation costs beyond the passes it needs, as ratios of things timed in turn in one process.

    python benchmarks/explain.py [--case NAME] [--concepts 10] [--images 16] [--rounds 5]

The yardstick is one full forward pass and the backward pass from the logit to the layer, over the same images, already
transformed and in memory, written by hand with the graph starting at the layer. Medians over the rounds.

The CAVs are differences of means, and contribution is the gradient, which takes no pass of its own; what the default
method takes beyond that is told of one concept, for it grows with their number.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import torch
from fit import seconds
from shapes import CASES, Case, real_data
from torch import nn

import sacv
from sacv import methods
from sacv.maps.methods import Gradient, Method
from sacv.solvers import DEFAULT, MeanDifference, Solver


def passes(net: nn.Module, layer: str, images: torch.Tensor, target: int, size: int) -> None:
    """Run forward and backward, and nothing else."""
    kept: list[torch.Tensor] = []

    def start_here(_module: nn.Module, _inputs: object, output: torch.Tensor) -> torch.Tensor:
        kept.append(output.detach().clone().requires_grad_())
        torch.set_grad_enabled(True)
        return kept[-1].clone()

    handle = net.get_submodule(layer).register_forward_hook(start_here)
    try:
        for batch in images.split(size):
            with torch.no_grad():
                logits = net(batch.contiguous(memory_format=torch.channels_last))
                torch.autograd.grad(logits[:, target].sum(), kept[-1])
    finally:
        handle.remove()


def measure(case: Case, concepts: int, images: int, rounds: int) -> None:
    """Time one case and print its ratios."""
    net = case.load().eval()
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    generator = torch.Generator().manual_seed(0)
    coarse = torch.randn(6 * concepts + 20 + images, 3, 14, 14, generator=generator)
    data = torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bilinear")
    *guidance, pool, shown = data.split([6] * concepts + [20, images])
    model = sacv.VisionModel(net)
    named = {f"concept {number}": part for number, part in enumerate(guidance)}
    first = dict(list(named.items())[:1])

    def fit(of: dict[str, torch.Tensor], solver: Solver, nulls: int) -> sacv.ConceptBank:
        return sacv.fit(model, [case.layer], of, pool, solver=solver, runs=1, nulls=nulls)

    banks = {nulls: fit(named, MeanDifference(), nulls) for nulls in (0, 199)}
    alone = {solver: fit(first, solver, 0) for solver in (MeanDifference(), DEFAULT)}
    size = model.batch_size(None)

    def maps(bank: sacv.ConceptBank, method: Method) -> Callable[[], object]:
        return lambda: sacv.explain(model, shown, bank, 1, method=method, checks=False, allow_weak=True)

    def explain(nulls: int, checks: bool) -> Callable[[], object]:
        return lambda: sacv.explain(model, shown, banks[nulls], 1, method=Gradient(), checks=checks, allow_weak=True)

    work: dict[str, Callable[[], object]] = {
        "yardstick": lambda: passes(net, case.layer, shown, 1, size),
        "explain, maps alone": explain(0, False),
        "and which places beat 199 null CAVs": explain(199, False),
        "and the trust line": explain(199, True),
        "one concept, maps by the gradient": maps(alone[MeanDifference()], Gradient()),
        "one concept, maps by the default solver and method": maps(alone[DEFAULT], methods.DEFAULT),
    }
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, one in work.items():
            times[name].append(seconds(one))
    base = statistics.median(times["yardstick"])
    print(f"\n{case.name} at {case.layer}: {concepts} concepts, {images} images in batches of {size}")
    print(f"  forward and backward: {1000 * base / images:.1f} ms an image")
    for name, values in times.items():
        if name != "yardstick":
            ratio = statistics.median(value / first for value, first in zip(values, times["yardstick"], strict=True))
            print(f"  {name:<52} {ratio:5.2f} x forward and backward" + ("   (aim 1.1)" if "alone" in name else ""))


def main() -> None:
    """Read the arguments and time the cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--case", choices=[case.name for case in CASES])
    for name, default in (("concepts", 10), ("images", 16), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    for case in CASES:
        if asked.case not in (None, case.name):
            continue
        if case.name == "light" and not real_data().is_dir():
            print(f"\nlight: left out, there is no {real_data()} (set SACV_REAL_DATA)")
            continue
        measure(case, asked.concepts, asked.images, asked.rounds)


if __name__ == "__main__":
    main()
