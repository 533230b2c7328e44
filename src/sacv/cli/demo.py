"""`sacv demo`: fit and explain on synthetic images, without an internet connection."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sacv.cli.bank_card import summary, verdicts
from sacv.cli.console import progress, say, say_json
from sacv.cli.explanation_card import show_explanation
from sacv.cli.options import batch_size_option, device_option, json_option, seed_option, to_device

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from sacv.synthetic.scenes import Scene

CONCEPT = "striped"
LAYER = "blocks.2"
CONCEPT_IMAGES, OTHER_IMAGES = 60, 30
SCENES = 8


def other_textures() -> list[str]:
    """Return the textures that the network knows, without the concept."""
    from sacv.model.demo import DEMO_CLASSES

    return [name for name in DEMO_CLASSES if name != CONCEPT]


def demo_scenes(seed: int) -> list[Scene]:
    """Return scenes with a striped object of increasing size on other textures."""
    import numpy as np

    from sacv.synthetic.scenes import random_spec, render

    rng = np.random.default_rng([seed, 1])
    areas = np.linspace(0.04, 0.3, SCENES)
    backgrounds = [*other_textures(), "noise"]
    specs = (random_spec(rng, object_textures=[CONCEPT], background_textures=backgrounds) for _ in range(SCENES))
    return [
        render(spec.with_element(0, replace(spec.elements[0], area=float(area))))
        for spec, area in zip(specs, areas, strict=True)
    ]


def auroc(values: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    """Return the AUROC of a map: locations that the mask covers by half or more, against the others."""
    from sklearn.metrics import roc_auc_score

    from sacv.concepts.coverage import cell_means

    rows, columns = values.shape
    inside = cell_means(mask.astype(float), (rows, columns)) >= 0.5
    return float(roc_auc_score(inside.ravel(), values.ravel()))


@click.command("demo")
@click.option(
    "--out", type=click.Path(path_type=Path), default=Path("sacv-demo"), show_default=True, help="Folder to write to."
)
@seed_option
@batch_size_option
@device_option
@json_option
def demo_command(out: Path, seed: int, batch_size: int | None, device: str, as_json: bool) -> None:
    """Fit "striped" on synthetic textures and explain scenes with known masks, with the built-in network."""
    import numpy as np

    from sacv.cav import fit
    from sacv.maps import explain
    from sacv.model import load_model
    from sacv.synthetic.scenes import write_scenes, write_textures

    others = other_textures()
    textures, scene_images, masks = out / "guidance", out / "scenes", out / "masks"
    for name, count in ((CONCEPT, CONCEPT_IMAGES), *((other, OTHER_IMAGES) for other in others)):
        write_textures(textures / name, name, count, seed=seed)
    scenes = demo_scenes(seed)
    paths = write_scenes(scene_images, masks, scenes)
    model = to_device(load_model("demo"), device)
    with progress("fit") as advance:
        bank = fit(
            model,
            [LAYER],
            {CONCEPT: textures / CONCEPT},
            [textures / other for other in others],
            seed=seed,
            batch_size=batch_size,
            progress=advance,
        )
    bank.save(out / "bank")
    with progress("explain") as advance:
        found = explain(model, paths, bank, CONCEPT, batch_size=batch_size, progress=advance)
    found.save(out / "explanation")
    areas = [auroc(values, scene.mask) for values, scene in zip(found.relevance(LAYER, CONCEPT), scenes, strict=True)]
    if as_json:
        say_json({"out": str(out), "bank": summary(bank), "auroc": areas, "explanation": found.to_json()})
        return
    for text in verdicts(bank):
        say(text)
    say(
        f"The relevance maps agree with the true masks of the {len(scenes)} scenes: mean AUROC {np.mean(areas):.3f}, "
        f"least {min(areas):.3f} (chance 0.5)."
    )
    show_explanation(found)
    say(f"\nReport: {out / 'explanation' / 'index.html'}")
    say(f"Figures of the bank: sacv bank show {out / 'bank'}")
