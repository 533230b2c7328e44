"""Functions of the viewer, run in the browser, against slow and obvious versions."""

from importlib.resources import files

import numpy as np
import pytest

from sacv.viewer.bundle import ELEMENT, PAGE, WIDGET, module


@pytest.fixture(scope="module")
def call(chromium):
    """Call a function of the viewer's modules with JSON."""
    page = chromium.new_page()
    source = f"{module('explanation.js')}\n{module('paint.js')}\n{module('words.js')}"

    def called(expression, **given):
        names = ", ".join(given)
        return page.evaluate(f"({{{names}}}) => {{ {source}\nreturn {expression}; }}", given)

    yield called
    page.close()


def test_float16_is_read_as_numpy_reads_it(call):
    words = np.arange(65536, dtype=np.uint16)
    words = words[np.isfinite(words.view(np.float16))]
    found = call("[...halves(Uint16Array.from(words), 3)]", words=words.tolist())
    want = words.view(np.float16).astype(np.float32) * np.float32(3)
    np.testing.assert_array_equal(np.array(found, np.float32), want)


def slow_enlarge(values, height, width):
    """Bilinear with half-pixel centres and held edges, axis by axis."""
    for axis, size in ((0, height), (1, width)):
        cells = values.shape[axis]
        at = np.clip((np.arange(size) + 0.5) * cells / size - 0.5, 0, cells - 1)
        columns = np.moveaxis(values, axis, 0).reshape(cells, -1)
        found = np.stack([np.interp(at, np.arange(cells), column) for column in columns.T], axis=-1)
        values = np.moveaxis(found.reshape(size, *np.delete(values.shape, axis)), 0, axis)
    return values


@pytest.mark.parametrize("shape", [(1, 1), (1, 5), (3, 4), (6, 2)])
def test_maps_are_enlarged_with_half_pixel_centres(call, shape):
    values = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    given = {"values": values.ravel().tolist(), "rows": shape[0], "columns": shape[1]}
    found = np.reshape(call("[...enlarge(map, 9, 15)]", map=given), (9, 15))
    np.testing.assert_allclose(found, slow_enlarge(values, 9, 15), atol=1e-6)


@pytest.mark.parametrize("axis", [0, 1, 2])
@pytest.mark.parametrize("flipped", [False, True])
def test_planes_are_cut_as_numpy_cuts_them(call, axis, flipped):
    values = np.arange(2 * 3 * 4)
    given = {"map": {"values": values.tolist(), "grid": [2, 3, 4]}, "plane": {"axis": axis, "flipped": flipped}}
    expression = "(({values, ...rest}) => ({...rest, values: [...values]}))(cut(map, plane, 1))"
    found = call(expression.replace("cut(map", "cut({...map, values: Float32Array.from(map.values)}"), **given)
    want = values.reshape(2, 3, 4).take(1, axis)
    want = want[::-1] if flipped else want
    assert (found["rows"], found["columns"]) == want.shape
    np.testing.assert_array_equal(found["values"], want.ravel())


def slow_extremes(maps, count, sign, counted):
    order = np.argsort(-sign * maps, axis=None, kind="stable")
    taken = []
    for flat in order:
        image, row, column = (int(part) for part in np.unravel_index(flat, maps.shape))
        near = any(i == image and abs(r - row) <= 1 and abs(c - column) <= 1 for i, r, c in taken)
        if counted[image, row, column] and not near and len(taken) < count:
            taken.append((image, row, column))
    return taken


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sign", [1, -1])
def test_extremes_pass_over_neighbours_and_what_does_not_count(call, seed, sign):
    rng = np.random.default_rng(seed)
    maps, counted = rng.normal(size=(3, 7, 6)).astype(np.float32), rng.random((3, 7, 6)) > 0.3
    given = [{"values": one.ravel().tolist(), "rows": 7, "columns": 6} for one in maps]
    inside = [{"values": one.ravel().astype(int).tolist()} for one in counted]
    found = call("extremes(maps, 8, sign, counted)", maps=given, sign=sign, counted=inside)
    assert [(one["map"], one["row"], one["column"]) for one in found] == slow_extremes(maps, 8, sign, counted)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (1.2345, "1.23"), (-0.01234, "-0.0123"), (1234.5, "1230"), (2e-7, "2.0e-7"), (None, "none")],
)
def test_numbers_are_for_people(call, value, text):
    assert call("number(value ?? NaN)", value=value) == text.replace("-", "\N{MINUS SIGN}")


def test_short_names_and_shares(call):
    assert call("['/a/b.jpg', 'c.png', 'x/', ''].map(shortName)") == ["b.jpg", "c.png", "x", ""]
    assert call("[0, 0.004, 0.125, 1].map(percent)") == ["0\xa0%", "less than 1\xa0%", "13\xa0%", "100\xa0%"]


def test_the_bundle_holds_every_module_once():
    for entry in (ELEMENT, PAGE, WIDGET):
        text = module(entry)
        assert "\nimport " not in text and text.count("\nexport ") == (entry == WIDGET) and "</script" not in text
    folder = files("sacv.viewer") / "js"
    names = sorted(file.name for file in folder.iterdir() if file.name.endswith(".js"))
    for entry, other in ((PAGE, WIDGET), (WIDGET, PAGE)):
        heads = [line[3:] for line in module(entry).splitlines() if line.startswith("// ") and line.endswith(".js")]
        assert sorted([*heads, other]) == names
    assert sum(len((folder / name).read_text().splitlines()) for name in names) <= 1680
