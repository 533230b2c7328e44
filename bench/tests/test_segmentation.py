"""Contributions to regions of a segmentation head, on little: they rank elements as rendering without them does."""

from dataclasses import replace

import numpy as np
import pytest

from sacv.maps.methods import IntegratedGradients
from sacv_bench.networks import trained
from sacv_bench.segmentation import Segmentation
from sacv_bench.sizes import Effort
from sacv_bench.worlds import DEVELOPMENT

SMALL = replace(trained("plain-development"), world=replace(DEVELOPMENT, area=(0.02, 0.2)))


@pytest.fixture(scope="module")
def bench():
    return Segmentation(SMALL, "blocks.1", Effort(1, guidance=16, others=32, scenes=2, steps=1, trials=0), training=60)


def test_a_region_s_contribution_ranks_elements_as_their_removal_does(bench):
    pairs = bench.pairs("dotted", 0, IntegratedGradients(3))
    assert pairs.truth.shape == pairs.found.shape == pairs.own.shape == (len(pairs.truth), 4)
    assert pairs.agreement()["all"] >= 0.8
    assert pairs.truth[pairs.own].mean() > 0 > pairs.truth[:, -1].mean(), "the element speaks for its own texture"
    shuffled = replace(
        pairs, found=np.random.default_rng(0).permutation(pairs.found.ravel()).reshape(pairs.found.shape)
    )
    assert abs(shuffled.agreement()["all"]) < 0.6
