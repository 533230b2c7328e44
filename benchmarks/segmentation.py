"""Whether contributions to a segmentation head's regions rank elements as rendering without them does.

    python benchmarks/segmentation.py [--seeds 2]

For each network of convolutions of the bench: Spearman's correlation of the sum of the map around an element with the
change of the region's mean logit when the element goes, over all elements and classes (`sacv_bench.segmentation`).
"""

from __future__ import annotations

import argparse

from sacv.maps.methods import DEFAULT, Gradient, GradientTimesConcept, Method
from sacv_bench.networks import trained
from sacv_bench.segmentation import Segmentation, joined
from sacv_bench.sizes import Effort

NETWORKS = {"plain-development": "blocks.1", "residual-held-out": "blocks.1", "plain-lesions": "blocks.1"}
METHODS: tuple[Method, ...] = (DEFAULT, GradientTimesConcept(), Gradient())


def main() -> None:
    """Print a line for each network and method."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=2, help="draws of guidance and scenes")
    seeds = parser.parse_args().seeds
    effort = Effort(seeds=seeds, guidance=30, others=60, scenes=3, steps=10, trials=0)
    for network, layer in NETWORKS.items():
        bench = Segmentation(trained(network), layer, effort)
        for method in METHODS:
            asked = [(concept, seed) for concept in bench.trained.world.concepts for seed in range(seeds)]
            pairs = joined([bench.pairs(concept, seed, method) for concept, seed in asked])
            told = ", ".join(f"{name} {value:.3f}" for name, value in pairs.agreement().items())
            print(f"{network} at {layer}, {type(method).__name__}: {told} ({pairs.truth.size} pairs)", flush=True)


if __name__ == "__main__":
    main()
