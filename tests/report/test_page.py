import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from sacv.report import PageImage, PageMap, PagePatch, PageTrust, render_page
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
        "unit": "logits per unit of v",
        "meaning": "how the logit would change",
        "relevance_marks": None,
        "contribution_marks": None,
        "relevance_line": "",
        "trust": [PageTrust("Its strongest evidence stands at percentile 50.", ())],
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


HOSTILE = "<script>alert('x')</script>"


@pytest.mark.parametrize("changes", [
    {"trust": [PageTrust(HOSTILE, ())]},
    {"trust": [PageTrust("Well.", [HOSTILE])]},
    {"notes": [HOSTILE]},
    {"quality": {HOSTILE: HOSTILE}},
    {"numbers": [{HOSTILE: 1.0}]},
    {"receptive_field": HOSTILE},
])  # fmt: skip
def test_hostile_text_is_escaped_wherever_it_stands(changes):
    text = page(**changes)
    assert "<script" not in text and "&lt;script&gt;alert(&#39;x&#39;)" in text


def test_trust_is_told_and_doubts_stand_out():
    text = page(trust=[PageTrust("The line.", ["it is far", "it is near"])])
    assert '<span class="soft">The line.</span>' in text
    assert re.findall(r'<b class="doubt">(.*?)</b>', text) == ["Doubt: it is far.", "Doubt: it is near."]
    assert 'class="doubt"' not in page()


def drawn(text, name):
    """The picture of a map on the page, as uint8 `(height, width, 4)`."""
    (data,) = re.findall(rf'<img src="data:image/png;base64,([^"]*)" alt="{name} of striped', text)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA")).astype(int)


def black(picture):
    return (picture[..., :3].max(axis=-1) < 12) & (picture[..., 3] > 243)


def test_marks_are_drawn_on_their_own_map():
    marks = np.zeros((1, 5, 5), bool)
    marks[0, 1, 3] = True
    # Drawn at 420 x 280, the map lies from 70 to 350 across: its cells are 56 pixels wide and high.
    border = np.zeros((280, 420), bool)
    border[56:112, 238:294] = True
    border[57:111, 239:293] = False
    for name, other in (("relevance", "contribution"), ("contribution", "relevance")):
        text = page(**{f"{name}_marks": marks})
        np.testing.assert_array_equal(black(drawn(text, name)), border)
        assert not black(drawn(text, other)).any()
        assert not black(drawn(page(), name)).any()


def test_what_the_black_lines_judge_is_told_whatever_the_contribution_measures():
    for meaning in ("how the logit would change", "what a place gives"):
        told = page(meaning=meaning).split("<b>Black lines</b>")[1].split("</p>")[0]
        assert "on maps of relevance the activation along the concept's vector v" in told
        assert "where the concept is <b>present</b>, where that mask is calibrated" in told
        assert "on maps of contribution the derivative of the value explained along v" in told
        assert "whatever the contribution measures" in told and "5 % for each kind of map" in told


def test_each_image_has_its_own_marks_and_trust():
    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 256, (40, 60, 3), dtype=np.uint8))
    images = [PageImage(name, picture, (10.0, 0.0, 50.0, 40.0), "zebra", 3.2, "horse", 0.71) for name in ("a", "b")]
    maps = rng.standard_normal((2, 5, 5))
    marks = np.zeros((2, 5, 5), bool)
    marks[1, 2, 2] = True
    trust = [PageTrust("First.", ()), PageTrust("Second.", ["beware"])]
    one = PageMap(
        "l", "striped", maps, maps, "logits", "how", marks, None, "present", [{}, {}], trust, {}, [], [], [], ""
    )
    first, second = render_page(title="t", images=images, maps=[one], facts={}, warnings=[]).split("<h3>")[1:]
    assert "relevance of striped; black line: present<" in first
    assert "First." in first and "Second." in second
    assert "Doubt: beware." in second and "Doubt" not in first
    assert black(drawn(second, "relevance")).any() and not black(drawn(first, "relevance")).any()


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


def outlined(marks, size=(50, 50), region=(0.0, 0.0, 50.0, 50.0), outline_at=None, values=None):
    values = np.linspace(0, 1, marks.size).reshape(marks.shape) if values is None else values
    layer = np.asarray(lay_over(values, Scale(0, 1, "viridis"), size, region, outline_at, marks))
    return (layer == (0, 0, 0, 255)).all(axis=-1), layer


def test_the_black_line_runs_inside_the_marked_cells():
    marks = np.zeros((5, 5), bool)
    marks[2, 2] = marks[2, 3] = True
    found, layer = outlined(marks)
    want = np.zeros((50, 50), bool)
    want[20:30, 20:40] = True
    want[21:29, 21:39] = False
    np.testing.assert_array_equal(found, want)  # one line around both cells, and none between them
    plain = np.asarray(lay_over(np.linspace(0, 1, 25).reshape(5, 5), Scale(0, 1, "viridis"), (50, 50), (0, 0, 50, 50)))
    np.testing.assert_array_equal(layer[~want], plain[~want])


def test_the_black_line_lies_on_the_maps_region():
    marks = np.zeros((2, 2), bool)
    marks[1, 0] = True
    found, _ = outlined(marks, (40, 20), (10.0, 4.0, 30.0, 20.0))
    rows, columns = np.nonzero(found)
    # Cells are 10 wide and 8 high; the line is closed along the map's own edge.
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (12, 19, 10, 19)
    assert found[12, 10:20].all() and found[12:20, 10].all() and found.sum() == 2 * 10 + 2 * 6


def test_a_map_marked_everywhere_has_a_frame():
    found, _ = outlined(np.ones((2, 2), bool), (20, 20), (0.0, 0.0, 20.0, 20.0))
    assert found.sum() == 4 * 19 and found[0].all() and found[:, -1].all()


def test_the_black_line_stands_beside_the_white_and_before_it():
    marks = np.zeros((5, 5), bool)
    marks[2, 2] = True
    values = np.zeros((5, 5))
    values[2, 2] = 1
    found, layer = outlined(marks, outline_at=0.5, values=values)
    assert found.sum() == 36
    assert (layer == 255).all(axis=-1).any()  # the white line, inside


def test_no_mark_no_line():
    assert not outlined(np.zeros((5, 5), bool))[0].any()


def test_what_does_not_count_is_faded_behind_an_amber_line():
    inside = np.array([[True, False], [True, False]])
    given = np.ones((2, 2)), Scale(0, 1, "viridis"), (20, 20), (0.0, 0.0, 20.0, 20.0), 0.5
    faded, plain = (np.asarray(lay_over(*given, None, each)) for each in (inside, None))
    assert (faded[:, 11:, 3] < 0.3 * plain[5, 5, 3]).all() and (faded[:, 11:, 3] > 0).all()
    np.testing.assert_array_equal(faded[2:-2, 2:8], plain[2:-2, 2:8])
    assert (faded[:, 9] == (255, 255, 255, 255)).all()  # the white line of what is seen ends there
    assert (faded[:, 10] == (255, 191, 0, 255)).all()
    assert not (plain[..., :3] == (255, 191, 0)).all(axis=-1).any()


def test_what_does_not_count_stretches_no_scale():
    values, inside = np.array([[[0.25, 0.5], [0.75, 99.0]]]), np.array([[[True, True], [True, False]]])
    kept = page(relevance=values, contribution=values, inside=inside)
    assert "<span>0.75</span>" in kept and "<span>99</span>" not in kept
    assert "<span>99</span>" in page(relevance=values, contribution=values)
