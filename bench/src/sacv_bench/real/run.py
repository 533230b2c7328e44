"""Run the bench on real photographs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from sacv.errors import OptionError
from sacv_bench.real.absent import absent
from sacv_bench.real.horses import horses
from sacv_bench.real.lesions import lesions
from sacv_bench.real.material import read_material
from sacv_bench.real.networks import Network
from sacv_bench.real.observed import Observation, summarise
from sacv_bench.real.pasted import pasted
from sacv_bench.real.patterns import patterns
from sacv_bench.real.setup import Lab
from sacv_bench.real.sizes import RealEffort
from sacv_bench.real.streets import streets

EXPERIMENTS: dict[str, Callable[[Lab], list[Observation]]] = {
    "streets": streets,
    "horses": horses,
    "patterns": patterns,
    "lesions": lesions,
    "pasted": pasted,
    "absent": absent,
}
"""By name."""


@dataclass(frozen=True, eq=False)
class RealResult:
    """The result of a run.

    Parameters
    ----------
    rows
        Columns `sacv_bench.real.observed.ROWS`.
    advice
        `network`, `experiment`, `concept`, `n`, `layer`, `times`: how often the advice named each layer.
    """

    rows: pd.DataFrame
    advice: pd.DataFrame


def run_real(
    folder: Path,
    experiments: Sequence[str],
    networks: Sequence[Network],
    effort: RealEffort,
    seed: int,
    progress: Callable[[str], None],
) -> RealResult:
    """Run experiments.

    Parameters
    ----------
    folder
        Of real photographs; see `sacv_bench.real.material`.
    experiments
        Of `EXPERIMENTS`.
    networks
        The networks, each measured at its layers.
    effort
        How much is measured.
    seed
        Of everything drawn.
    progress
        ImageSample what is run.

    Raises
    ------
    OptionError
        If there is no such experiment.
    ImageSetError
        If the folder lacks a part that is needed.
    """
    for name in experiments:
        if name not in EXPERIMENTS:
            raise OptionError(f"there is no experiment {name!r}; there are {', '.join(EXPERIMENTS)}")
    files = [network.file for network in networks]
    files += [network.classes for network in networks if isinstance(network.classes, str)]
    material = read_material(folder, experiments, list(dict.fromkeys(files)))
    observations: list[Observation] = []
    advice: list[dict[str, object]] = []
    for network in networks:
        lab = Lab(network, material, effort, seed)
        for name in experiments:
            progress(f"{network.name}: {name}")
            observations += EXPERIMENTS[name](lab)
        advice += lab.advice
    progress("intervals")
    return RealResult(summarise(observations, seed), _counted(advice))


def _counted(advice: Sequence[dict[str, object]]) -> pd.DataFrame:
    keys = ["network", "experiment", "concept", "n", "layer"]
    return pd.DataFrame(list(advice), columns=keys).groupby(keys, sort=False).size().rename("times").reset_index()
