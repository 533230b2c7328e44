"""Agreement of the contribution to a region's logit with its change when the element is removed.

A network of the bench gets a head that classifies the texture at each location: a 1 x 1 convolution on its last map,
trained on scenes with known masks. The target is `sacv.targets.Region`, the mean logit of a class over an element. The
truth is computed::

    truth = z(scene) - z(scene rendered without the element)

and the value of a map is its sum over the cells whose effective receptive field reaches the element, as in T3.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import nn

from sacv.cav import fit
from sacv.concepts.coverage import cell_means
from sacv.maps import explain
from sacv.maps.methods import Method
from sacv.model import VisionModel
from sacv.synthetic.scenes import Scene, SceneSpec, render
from sacv.targets import Aimed, Each, Region
from sacv_bench.agreement import spearman
from sacv_bench.contribution import PLAIN, scenes_of
from sacv_bench.networks import Trained
from sacv_bench.sizes import Effort
from sacv_bench.study import Study

REST = "rest"
STEPS = 300
"""Steps that a head is trained for."""

Float64 = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class RegionPairs:
    """Elements and classes: what is true of them, and what the maps say; `(scenes, classes)` each.

    Parameters
    ----------
    truth
        Change of the region's logit when the element goes.
    texture
        The same when only its texture goes, and the element stays plain.
    found
        Sum of the map around the element.
    own
        Whether the class is the concept that the element wears.
    """

    truth: Float64
    texture: Float64
    found: Float64
    own: NDArray[np.bool_]

    def agreement(self) -> dict[str, float]:
        """Return Spearman's correlations: over all pairs, those of the own class, and all with the texture's change."""
        return {
            "all": spearman(self.found.ravel(), self.truth.ravel()),
            "own class": spearman(self.found[self.own], self.truth[self.own]),
            "all, texture": spearman(self.found.ravel(), self.texture.ravel()),
        }


@dataclass(frozen=True, eq=False)
class Segmentation:
    """A network of the bench that classifies the texture at each location.

    Parameters
    ----------
    trained
        The network that gets a head; one of convolutions.
    layer
        The layer explained.
    effort
        Numbers of concept images and scenes.
    training
        Scenes that the head is trained on.
    """

    trained: Trained
    layer: str
    effort: Effort
    training: int = 200

    @cached_property
    def study(self) -> Study:
        """The same network without the head, for the cells that reach an element."""
        return Study(self.trained, self.layer, self.effort)

    @property
    def classes(self) -> list[str]:
        """The concepts, and what is none of them."""
        return [*self.trained.world.concepts, REST]

    @cached_property
    def model(self) -> VisionModel:
        """The network with its head trained."""
        rng = np.random.default_rng(0)
        scenes = [render(self.trained.world.random_scene(rng)) for _ in range(self.training)]
        net = self.trained.load()
        net.pool = net.head = nn.Identity()
        with torch.no_grad():
            maps = net.eval()(self.study.inputs([scene.image for scene in scenes]))
        net.head = _trained_head(maps, torch.from_numpy(self._shares(scenes, (maps.shape[2], maps.shape[3]))))
        return replace(self.study.model, net=net, class_names=self.classes)

    def _shares(self, scenes: Sequence[Scene], grid: tuple[int, int]) -> NDArray[np.float32]:
        """Return the share of each cell that each class covers, `(scenes, classes, *grid)`."""
        names = self.trained.world.concepts
        found = np.array(
            [[cell_means(scene.showing(name).astype(np.float64), grid) for name in names] for scene in scenes],
            np.float32,
        )
        return np.concatenate([found, 1 - found.sum(axis=1, keepdims=True)], axis=1)

    def pairs(self, concept: str, seed: int, method: Method | None = None) -> RegionPairs:
        """Measure scenes whose first element wears a concept, for each class, all in one pass."""
        world, number = self.trained.world, self.classes.index(concept)
        shown = world.concept_images(concept, self.effort.guidance, seed)
        others = world.others(concept, self.effort.others, seed)
        bank = fit(self.model, [self.layer], {concept: shown}, others, runs=1, nulls=0, folds=2, seed=seed, absent=())
        seen = scenes_of(self.study, concept, np.random.default_rng([seed, number]))
        targets = [Each([Region(scene.masks[0], name) for scene in seen.scenes]) for name in self.classes]
        explained = explain(
            self.model, seen.images, bank, targets, method=method, checks=False, allow_weak=True
        ).values()
        near = [self.study.near(scene.masks[0]) for scene in seen.scenes]
        maps = [one.contribution(self.layer, concept) for one in explained]
        sums = [[one[cells].sum() for one, cells in zip(each, near, strict=True)] for each in maps]
        specs = [scene.spec for scene in seen.scenes]
        whole = self._values(specs, targets)
        return RegionPairs(
            whole - self._values([spec.without(0) for spec in specs], targets),
            whole - self._values([spec.with_texture(0, PLAIN) for spec in specs], targets),
            np.array(sums, dtype=np.float64).T,
            np.tile(np.arange(len(self.classes)) == number, (len(specs), 1)),
        )

    def _values(self, specs: Sequence[SceneSpec], targets: Sequence[Each]) -> Float64:
        inputs = self.model.inputs([Image.fromarray(render(spec).image) for spec in specs])
        values = [self.model.explained(inputs, Aimed(each.named(self.classes))) for each in targets]
        return torch.stack(values, dim=1).double().numpy()


def _trained_head(maps: torch.Tensor, shares: torch.Tensor) -> nn.Conv2d:
    """Train a head on maps `(n, channels, *grid)` to give the shares of the classes `(n, classes, *grid)`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        head = nn.Conv2d(maps.shape[1], shares.shape[1], 1)
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    with torch.enable_grad():
        for _ in range(STEPS):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(head(maps), shares)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
    return head


def joined(parts: Sequence[RegionPairs]) -> RegionPairs:
    """Join pairs."""
    return RegionPairs(
        np.concatenate([part.truth for part in parts]),
        np.concatenate([part.texture for part in parts]),
        np.concatenate([part.found for part in parts]),
        np.concatenate([part.own for part in parts]),
    )
