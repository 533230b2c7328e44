import re

import numpy as np
from PIL import Image

from sacv.report import PageImage, PageMap, PagePatch, render_page
from sacv.report.overlay import Scale, diverging, enlarge, lay_over, sequential


def page(**changes):
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
    image = PageImage("a.jpg", picture, (10.0, 0.0, 50.0, 40.0), "zebra", 3.2, "horse", 0.71)
    fields = {
        "layer": "layer3",
        "concept": "striped",
        "relevance": rng.standard_normal((1, 5, 5)),
        "contribution": rng.standard_normal((1, 5, 5)),
        "numbers": [{"SACV score": -1.25}],
        "quality": {"AUROC": "0.91"},
        "notes": [],
        "most": [PagePatch(picture.crop((0, 0, 9, 9)), "a.jpg", 1, 2, 0.5, -0.5)],
        "least": [],
        "receptive_field": "9 x 9 px",
    }
    return render_page(
        title="What it sees",
        images=[image],
        maps=[PageMap(**(fields | changes))],
        facts={"model": "demo"},
        warnings=[],
    )


def test_same_data_same_page():
    assert page() == page()


def test_nothing_is_fetched():
    found = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"|url\(([^)]*)\)', page())
    assert found and all("".join(pair).startswith("data:image/") for pair in found)
    assert "<script" not in page()


def test_hostile_names_are_escaped():
    hostile = page(concept="<script>alert('x')</script>", layer='"><img src=x>')
    assert "<script" not in hostile and "<img src=x" not in hostile
    assert "&lt;script&gt;" in hostile


def test_numbers_quality_and_notes_are_shown():
    text = page(notes=["Beware."])
    assert "\N{MINUS SIGN}1.25" in text and "0.91" in text and "Beware." in text and "horse (71 %)" in text


def test_without_known_receptive_field():
    assert "the receptive field is not known" in page(most=[], receptive_field="not known for this layer")


def test_what_says_nothing_is_not_drawn():
    assert "not drawn" in page(contribution=None)


def test_constant_and_missing_values_do_not_fail():
    page(relevance=np.zeros((1, 5, 5)), contribution=np.zeros((1, 5, 5)))
    page(relevance=np.full((1, 5, 5), np.nan))


def test_one_scale_for_all_maps():
    scale = diverging([np.array([-1.0, 0.5]), np.array([2.0])])
    assert (scale.low, scale.high) == (-2, 2)
    assert np.array_equal(scale.paint(np.array([0.5, 0.1]))[0], scale.paint(np.array([[0.5]]))[0, 0])
    assert sequential([np.array([-1.0, 0.5]), np.array([2.0])]).low == -1


def test_zero_contribution_is_neutral_and_signs_are_told_apart():
    scale = diverging([np.array([-3.0, 1.0])])
    low, zero, high = scale.paint(np.array([-3.0, 0.0, 3.0])).astype(int)
    assert np.ptp(zero[:3]) < 6  # grey
    assert high[0] > high[2] and low[2] > low[0]  # red raises, blue lowers


def test_enlarging_keeps_half_pixel_centres():
    # Cell centres of a row [0, 1] lie at pixels 0.5 and 2.5 of 4: values are held beyond them.
    np.testing.assert_allclose(enlarge(np.array([[0.0, 1.0]]), 1, 4), [[0, 0.25, 0.75, 1]])
    np.testing.assert_allclose(enlarge(np.array([[0.0], [1.0]]), 4, 1)[:, 0], [0, 0.25, 0.75, 1])
    values = np.random.default_rng(0).standard_normal((3, 5))
    np.testing.assert_allclose(enlarge(values, 9, 15)[1::3, 1::3], values)


def test_a_map_lies_on_its_region():
    layer = np.asarray(lay_over(np.ones((2, 2)), Scale(0, 1, "viridis"), (20, 10), (5.0, 2.0, 15.0, 8.0)))
    inside = np.zeros((10, 20), bool)
    inside[2:8, 5:15] = True
    assert (layer[~inside] == (0, 0, 0, 140)).all()
    assert (layer[inside][:, :3].sum(axis=1) > 0).all()


def test_the_line_encloses_what_lies_above():
    values = np.zeros((5, 5))
    values[2, 2] = 1
    layer = np.asarray(lay_over(values, Scale(0, 1, "viridis"), (50, 50), (0.0, 0.0, 50.0, 50.0), 0.5))
    white = (layer == 255).all(axis=-1)
    rows, columns = np.nonzero(white)
    assert 20 <= rows.min() and rows.max() < 30 and 20 <= columns.min() and columns.max() < 30
    assert not white[25, 25]
