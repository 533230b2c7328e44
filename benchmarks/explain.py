"""What an explanation costs beyond the passes it needs, as ratios of things timed in turn in one process.

    python benchmarks/explain.py [--case NAME] [--layer NAME] [--concepts 10] [--images 16] [--rounds 5]

Of the real networks (`squeezenet`, `mobilenet`, `dinov2`, where the material is): `explain` by default, with the trust
line, for one concept and for many, against one forward and one backward pass of the whole network, from the logit to
the input. Medians over rounds, in each of which everything is timed in turn.

Of networks with random weights in the shape of known ones: the yardstick is one full forward pass and the backward pass
from the logit to the layer, written by hand with the graph starting at the layer. The CAVs are differences of means,
and contribution is the gradient, which takes no pass of its own.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable

import torch
from fit import seconds
from shapes import CASES, REAL, Case, RealNetwork, real_data
from torch import nn

import sacv
from sacv.maps.methods import Gradient
from sacv.solvers import MeanDifference


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


def both_passes(net: nn.Module, images: torch.Tensor, target: int, size: int) -> None:
    """Run the whole network forward, and backward to the input."""
    for batch in images.split(size):
        start = batch.contiguous(memory_format=torch.channels_last).requires_grad_()
        torch.autograd.grad(net(start)[:, target].sum(), start)


def pictures(count: int) -> torch.Tensor:
    """Draw coarse noise, `(count, 3, 224, 224)`."""
    coarse = torch.randn(count, 3, 14, 14, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, size=(224, 224), mode="bilinear")


def frozen(net: nn.Module) -> nn.Module:
    """Give a network in eval mode, whose parameters need no gradient."""
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return net.eval()


def in_turn(work: dict[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """Time everything in turn, and give the median ratio to what comes first."""
    times: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, one in work.items():
            times[name].append(seconds(one))
    first = next(iter(times.values()))
    print(f"  {next(iter(work))}: {1000 * statistics.median(first):.0f} ms in all")
    return {
        name: statistics.median(value / base for value, base in zip(values, first, strict=True))
        for name, values in times.items()
    }


def measure_real(network: RealNetwork, layer: str, concepts: int, images: int, rounds: int) -> None:
    """Time `explain` with its trust line at a layer of a real network, for one concept and for many."""
    model = network.load()
    net = frozen(model.net)
    *guidance, pool, shown = pictures(6 * concepts + 20 + images).split([6] * concepts + [20, images])
    named = {f"concept {number}": part for number, part in enumerate(guidance)}
    banks = {
        count: sacv.fit(model, [layer], dict(list(named.items())[:count]), pool, runs=1) for count in (1, concepts)
    }
    size = model.batch_size(None)
    example = model.inputs(list(shown[:1]))
    share = model.share_after(example, layer)
    print(f"\n{network.name} at {layer}: {images} images in batches of {size}; {share:.0%} of the work follows")
    work: dict[str, Callable[[], object]] = {"forward and backward": lambda: both_passes(net, shown, 1, size)}
    for count, bank in banks.items():
        work[f"{count} concepts"] = lambda bank=bank: sacv.explain(model, shown, bank, 1, allow_weak=True)
        work[f"{count} concepts, maps alone"] = lambda bank=bank: sacv.explain(
            model, shown, bank, 1, checks=False, allow_weak=True
        )
    for name, ratio in list(in_turn(work, rounds).items())[1:]:
        print(f"  explain, {name:<25} {ratio:5.2f} x forward and backward")


def measure(case: Case, concepts: int, images: int, rounds: int) -> None:
    """Time one case and print its ratios."""
    net = frozen(case.load())
    *guidance, pool, shown = pictures(6 * concepts + 20 + images).split([6] * concepts + [20, images])
    model = sacv.VisionModel(net)
    named = {f"concept {number}": part for number, part in enumerate(guidance)}
    banks = {
        nulls: sacv.fit(model, [case.layer], named, pool, solver=MeanDifference(), runs=1, nulls=nulls)
        for nulls in (0, 199)
    }
    size = model.batch_size(None)

    def explain(nulls: int, checks: bool) -> Callable[[], object]:
        return lambda: sacv.explain(model, shown, banks[nulls], 1, method=Gradient(), checks=checks, allow_weak=True)

    print(f"\n{case.name} at {case.layer}: {concepts} concepts, {images} images in batches of {size}")
    work: dict[str, Callable[[], object]] = {
        "forward, and backward to the layer": lambda: passes(net, case.layer, shown, 1, size),
        "explain, maps alone": explain(0, False),
        "and which places beat 199 null CAVs": explain(199, False),
        "and the trust line": explain(199, True),
    }
    for name, ratio in list(in_turn(work, rounds).items())[1:]:
        print(f"  {name:<40} {ratio:5.2f} x" + ("   (aim 1.1)" if "alone" in name else ""))


def main() -> None:
    """Read the arguments and time the cases."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    shaped = [case for case in CASES if case.name != "light"]
    parser.add_argument("--case", choices=[*(network.name for network in REAL), *(case.name for case in shaped)])
    parser.add_argument("--layer", help="of a real network: only this one")
    for name, default in (("concepts", 10), ("images", 16), ("rounds", 5)):
        parser.add_argument(f"--{name}", type=int, default=default)
    asked = parser.parse_args()
    if not real_data().is_dir():
        print(f"\nthe real networks are left out, there is no {real_data()} (set SACV_REAL_DATA)")
    for network in REAL if real_data().is_dir() else ():
        for layer in network.layers:
            if asked.case in (None, network.name) and asked.layer in (None, layer):
                measure_real(network, layer, asked.concepts, asked.images, asked.rounds)
    for case in shaped:
        if asked.case in (None, case.name) and asked.layer is None:
            measure(case, asked.concepts, asked.images, asked.rounds)


if __name__ == "__main__":
    main()
