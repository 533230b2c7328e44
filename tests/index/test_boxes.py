"""Boxes of locations, in an image's own pixels."""

import numpy as np
import pytest

import sacv
from sacv.index.boxes import cell_box, field_box
from sacv.model import ReceptiveFields
from sacv.synthetic.scenes import SIZE, random_spec, render
from sacv.synthetic.textures import FIRST_TEXTURES, texture


def test_cells_divide_what_the_network_sees():
    region = (10.0, 20.0, 70.0, 60.0)
    assert cell_box((1, 2), (4, 3), region) == (50, 30, 70, 40)
    assert cell_box((3, 1, 2), (9, 4, 3), region) == (50, 30, 70, 40)
    assert cell_box((2,), (3,), region) == (50, 20, 70, 60)


def test_receptive_fields_are_carried_to_the_image():
    fields = ReceptiveFields((np.array([[0, 3], [1, 4]]), np.array([[0, 2], [2, 8]])))
    assert field_box((1, 1), fields, (3, 4, 8), (10.0, 20.0, 90.0, 60.0)) == (30, 30, 90, 60)
    line = ReceptiveFields((np.array([[0, 2], [2, 8]]),))
    assert field_box((0,), line, (3, 8), (0.0, 0.0, 8.0, 1.0)) == (0, 0, 2, 1)


@pytest.mark.parametrize("crop", [None, 96])
def test_they_lie_on_the_concept_of_made_scenes(crop):
    """The best places of striped scenes, seen whole or cropped, are on the stripes."""
    rng = np.random.default_rng(0)
    others = [name for name in FIRST_TEXTURES if name != "striped"]
    pool = [texture(name, SIZE, rng) for name in 2 * others]
    demo = sacv.load_model("demo")
    transform = sacv.ImageTransform(resize=(SIZE, SIZE), crop=crop)
    model = sacv.VisionModel(demo.net, transform, demo.class_names)
    concepts = {"striped": [texture("striped", SIZE, rng) for _ in range(12)]}
    bank = sacv.fit(model, ["blocks.2"], concepts, pool, absent=(), runs=1, nulls=0, folds=2)
    specs = [
        random_spec(rng, object_textures=["striped"], background_textures=others, area=(0.2, 0.4)) for _ in range(8)
    ]
    scenes = [render(spec) for spec in specs]
    found = sacv.search(model, [scene.image for scene in scenes], bank, per_image=1)
    names = found.images["image"].to_pylist()
    covered = []
    for row in found.locations.to_pylist():
        mask = scenes[names.index(row["image"])].mask
        left, top, right, bottom = (round(row[side]) for side in ("left", "top", "right", "bottom"))
        assert (right - left, bottom - top) == (8, 8) and (row["width"], row["height"]) == (SIZE, SIZE)
        covered.append(float(mask[top:bottom, left:right].mean()))
        assert row["field_left"] <= left and row["field_right"] >= right
        if crop:
            assert 16 <= row["field_left"] <= row["left"] and row["right"] <= row["field_right"] <= 112
    assert np.mean(covered) > 0.9 and len(covered) == 8
    rolled = [float(scenes[0].mask[:, ::-1].mean())]
    assert rolled[0] < 0.6  # most of a scene is no concept
