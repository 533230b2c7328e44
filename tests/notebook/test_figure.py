"""Figures for papers: a panel for each layer and concept on one scale, whose lines lie where the marks are."""

import io
import re
from importlib.resources import files

import numpy as np
import pytest
from conftest import SmallNet, make_pictures
from matplotlib.collections import LineCollection
from PIL import Image
from torch import nn

import sacv
from sacv.cli.explain import write_overlays
from sacv.cli.main import main
from sacv.errors import LayerError, OptionError, StorageError
from sacv.maps.figure import plain_names
from sacv.report.figure import Panel, Scale, draw, edges, enlarge, png
from viewer.test_functions import slow_enlarge

HARMFUL = "a $\\frac{$ <b>..x"


@pytest.fixture(scope="module")
def found(tmp_path_factory):
    tmp_path, model = (
        tmp_path_factory.mktemp("found"),
        sacv.VisionModel(SmallNet(), sacv.ImageTransform((12, 10)), list("abcd")),
    )
    concepts = {
        name: make_pictures(tmp_path / str(number), 6, number, low=180) for number, name in enumerate(("a", HARMFUL))
    }
    bank = sacv.fit(model, ["features.0", "features.2"], concepts, [make_pictures(tmp_path / "r", 7, 9)], nulls=19)
    photos = make_pictures(tmp_path / "photos", 2, 4, size=(20, 30))
    return sacv.explain(model, photos, bank, "c", allow_weak=True, checks=False)


def maps_of(figure):
    """The painted map of each panel."""
    return [axes.images[1] for axes in figure.axes[:-1]]


def test_a_panel_for_each_layer_and_concept_with_one_bar(found):
    figure = found.figure()
    assert len(figure.axes) == 2 * 2 + 1
    assert [axes.get_title() for axes in figure.axes[:-1]] == ["a", HARMFUL, "", ""]
    assert [axes.get_ylabel() for axes in figure.axes[:-1]] == ["features.0", "", "features.2", ""]
    assert "units of activation" in " ".join(figure.axes[-1].get_ylabel().split())
    assert len(found.figure("a", "features.2", 1).axes) == 2
    assert [axes.get_title() for axes in found.figure([HARMFUL, "a"], ["features.2"]).axes[:-1]] == [HARMFUL, "a"]
    assert png(figure).startswith(b"\x89PNG") and figure._repr_png_().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("kind", "size"),
    [("relevance", lambda values: values.max()), ("contribution", lambda values: np.abs(values).max())],
)
def test_the_scale_is_common_and_ends_at_the_greatest(found, kind, size):
    want = max(size(getattr(found, kind)(layer, concept)[1]) for layer in found.layers for concept in found.concepts)
    bar = found.figure(image=1, kind=kind).axes[-1]
    low, high = bar.get_ylim()
    assert high == pytest.approx(want) and low == pytest.approx(-want if kind == "contribution" else 0)
    assert found.figure(image=1, kind=kind, most=7).axes[-1].get_ylim()[1] == 7
    assert "contribution to c (" in " ".join(bar.get_ylabel().split()) or kind == "relevance"


def test_the_name_of_the_scale_stays_within_the_figure():
    panel = Panel(Image.new("RGB", (120, 60)), (0, 0, 1, 1), np.ones((4, 6)))
    figure = draw([[panel]], ["a"], ["b"], Scale(1, False, "contribution to zebra minus horse (logits per unit)"), 2)
    png(figure)
    box = figure.axes[-1].yaxis.label.get_window_extent()
    assert box.y0 >= 0 and box.y1 <= figure.bbox.height and box.x1 <= figure.bbox.width


def test_a_value_has_the_same_colour_in_every_panel():
    grey = Image.new("RGB", (60, 40), (128, 128, 128))
    values = [np.array([[0.5, -1.0], [1.0, 0.0]]), np.array([[1.0, 0.5], [-1.0, 0.0]])]
    figure = draw([[Panel(grey, (0, 0, 1, 1), one) for one in values]], ["l"], ["a", "b"], Scale(1, False, "u"), 2)
    one, other = (np.asarray(image.get_array()) for image in maps_of(figure))
    np.testing.assert_allclose(one[10, 10], other[10, -10], atol=0.01)
    np.testing.assert_allclose(one[-10, 10], other[10, 10], atol=0.01)
    assert one[10, -10, 3] == other[-10, 10, 3] == 0 and one[10, 10, 3] > 0.5  # below 0 nothing is drawn


def test_signs_have_their_own_colours_and_zero_none():
    low, zero, high = Scale(2, True, "u").paint(np.array([[-2.0, 0.0, 2.0]]))[0]
    assert low[2] > low[0] and high[0] > high[2] and zero[3] == 0 and low[3] == high[3] > 0.5


