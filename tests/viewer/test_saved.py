"""The page of a true explanation, saved and opened: what is drawn lies where the network sees it."""

import base64
import io
import webbrowser

import numpy as np
import pytest
from PIL import Image
from torch import nn

import sacv
from sacv.cli.main import main

WINDOWS = [(1280, 900), (800, 700), (400, 800)]


class Bright(nn.Module):
    """Sees how bright each patch of 4 x 4 pixels is."""

    def __init__(self):
        super().__init__()
        self.pool = nn.AvgPool2d(4)
        self.head = nn.Conv2d(3, 2, 1)

    def forward(self, x):
        return self.head(self.pool(x).square()).mean((2, 3))


SPOT = (40, 48, 60, 72)
"""Rows and columns of a white spot in a black photo of 64 x 96 pixels, as one sees it."""


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """The photo as it is, turned by its EXIF tag, and beside a wider one."""
    place = tmp_path_factory.mktemp("saved")
    top, bottom, left, right = SPOT
    seen = np.zeros((64, 96, 3), np.uint8)
    seen[top:bottom, left:right] = 255
    (place / "photos").mkdir()
    Image.fromarray(seen).save(place / "photos" / "a_plain.png")
    turned = Image.fromarray(np.rot90(seen).copy())  # shown a quarter turn clockwise of how it lies
    tag = Image.Exif()
    tag[0x0112] = 6
    turned.save(place / "photos" / "b_turned.png", exif=tag)
    model = sacv.VisionModel(Bright(), sacv.ImageTransform((32, 32)))
    white = np.full((2, 8, 8, 3), 255, np.uint8)
    white[1] -= 10
    bank = sacv.fit(model, ["pool"], {"white": white}, [255 - white], solver=sacv.solvers.MeanDifference())
    sacv.explain(model, place / "photos", bank, 0, allow_weak=True).save(place / "found")
    return place / "found"


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("image", [0, 1])
def test_the_overlay_lies_on_the_spot(saved, open_page, image, window):
    page = open_page(saved / "index.html", *window)
    page.locator("#image").select_option(str(image))
    page.wait_for_function("document.querySelector('sacv-viewer').shadowRoot.querySelector('.stage img').complete")
    page.mouse.move(1, 1)
    shot = np.asarray(Image.open(io.BytesIO(page.locator(".stage").screenshot())).convert("RGB")).astype(int)
    yellow = shot[..., 0] - shot[..., 2] > 60
    rows, columns = np.nonzero(yellow)
    top, bottom, left, right = SPOT
    height, width = shot.shape[:2]
    assert width / height == pytest.approx(96 / 64, rel=0.02)
    cell = np.array([width, height]) / 8
    middle, want = [columns.mean(), rows.mean()], [(left + right) / 2 / 96 * width, (top + bottom) / 2 / 64 * height]
    assert (np.abs(np.subtract(middle, want)) < cell / 2).all()
    assert (np.array([np.ptp(columns), np.ptp(rows)]) < 2.2 * cell).all()


def test_the_pointer_finds_the_spot_and_its_receptive_field(saved, open_page):
    page = open_page(saved / "index.html")
    frame = page.locator(".stage").bounding_box()
    page.mouse.click(frame["x"] + 66 / 96 * frame["width"], frame["y"] + 44 / 64 * frame["height"])
    found = page.locator("sacv-viewer").evaluate("element => element.selection")
    assert found["location"] == [5, 5]
    found = sacv.Explanation.load(saved)
    value = float(page.locator(".values tbody td").first.inner_text().replace("\N{MINUS SIGN}", "-"))
    assert value == pytest.approx(found.relevance("pool", "white")[0, 5, 5], rel=1e-2)


def test_the_most_relevant_patch_is_the_spot_and_the_least_is_not(saved, open_page):
    page = open_page(saved / "index.html")
    page.wait_for_timeout(200)
    for strip, bright in ((0, True), (1, False)):
        patch = page.locator(".strip").nth(strip).locator("canvas").first
        data = patch.evaluate("element => element.toDataURL()").split(",")[1]
        pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("L"))
        middle = pixels[pixels.shape[0] // 3 : -pixels.shape[0] // 3, pixels.shape[1] // 3 : -pixels.shape[1] // 3]
        assert (middle.mean() > 200) == bright


def test_sacv_view_writes_the_page_and_opens_it(saved, tmp_path, monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(webbrowser, "open", lambda address: opened.append(address) or True)
    for arguments in (["--out", str(tmp_path / "a.html")], ["--out", str(tmp_path / "b.html"), "--no-open"]):
        with pytest.raises(SystemExit) as left:
            main(["view", str(saved), *arguments])
        assert left.value.code == 0
    assert opened == [(tmp_path / "a.html").as_uri()]
    assert (tmp_path / "a.html").read_bytes() == (saved / "index.html").read_bytes()
    with pytest.raises(SystemExit) as left:
        main(["view", str(tmp_path), "--no-open"])
    assert left.value.code == 2 and "is not a sacv explanation" in capsys.readouterr().err
