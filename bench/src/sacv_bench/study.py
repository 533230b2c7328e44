"""`Study`: a network at a layer, with concept images drawn by a seed, and scenes with their activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_dilation

from sacv.cav import ConceptBank, fit
from sacv.concepts.coverage import cell_means
from sacv.errors import OptionError
from sacv.maps import Explanation, explain
from sacv.maps.methods import Method
from sacv.model import ImageTransform, VisionModel
from sacv.solvers import Solver
from sacv.synthetic.scenes import SIZE, Scene, SceneSpec, render
from sacv_bench.metrics import coverage
from sacv_bench.networks import Trained
from sacv_bench.rivals.tcav import flattened_cav, pooled_cav
from sacv_bench.sizes import Effort
from sacv_bench.worlds import Question, World

Values = NDArray[np.float32]
ImageArray = NDArray[np.uint8]

AREAS = ((0.01, 0.02), (0.02, 0.05), (0.05, 0.1), (0.1, 0.2), (0.2, 0.4))
"""Bins of the area of an element, as shares of the image."""

BATCH = 16


def bin_name(area: tuple[float, float]) -> str:
    """Name a bin of areas."""
    return f"area {area[0] * 100:g}-{area[1] * 100:g} %"


@dataclass(frozen=True, eq=False)
class Seen:
    """Scenes with activations, gradients and logits of a network.

    Parameters
    ----------
    scenes
        The scenes.
    inputs
        Inputs of the network, `(n, 3, size, size)`.
    logits
        `(n, questions)`.
    cells
        Activations `(n, *grid, channels)`.
    gradients
        Of each question's logit, `(n, questions, *grid, channels)`.
    """

    scenes: tuple[Scene, ...]
    inputs: torch.Tensor
    logits: Values
    cells: Values
    gradients: Values

    @property
    def images(self) -> list[ImageArray]:
        """The scenes as images."""
        return [scene.image for scene in self.scenes]


@dataclass(frozen=True, eq=False)
class Guided:
    """Concept images of one concept, with their activations.

    Parameters
    ----------
    concept
        Its name.
    seed
        Of the images.
    shown, others
        Images that show it everywhere, and images that lack it.
    cells, other_cells
        Their activations, `(n, *grid, channels)`.
    study
        Where it belongs.
    """

    concept: str
    seed: int
    shown: list[ImageArray]
    others: list[ImageArray]
    cells: Values
    other_cells: Values
    study: Study
    _banks: dict[tuple[str, int, int], ConceptBank] = field(default_factory=dict, repr=False)
    _explained: dict[tuple[str, str, int, int], tuple[Seen, Explanation]] = field(default_factory=dict, repr=False)

    def bank(self, solver: Solver | None = None, *, runs: int = 1, nulls: int = 0) -> ConceptBank:
        """Fit the concept with a solver, the package's own by default."""
        key = (repr(solver), runs, nulls)
        if key not in self._banks:
            self._banks[key] = fit(
                self.study.model,
                [self.study.layer],
                {self.concept: self.shown},
                self.others,
                solver=solver,
                runs=runs,
                nulls=nulls,
                folds=2,
                locations=16,
                seed=self.seed,
                absent=(),  # the rivals get the same images
            )
        return self._banks[key]

    @cached_property
    def flattened(self) -> NDArray[np.float64]:
        """TCAV's flattened CAV, `(*grid, channels)`."""
        return flattened_cav(self.cells, self.other_cells, self.seed)

    @cached_property
    def pooled(self) -> NDArray[np.float64]:
        """TCAV's pooled CAV, `(channels,)`."""
        return pooled_cav(self.cells, self.other_cells, self.seed)

    def explained(
        self, seen: Seen, question: int, solver: Solver | None = None, method: Method | None = None
    ) -> Explanation:
        """Explain a question of scenes with this package, by its defaults where nothing else is given."""
        key = (repr(solver), repr(method), question, id(seen))
        if key not in self._explained:
            found = explain(
                self.study.model,
                seen.images,
                self.bank(solver),
                question,
                method=method,
                checks=False,
                allow_weak=True,
            )
            self._explained[key] = seen, found
        return self._explained[key][1]