@pytest.mark.parametrize("region", [(0, 0, 1, 1), (0.25, 0, 0.75, 1), (0, 0.2, 1, 0.6)])
def test_the_map_and_the_line_around_a_mark_lie_on_its_cell(region):
    """By the pixels of the figure: one cell of 4 x 6 is marked and alone above 0."""
    row, column, size = 1, 4, (120, 80)
    values = np.full((4, 6), -1.0)
    values[row, column] = 1
    panel = Panel(Image.new("RGB", size, (128, 128, 128)), region, values, values > 0)
    figure = draw([[panel]], [""], [""], Scale(1, False, "u"), 6)
    pixels = np.asarray(Image.open(io.BytesIO(png(figure, 100))).convert("RGB")).astype(int)
    frame = figure.axes[0].get_window_extent()
    inner = pixels[
        len(pixels) - int(frame.y1) + 3 : len(pixels) - int(frame.y0) - 3, int(frame.x0) + 3 : int(frame.x1) - 3
    ]
    shares = np.divide(inner.shape[:2][::-1], 1)
    left, top, right, bottom = region
    cell = np.array([(right - left) / 6, (bottom - top) / 4])
    corner = np.array([left, top]) + cell * (column, row)
    black = inner.max(axis=-1) < 40
    rows, columns = np.nonzero(black)
    np.testing.assert_allclose(np.array([columns.min(), rows.min()]) / shares, corner, atol=0.02)
    np.testing.assert_allclose(np.array([columns.max(), rows.max()]) / shares, corner + cell, atol=0.02)
    rows, columns = np.nonzero(inner[..., 0] - inner[..., 2] > 60)
    middle = np.array([columns.mean(), rows.mean()]) / shares
    assert (np.abs(middle - corner - cell / 2) < 0.2 * cell).all()


def test_what_lies_outside_a_mask_is_faded_and_enclosed():
    inside = np.zeros((4, 6), bool)
    inside[:, :3] = True
    panel = Panel(Image.new("RGB", (120, 80)), (0, 0, 1, 1), np.ones((4, 6)), None, inside)
    figure = draw([[panel]], [""], [""], Scale(1, False, "u"), 3)
    opacity = np.asarray(maps_of(figure)[0].get_array())[..., 3]
    half = opacity.shape[1] // 2
    np.testing.assert_allclose(opacity[:, :half], 0.75)
    np.testing.assert_allclose(opacity[:, half:], 0.75 * 0.2)
    amber = [one for one in figure.axes[0].collections if isinstance(one, LineCollection)][-1]
    assert max(point[0] for line in amber.get_segments() for point in line) == 60


def slow_edges(marks):
    """Cell by cell, each side that no marked neighbour shares."""
    sides = {(-1, 0): ((0, 0), (1, 0)), (1, 0): ((0, 1), (1, 1)), (0, -1): ((0, 0), (0, 1)), (0, 1): ((1, 0), (1, 1))}
    for row, column in np.argwhere(marks):
        for (down, across), ends in sides.items():
            r, c = row + down, column + across
            if not (0 <= r < marks.shape[0] and 0 <= c < marks.shape[1] and marks[r, c]):
                yield tuple((column + x, row + y) for x, y in ends)


@pytest.mark.parametrize("seed", range(5))
def test_edges_are_those_of_marked_cells(seed):
    marks = np.random.default_rng(seed).random((4, 5)) > 0.5
    assert sorted(edges(marks)) == sorted(slow_edges(marks))


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (7, 3)])
def test_maps_are_enlarged_with_half_pixel_centres(shape):
    values = np.random.default_rng(0).normal(size=shape)
    large = enlarge(values)
    np.testing.assert_allclose(large, slow_enlarge(values, *large.shape), atol=1e-9)


def test_lines_enclose_what_is_present_or_beats_chance_as_asked(found):
    for outline, shown in ((None, True), ("significant", True), ("none", False)):
        for layer in found.layers:
            axes = found.figure("a", layer, outline=outline).axes[0]
            segments = axes.collections[-1].get_segments() if axes.collections else []
            want = list(edges(found.significant(layer, "a")[0][0])) if shown else []
            assert len(segments) == len(want)
    with pytest.raises(OptionError, match="no mask: no image"):
        found.figure(outline="present")


def test_a_loaded_explanation_has_the_same_figure(found, tmp_path):
    found.save(tmp_path / "found")
    again = sacv.Explanation.load(tmp_path / "found")
    assert png(again.figure(kind="contribution")) == png(found.figure(kind="contribution"))
    with pytest.raises(OptionError, match="without its model"):
        sacv.Explanation(**{**vars_of(again), "display_images": None}).figure()
    with pytest.raises(OptionError, match="image 1 was not saved for drawing; images 0 were"):
        sacv.Explanation(**{**vars_of(again), "display_images": [again.display_images[0], None]}).figure(image=1)


