"""Run the experiments of the bench.

Choices were made on the development split; the held-out split has other concepts, shapes, backgrounds and another
network. The layer of each network is the one that the advice ranks first from concept images alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sacv.errors import OptionError
from sacv_bench.contribution import contribution
from sacv_bench.interference import interference
from sacv_bench.layers import layers, ranked
from sacv_bench.localisation import localisation
from sacv_bench.networks import Trained, trained
from sacv_bench.planted import planted
from sacv_bench.sanity import sanity
from sacv_bench.sizes import Effort
from sacv_bench.stability import stability
from sacv_bench.study import Study
from sacv_bench.tables import Table

EXPERIMENTS = {
    "T1": "a planted direction, by number of images",
    "T2": "the localisation of a concept, by size and background",
    "T3": "the contribution of an element",
    "T4": "interference of the background",
    "T5": "stability over draws of concept images",
    "T6": "what is found where there is nothing",
    "layers": "which layer answers",
}

ON_NETWORKS: dict[str, Callable[[Study, int], Table]] = {
    "T2": localisation,
    "T3": contribution,
    "T4": interference,
    "T5": stability,
    "T6": sanity,
    "layers": layers,
}


@dataclass(frozen=True)
class Split:
    """A network, and with it a world of scenes.

    Parameters
    ----------
    name
        Of the split.
    network
        Its network.
    seed
        Added to the seed of concept images and scenes, so that splits share none.
    """

    name: str
    network: str
    seed: int


SPLITS = {
    split.name: split
    for split in (
        Split("held-out", "residual-held-out", 20_000),
        Split("held-out-transformer", "transformer-held-out", 30_000),
        Split("lesions", "plain-lesions", 40_000),
        Split("development", "plain-development", 1_000),
        Split("development-residual", "residual-development", 10_000),
    )
}
"""By name."""


def run(names: Sequence[str], split: str, effort: Effort, seed: int, progress: Callable[[str], None]) -> list[Table]:
    """Run experiments.

    Parameters
    ----------
    names
        Of `EXPERIMENTS`.
    split
        Of `SPLITS`.
    effort
        How much is measured.
    seed
        Of everything drawn.
    progress
        Called with the name of each step.

    Returns
    -------
    A table for each experiment.

    Raises
    ------
    OptionError
        If there is no such experiment or split.
    """
    for name in names:
        if name not in EXPERIMENTS:
            raise OptionError(f"there is no table {name!r}; there are {', '.join(EXPERIMENTS)}")
    if split not in SPLITS:
        raise OptionError(f"there is no split {split!r}; there are {', '.join(SPLITS)}")
    chosen = SPLITS[split]
    study = None
    tables = []
    for name in names:
        progress(f"{name}: {EXPERIMENTS[name]}")
        if name == "T1":
            tables.append(planted(effort, seed + chosen.seed))
        else:
            if study is None:
                network = trained(chosen.network)
                study = Study(network, _layer(network, effort, seed + chosen.seed), effort)
            tables.append(ON_NETWORKS[name](study, seed + chosen.seed))
    return tables


def _layer(network: Trained, effort: Effort, seed: int) -> str:
    """Return the layer advised for contribution, which is also used for localisation."""
    return min(ranked(network, effort, seed), key=lambda one: one.contribution_rank).layer
