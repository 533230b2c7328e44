"""Maps as layers over images."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from sacv.report.drawing import png
from sacv.report.overlay import Scale, diverging, enlarge, lay_over, sequential


def test_one_scale_for_all_maps():
    scale = diverging([np.array([-1.0, 0.5]), np.array([2.0])])
    assert (scale.low, scale.high) == (-2, 2)
    assert np.array_equal(scale.paint(np.array([0.5, 0.1]))[0], scale.paint(np.array([[0.5]]))[0, 0])
    assert sequential([np.array([-1.0, 0.5]), np.array([2.0])]).low == -1


def test_zero_contribution_is_neutral_and_signs_are_told_apart():
    scale = diverging([np.array([-3.0, 1.0])])
    low, zero, high = scale.paint(np.array([-3.0, 0.0, 3.0])).astype(int)
    assert np.ptp(zero[:3]) < 6  # grey
    assert high[0] > high[2] and low[2] > low[0]  # orange raises, blue lowers


def test_enlarging_keeps_half_pixel_centres():
    # Cell centres of a row [0, 1] lie at pixels 0.5 and 2.5 of 4: values are held beyond them.
    np.testing.assert_allclose(enlarge(np.array([[0.0, 1.0]]), 1, 4), [[0, 0.25, 0.75, 1]])
    np.testing.assert_allclose(enlarge(np.array([[0.0], [1.0]]), 4, 1)[:, 0], [0, 0.25, 0.75, 1])
    values = np.random.default_rng(0).standard_normal((3, 5))
    np.testing.assert_allclose(enlarge(values, 9, 15)[1::3, 1::3], values)


def test_a_map_lies_on_its_region():
    layer = np.asarray(lay_over(np.ones((2, 2)), Scale(0, 1, "cividis"), (20, 10), (5.0, 2.0, 15.0, 8.0)))
    inside = np.zeros((10, 20), bool)
    inside[2:8, 5:15] = True
    assert (layer[~inside] == (0, 0, 0, 140)).all()
    assert (layer[inside][:, :3].sum(axis=1) > 0).all()


def test_the_line_encloses_what_lies_above():
    values = np.zeros((5, 5))
    values[2, 2] = 1
    layer = np.asarray(lay_over(values, Scale(0, 1, "cividis"), (50, 50), (0.0, 0.0, 50.0, 50.0), 0.5))
    white = (layer == 255).all(axis=-1)
    rows, columns = np.nonzero(white)
    assert 20 <= rows.min() and rows.max() < 30 and 20 <= columns.min() and columns.max() < 30
    assert not white[25, 25]


def outlined(marks, size=(50, 50), region=(0.0, 0.0, 50.0, 50.0), outline_at=None, values=None):
    values = np.linspace(0, 1, marks.size).reshape(marks.shape) if values is None else values
    layer = np.asarray(lay_over(values, Scale(0, 1, "cividis"), size, region, outline_at, marks))
    return (layer == (0, 0, 0, 255)).all(axis=-1), layer


def test_the_black_line_runs_inside_the_marked_cells():
    marks = np.zeros((5, 5), bool)
    marks[2, 2] = marks[2, 3] = True
    found, layer = outlined(marks)
    want = np.zeros((50, 50), bool)
    want[20:30, 20:40] = True
    want[21:29, 21:39] = False
    np.testing.assert_array_equal(found, want)  # one line around both cells, and none between them
    plain = np.asarray(lay_over(np.linspace(0, 1, 25).reshape(5, 5), Scale(0, 1, "cividis"), (50, 50), (0, 0, 50, 50)))
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
    given = np.ones((2, 2)), Scale(0, 1, "cividis"), (20, 20), (0.0, 0.0, 20.0, 20.0), 0.5
    faded, plain = (np.asarray(lay_over(*given, None, each)) for each in (inside, None))
    assert (faded[:, 11:, 3] < 0.3 * plain[5, 5, 3]).all() and (faded[:, 11:, 3] > 0).all()
    np.testing.assert_array_equal(faded[2:-2, 2:8], plain[2:-2, 2:8])
    assert (faded[:, 9] == (255, 255, 255, 255)).all()  # the white line of what is seen ends there
    assert (faded[:, 10] == (255, 191, 0, 255)).all()
    assert not (plain[..., :3] == (255, 191, 0)).all(axis=-1).any()


@pytest.mark.parametrize("centred", [False, True])
def test_a_layer_survives_its_palette(centred):
    values = np.random.default_rng(0).standard_normal((9, 7))
    scale = diverging([values]) if centred else sequential([values])
    layer = lay_over(values, scale, (140, 180), (0.0, 0.0, 140.0, 180.0), None if centred else 0.0, values > 1.5)
    content = base64.b64decode(png(layer).split(",")[1])
    read = np.asarray(Image.open(io.BytesIO(content)).convert("RGBA")).astype(int)
    assert np.abs(read - np.asarray(layer)).max() <= (3 if centred else 0)