def vars_of(found):
    return {name: getattr(found, name) for name in found.__dataclass_fields__}


def test_constant_contribution_is_not_drawn(tmp_path):
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 2))
    model = sacv.VisionModel(net, sacv.ImageTransform((12, 12)))
    photos = make_pictures(tmp_path / "a", 5, 1, low=180)
    bank = sacv.fit(
        model, ["1"], {"a": photos}, [make_pictures(tmp_path / "r", 5, 2)], solver=sacv.solvers.MeanDifference()
    )
    found = sacv.explain(model, photos, bank, 0, allow_weak=True, method=sacv.methods.Gradient(), checks=False)
    axes = found.figure(kind="contribution").axes[0]
    assert len(axes.images) == 1 and "not drawn" in axes.get_xlabel()
    assert len(found.figure().axes[0].images) == 2


@pytest.mark.parametrize(
    ("given", "error", "told"),
    [
        ({"concepts": "b"}, OptionError, "no concept 'b'; it has a, "),
        ({"layers": ["z"]}, LayerError, "no layer 'z'"),
        ({"concepts": []}, OptionError, "at least"),
        ({"image": 2}, OptionError, "image is 2; the explanation has 2"),
        ({"kind": "present"}, OptionError, "kind is 'present'; it must be one of 'relevance', 'contribution'"),
        ({"outline": "all"}, OptionError, "outline is 'all'"),
        ({"most": 0}, OptionError, "most is 0"),
        ({"width": float("nan")}, OptionError, "width is nan"),
    ],
)
def test_what_cannot_be_drawn_is_refused(found, given, error, told):
    with pytest.raises(error, match=re.escape(told)):
        found.figure(**given)


@pytest.mark.slow
def test_pictures_are_written_for_each_image_layer_concept_and_kind(found, tmp_path):
    found.save(tmp_path / "found")
    write_overlays(found, tmp_path / "found")
    names = sorted(file.name for file in (tmp_path / "found" / "png").iterdir())
    assert len(names) == 2 * 2 * 2 * 2 and "000001_features.2_a_contribution.png" in names
    assert all(re.fullmatch(r"00000[01]_[\w.-]+_(relevance|contribution)\.png", name) for name in names)
    for name in names:
        with Image.open(tmp_path / "found" / "png" / name) as picture:
            assert picture.width > 400
    found.save(tmp_path / "found")  # they do not stand in the way of the next
    with pytest.raises(StorageError, match="cannot be written"):
        write_overlays(found, tmp_path / "nowhere")


@pytest.mark.slow
def test_the_command_writes_pictures_where_asked(found, tmp_path, monkeypatch):
    monkeypatch.setattr("sacv.cli.explain.open_bank_model", lambda *given: found.model)
    found.bank.save(tmp_path / "bank")
    photo = str(make_pictures(tmp_path / "photos", 1, 4))
    for out, options in (("plain", []), ("pictures", ["--png"])):
        with pytest.raises(SystemExit) as left:
            main(["explain", "--bank", str(tmp_path / "bank"), "--target", "a", "--target", "b", "--no-checks",
                  "--allow-weak", "--out", str(tmp_path / out), *options, photo])  # fmt: skip
        assert left.value.code == 0
    assert not list((tmp_path / "plain").rglob("*.png"))
    for target in ("a", "b"):
        assert len(list((tmp_path / "pictures" / target / "png").iterdir())) == 2 * 2 * 2


def test_plain_names_stay_apart():
    assert plain_names(["a/b", "A b", "..", "a-b", ""], "map") == ["a-b", "A-b-2", "map", "a-b-3", "map-2"]


def test_colours_are_those_of_the_viewer():
    script = (files("sacv.viewer") / "js" / "colours.js").read_text()
    for name, signed in (("CIVIDIS", False), ("BLUE_ORANGE", True)):
        block = re.search(rf"const {name} = \[(.*?)\];", script, re.DOTALL)[1]
        stops = np.array(re.findall(r"\[(\d+), (\d+), (\d+)\]", block), dtype=float)
        drawn = Scale(1, signed, "u").colours(np.linspace(0, 1, len(stops)))[:, :3] * 255
        assert len(stops) == 9
        np.testing.assert_allclose(drawn, stops, atol=3 if signed else 20)  # the viewer has nine stops of cividis


def test_the_old_name_of_the_significance_outline_still_works(found):
    with pytest.warns(DeprecationWarning, match="outline=.significant"):
        old = png(found.figure(outline="beats chance"))
    assert old == png(found.figure(outline="significant"))
