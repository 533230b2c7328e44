"""Painted masks are kept as COCO files that the command line reads."""

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image

from app.fixtures import png
from sacv.app.http_errors import Missing, Refusal
from sacv.app.masks import Painted, png_of, read_mask, run_lengths
from sacv.concepts import Region
from sacv.concepts.regions import region_set

shapes = st.tuples(st.integers(1, 7), st.integers(1, 7))
masks = arrays(bool, shapes)


@settings(deadline=None)
@given(masks)
def test_run_lengths_are_those_of_a_walk_down_the_columns(mask):
    counts, inside, flat = run_lengths(mask), False, []
    for count in counts:
        flat += [inside] * count
        inside = not inside
    np.testing.assert_array_equal(np.reshape(flat, mask.shape[::-1]).T, mask)


@settings(deadline=None)
@given(masks)
def test_a_png_comes_back_as_it_was(mask):
    np.testing.assert_array_equal(read_mask(png_of(mask), mask.shape[::-1]), mask)


@settings(deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abc"), arrays(bool, (3, 4))), max_size=8))
def test_the_last_mask_of_each_photo_stays(tmp_path_factory, puts):
    painted, want = Painted(tmp_path_factory.mktemp("masks") / "c.json", "c"), {}
    for photo, mask in puts:
        painted.put(photo, mask)
        want[photo] = mask
    want = {photo: mask for photo, mask in want.items() if mask.any()}
    assert sorted(painted.photos()) == sorted(want) and painted.path.exists() == bool(want)
    for photo, mask in want.items():
        np.testing.assert_array_equal(painted.mask(photo, (4, 3)), mask)
    with pytest.raises(Missing):
        painted.mask("d", (4, 3))


def test_a_mask_painted_on_a_smaller_picture_is_enlarged():
    small = np.zeros((3, 4), bool)
    small[0, 1] = True
    np.testing.assert_array_equal(read_mask(png_of(small), (8, 6)), small.repeat(2, 0).repeat(2, 1))
    for size in ((4, 6), (3, 2), (40, 10)):
        with pytest.raises(Refusal, match="pixels"):
            read_mask(png_of(small), size)


def test_the_command_line_reads_what_was_painted(client, place):
    mask = np.zeros((30, 40), bool)
    mask[5:12, 8:30] = True
    for name in ("a.png", "b.png"):
        client.put(f"/api/photos/{name}", content=png(Image.new("RGB", (40, 30), (name[0] == "a" and "red") or "blue")))
        assert client.put(f"/api/masks/mine/{name}", content=png_of(mask)).status_code == 201
    shown = np.asarray(Image.open(io.BytesIO(client.get("/api/masks/mine/a.png").content)).convert("LA"))
    np.testing.assert_array_equal(shown[..., 1] > 127, mask)
    answer = client.get("/api/masks/mine")
    assert answer.headers["content-disposition"].startswith("attachment")
    (place.folder / "mine.json").write_bytes(answer.content)
    marked = region_set("mine", Region(place.photos, f"{place.folder / 'mine.json'}:mine"))
    assert len(marked.images) == 2
    np.testing.assert_array_equal(marked.masks[0].load((40, 30)), mask)
    client.put("/api/masks/mine/a.png", content=png_of(np.zeros((30, 40), bool)))
    assert client.get("/api/state").json()["painted"] == {"mine": ["b.png"]}


def test_what_is_no_mask_is_refused(client):
    client.put("/api/photos/a.png", content=png(Image.new("RGB", (40, 30))))
    assert client.put("/api/masks/mine/a.png", content=b"nothing").status_code == 400
    assert client.put("/api/masks/mine/a.png", content=png(Image.new("L", (30, 40)))).status_code == 400
    assert client.put("/api/masks/mine/other.png", content=png(Image.new("L", (40, 30)))).status_code == 404
    assert client.get("/api/state").json()["painted"] == {}