@dataclass(frozen=True, eq=False)
class Study:
    """A network of the bench at one of its layers.

    Parameters
    ----------
    trained
        The network.
    layer
        A layer of it.
    effort
        How much is measured.
    """

    trained: Trained
    layer: str
    effort: Effort
    _drawn: dict[tuple[str, int], Guided] = field(default_factory=dict, repr=False)

    @property
    def world(self) -> World:
        """What the network was trained on."""
        return self.trained.world

    @property
    def questions(self) -> tuple[Question, ...]:
        """One for each logit."""
        return self.world.questions

    @property
    def about(self) -> str:
        """State what it is."""
        return f"{self.trained.name} at {self.layer}, {self.grid[0]} x {self.grid[1]} locations"

    @property
    def areas(self) -> tuple[tuple[float, float], ...]:
        """The bins of areas that the world has elements of, and those below."""
        return tuple((low, min(high, self.world.area[1])) for low, high in AREAS if low < self.world.area[1])

    @cached_property
    def model(self) -> VisionModel:
        """The network as the package sees it."""
        return bench_model(self.trained)

    @cached_property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of the layer."""
        rows, columns = self.model.survey(self.model.example())[self.layer].grid
        return rows, columns

    @cached_property
    def reach(self) -> int:
        """Pixels from a location's middle to the edge of its effective receptive field, on scenes."""
        rng = np.random.default_rng(0)
        inputs = self.inputs([render(self.world.random_scene(rng)).image for _ in range(8)])
        return int(max(self.model.effective_fields(inputs, [self.layer])[self.layer])) // 2

    def own_question(self, concept: str) -> int:
        """Return the number of the first question that needs a concept."""
        return [question.needs for question in self.questions].index(concept)

    def inputs(self, images: Sequence[ImageArray]) -> torch.Tensor:
        """Return images as inputs of the network."""
        return self.model.inputs([Image.fromarray(image) for image in images])

    def guided(self, concept: str, seed: int) -> Guided:
        """Draw concept images for a concept; the same seed gives the same."""
        if (concept, seed) not in self._drawn:
            shown = self.world.concept_images(concept, self.effort.guidance, seed)
            others = self.world.others(concept, self.effort.others, seed)
            cells, other_cells = self.cells(shown), self.cells(others)
            self._drawn[concept, seed] = Guided(concept, seed, shown, others, cells, other_cells, self)
        return self._drawn[concept, seed]

    def cells(self, images: Sequence[ImageArray]) -> Values:
        """Return the activations of images, `(n, *grid, channels)`."""
        found = [
            self.model.activations(self.inputs(images[start : start + BATCH]), [self.layer])[self.layer].cells
            for start in range(0, len(images), BATCH)
        ]
        return torch.cat(found).numpy()

    def logits(self, images: Sequence[ImageArray]) -> Values:
        """Return the logits of images, `(n, questions)`."""
        found = [
            self.model.logits(self.inputs(images[start : start + BATCH])) for start in range(0, len(images), BATCH)
        ]
        return torch.cat(found).numpy()

    def see(self, specs: Sequence[SceneSpec]) -> Seen:
        """Render scenes and run the network on them."""
        scenes = tuple(render(spec) for spec in specs)
        inputs = self.inputs([scene.image for scene in scenes])
        selects = [partial(torch.select, dim=1, index=number) for number in range(len(self.questions))]
        traces = [
            self.model.trace(inputs[start : start + BATCH], [self.layer], selects)
            for start in range(0, len(inputs), BATCH)
        ]
        return Seen(
            scenes,
            inputs,
            torch.cat([trace.logits for trace in traces if trace.logits is not None]).numpy(),
            torch.cat([trace.activations[self.layer].cells for trace in traces]).numpy(),
            torch.cat([torch.stack([one[self.layer] for one in trace.gradients], dim=1) for trace in traces]).numpy(),
        )

    def shares(self, mask: NDArray[np.bool_]) -> NDArray[np.float64]:
        """Return the share of each cell that a mask covers."""
        return coverage(mask, self.grid)

    def near(self, mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Return the cells whose effective receptive field reaches a mask: those covered by half once it is grown."""
        grown = binary_dilation(mask, iterations=self.reach)
        found: NDArray[np.bool_] = cell_means(grown.astype(np.float64), self.grid) >= 0.5
        return found


def bench_model(trained: Trained) -> VisionModel:
    """Return a network of the bench as the package sees it."""
    names = [question.name for question in trained.world.questions]
    return VisionModel(trained.load(), transform=ImageTransform(resize=SIZE, crop=SIZE), class_names=names)


def staged(
    world: World,
    rng: np.random.Generator,
    concept: str,
    *,
    area: tuple[float, float],
    background: str | None = None,
) -> SceneSpec:
    """Draw a scene whose first element wears a concept, and which every second time has another beside it.

    The other is small, and wears another concept or a filling.
    """
    first = world.element(rng, texture=concept, area=area)
    if rng.uniform() < 0.5:
        return world.scene(rng, (first,), background=background)
    others = (*(name for name in world.concepts if name != concept), *world.fillings)
    small = (world.area[0], min(0.1, world.area[1]))
    for _ in range(20):
        other = world.element(rng, texture=others[int(rng.integers(len(others)))], area=small)
        try:
            return world.scene(rng, (first, other), background=background)
        except OptionError:  # it does not fit beside the first
            continue
    return world.scene(rng, (first,), background=background)
