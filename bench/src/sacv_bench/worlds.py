"""Worlds: the elements of scenes, and the questions that a network answers.

A network of a world answers several questions of a scene, each with a logit of its own: is there an element with this
texture? Is there one with this texture and none with that one? So the network has to use some concepts for a logit,
must not use others, and uses some against it; the backgrounds, the fillings that no question asks for and all colours
and shapes are irrelevant.

Choices are made in `DEVELOPMENT` and confirmed in `HELD_OUT`, which shares no concept, shape or background with it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sacv.errors import OptionError
from sacv.synthetic.scenes import LARGEST, SIZE, Element, SceneSpec, apart
from sacv.synthetic.textures import COLOURS, TEXTURES, texture

GAP = 0.03
"""Least distance between elements, as a share of the side."""


@dataclass(frozen=True)
class Question:
    """A question that a logit answers: whether an element has a texture, and perhaps none another.

    Parameters
    ----------
    name
        Of the logit.
    needs
        Texture that an element must have.
    without
        Texture that no element may have.
    """

    name: str
    needs: str
    without: str | None = None

    def role(self, concept: str) -> str:
        """Return what a concept is to this question: "used", "opposing" or "unused"."""
        if concept == self.needs:
            return "used"
        return "opposing" if concept == self.without else "unused"


@dataclass(frozen=True)
class World:
    """The distribution of scenes.

    Parameters
    ----------
    name
        Of the world.
    concepts
        Textures that questions ask for.
    fillings
        Textures of elements that no question asks for.
    backgrounds
        Textures behind the elements.
    shapes
        Of the elements.
    questions
        One for each logit.
    area
        Least and greatest area of an element, as shares of the image.
    elements
        Greatest number of elements.
    outline, scale, contrast
        As in `SceneSpec`.
    behind
        Share of the scenes whose background wears a concept's texture, which answers no question.
    """

    name: str
    concepts: tuple[str, ...]
    fillings: tuple[str, ...]
    backgrounds: tuple[str, ...]
    shapes: tuple[str, ...]
    questions: tuple[Question, ...]
    area: tuple[float, float] = (0.02, 0.4)
    elements: int = 3
    outline: float = 0.024
    scale: float = 0.6
    contrast: float = 0.55
    behind: float = 0.05

    def answers(self, spec: SceneSpec) -> NDArray[np.bool_]:
        """Return the true answers, bool `(questions,)`."""
        seen = {element.texture for element in spec.elements}
        return np.array([question.needs in seen and question.without not in seen for question in self.questions])

    def element(
        self,
        rng: np.random.Generator,
        *,
        texture: str | None = None,
        area: tuple[float, float] | None = None,
        colour: str | None = None,
    ) -> Element:
        """Draw an element; what is not given is drawn, the area evenly in its logarithm.

        A concept is drawn seven times of ten, a filling otherwise.
        """
        if texture is None:
            texture = _pick(rng, self.concepts if rng.uniform() < 0.7 else self.fillings)
        least, most = self.area if area is None else area
        return Element(
            shape=_pick(rng, self.shapes),
            texture=texture,
            area=float(np.exp(rng.uniform(np.log(least), np.log(most)))),
            angle=float(rng.uniform(0, 2 * np.pi)),
            position=(float(rng.uniform()), float(rng.uniform())),
            seed=int(rng.integers(2**31)),
            colour=colour,
        )

    def scene(
        self, rng: np.random.Generator, elements: tuple[Element, ...] = (), *, background: str | None = None
    ) -> SceneSpec:
        """Put elements on a background, which is drawn if it is not given.

        Elements that would overlap are moved; the first stays where it is.

        Raises
        ------
        OptionError
            If the elements do not fit beside each other.
        """
        placed: list[Element] = []
        for element in elements:
            found = element
            for _ in range(200):
                if all(apart(found, other, GAP) for other in placed):
                    break
                position = (float(rng.uniform()), float(rng.uniform()))
                found = Element(found.shape, found.texture, found.area, found.angle, position, found.seed, found.colour)
            else:
                areas = [round(one.area, 3) for one in elements]
                raise OptionError(f"elements of {areas} of an image do not fit; take fewer or smaller ones")
            placed.append(found)
        return SceneSpec(
            tuple(placed),
            _pick(rng, self.backgrounds) if background is None else background,
            int(rng.integers(2**31)),
            self.outline,
            self.scale,
            self.contrast,
        )

    def random_scene(self, rng: np.random.Generator) -> SceneSpec:
        """Draw a scene as the networks are trained and judged on."""
        behind = self.concepts if rng.uniform() < self.behind else self.backgrounds
        background = _pick(rng, behind)
        while True:
            count = int(rng.integers(1, self.elements + 1))
            elements = tuple(self.element(rng) for _ in range(count))
            if sum(element.area for element in elements) > LARGEST:
                continue
            if rng.uniform() < 0.3:
                colour = _pick(rng, tuple(COLOURS))
                first = elements[0]
                elements = (
                    Element(first.shape, first.texture, first.area, first.angle, first.position, first.seed, colour),
                    *elements[1:],
                )
            try:
                return self.scene(rng, elements, background=background)
            except OptionError:  # they do not fit: draw others
                continue

    def concept_images(self, concept: str, count: int, seed: int, size: int = SIZE) -> list[NDArray[np.uint8]]:
        """Paint full frames of a texture, or of textures of every kind in two shades of a colour."""
        painted = []
        for index in range(count):
            rng = np.random.default_rng([seed, 0, index])
            colour = concept if concept in COLOURS else None
            name = _pick(rng, self.textures) if colour else concept
            painted.append(texture(name, size, rng, colour=colour, scale=self.scale, contrast=self.contrast))
        return painted

    def others(self, concept: str, count: int, seed: int, size: int = SIZE) -> list[NDArray[np.uint8]]:
        """Paint full frames that lack a concept, as random images.

        For a texture, fillings and backgrounds equally often; they show no other concept either, so that the step from
        them to the concept does not also lead away from the other concepts. For a colour, every other colour.

        Raises
        ------
        OptionError
            If the concept is neither a texture nor a colour.
        """
        if concept not in TEXTURES and concept not in COLOURS:
            raise OptionError(
                f"there is no texture or colour {concept!r}; there are {', '.join((*TEXTURES, *COLOURS))}"
            )
        if concept in TEXTURES:
            return self.neutral(count, seed, size)
        painted = []
        colours = [name for name in COLOURS if name != concept]
        for index in range(count):
            rng = np.random.default_rng([seed, 1, index])
            colour = colours[index % len(colours)]
            name = _pick(rng, self.textures)
            painted.append(texture(name, size, rng, colour=colour, scale=self.scale, contrast=self.contrast))
        return painted

    def neutral(self, count: int, seed: int, size: int = SIZE) -> list[NDArray[np.uint8]]:
        """Paint full frames that lack every concept: fillings and backgrounds, each equally often."""
        names = [name for name in self.textures if name not in self.concepts]
        return [
            texture(
                names[index % len(names)],
                size,
                np.random.default_rng([seed, 2, index]),
                scale=self.scale,
                contrast=self.contrast,
            )
            for index in range(count)
        ]

    @property
    def textures(self) -> tuple[str, ...]:
        """All textures of the world."""
        return tuple(dict.fromkeys((*self.concepts, *self.fillings, *self.backgrounds)))


def _pick(rng: np.random.Generator, names: tuple[str, ...]) -> str:
    return names[int(rng.integers(len(names)))]


def _questions(*concepts: str) -> tuple[Question, ...]:
    first, second = concepts[:2]
    rule = Question(f"{first} without {second}", first, second)
    return (*(Question(name, name) for name in concepts), rule)


DEVELOPMENT = World(
    "development",
    concepts=("striped", "dotted", "chequered"),
    fillings=("plain", "blotchy"),
    backgrounds=("plain", "noise", "voronoi", "blotchy"),
    shapes=("disc", "square", "star"),
    questions=_questions("striped", "dotted", "chequered"),
)
"""Where choices are made."""

HELD_OUT = World(
    "held-out",
    concepts=("zigzag", "ringed", "gridded"),
    fillings=("plain", "cloudy"),
    backgrounds=("shaded", "cloudy", "bricked", "mosaic"),
    shapes=("triangle", "hexagon", "bar"),
    questions=_questions("zigzag", "ringed", "gridded"),
)
"""Where choices are confirmed: other concepts, shapes and backgrounds."""

LESIONS = World(
    "lesions",
    concepts=("dotted", "ringed"),
    fillings=("plain", "blotchy"),
    backgrounds=("voronoi", "cloudy", "mosaic"),
    shapes=("disc", "hexagon", "star"),
    questions=(Question("malignant", "dotted"), Question("benign", "ringed", "dotted")),
    area=(0.015, 0.08),
    elements=4,
    outline=0.0,
    behind=0.0,
)
"""As in diagnosis: small lesions without an outline on large varied tissue."""

WORLDS = {world.name: world for world in (DEVELOPMENT, HELD_OUT, LESIONS)}
"""By name."""
