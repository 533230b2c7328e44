"""Pictures to begin with: textures and scenes made in code, which the network that ships knows."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from PIL import Image

from sacv.app.jobs import Progress
from sacv.app.workspace import Workplace
from sacv.model.demo import DEMO_CLASSES
from sacv.synthetic.scenes import random_spec, render, write_textures

SHOWN, OTHERS = 40, 20
SCENES = 6


def add_examples(place: Workplace, progress: Progress) -> dict[str, Any]:
    """Add sets of textures, one for each class, and photos that show a striped thing before others."""
    textures = DEMO_CLASSES
    total = len(textures) + SCENES
    for number, name in enumerate(textures):
        write_textures(place.new_set(name), name, SHOWN if name == "striped" else OTHERS, seed=0)
        progress(number + 1, total)
    rng = np.random.default_rng([0, 1])
    areas = np.linspace(0.3, 0.06, SCENES)
    for number, area in enumerate(areas):
        spec = random_spec(rng, object_textures=["striped"], background_textures=[*textures[1:], "noise"])
        scene = render(spec.with_element(0, replace(spec.elements[0], area=float(area))), 320)
        Image.fromarray(scene.image).save(place.photos / f"scene-{number + 1}.png")
        progress(len(textures) + number + 1, total)
    return {"photos": SCENES}
