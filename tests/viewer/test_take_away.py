"""Saved images with their legend, and links that open the view that they name."""

import io
import re
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from sacv.viewer import fragment, write_page
from viewer.made import made, one_cell
from viewer.test_page import HARMFUL, page_of, selection, sentence, viewer  # noqa: F401

SVG = "{http://www.w3.org/2000/svg}"


def saved(page, action):
    """Return the name and the bytes of a download."""
    with page.expect_download() as expected:
        action()
    return expected.value.suggested_filename, expected.value.path().read_bytes()


def words(svg):
    return " ".join(one.text for one in ElementTree.fromstring(svg).iter(f"{SVG}text"))


def yellow(content, box=None):
    """The middle of the yellow pixels of an image, x and y."""
    pixels = np.asarray(Image.open(io.BytesIO(content)).convert("RGB").crop(box)).astype(int)
    rows, columns = np.nonzero(pixels[..., 0] - pixels[..., 2] > 60)
    return columns.mean(), rows.mean()


@pytest.mark.parametrize("width", [1280, 400])
def test_the_image_is_saved_with_its_map_and_legend(page_of, width):  # noqa: F811
    page = page_of(relevance=one_cell(1, 4), width=width)
    name, png = saved(page, page.get_by_role("button", name="save as PNG").click)
    assert name == "0-striped-relevance.png"
    name, svg = saved(page, page.get_by_role("button", name="save as SVG").click)
    assert name == "0-striped-relevance.svg"
    tree = ElementTree.fromstring(svg)
    found, (photo, *_) = words(svg), tree.iter(f"{SVG}image")
    assert sentence(page).replace("\xa0", " ") in found.replace("\xa0", " ")
    assert "0.jpg" in found and "Yellow:" in found and "+1" in found and "not seen" in found
    assert len(list(tree.iter(f"{SVG}linearGradient"))) == 1
    left, top = 24, 24 + float(photo.get("y"))
    box = np.multiply(2, [left, top, left + float(photo.get("width")), top + float(photo.get("height"))]).astype(int)
    x, y = yellow(png, tuple(box.tolist())) / (box[2:] - box[:2])
    assert abs(x - 4.5 / 6) < 0.05 and abs(y - 1.5 / 4) < 0.08, "the map lies on the image as on the page"
    assert not re.search(rb'(?:href|src)="(?!data:)', svg), "the file needs no other"


def test_the_map_of_an_svg_is_a_rectangle_for_each_cell(page_of):  # noqa: F811
    page = page_of(relevance=one_cell(1, 4), region=(0.25, 0, 0.75, 1))
    _, svg = saved(page, lambda: page.keyboard.press("P"))
    tree = ElementTree.fromstring(svg)
    (group,) = (one for one in tree.iter(f"{SVG}g") if one.get("shape-rendering"))
    (photo, *_) = tree.iter(f"{SVG}image")
    (cell,) = group  # the others lie below the threshold
    width, height = (float(photo.get(side)) for side in ("width", "height"))
    found = [float(cell.get(name)) for name in ("x", "y", "width", "height")]
    assert found == pytest.approx([(0.25 + 4 * 0.5 / 6) * width, height / 4, 0.5 * width / 6, height / 4])
    assert cell.get("fill") == "rgb(253, 234, 69)" and group.get("opacity") == "0.6"
    assert group.get("transform") == f"translate(0 {photo.get('y')})"


def test_two_maps_are_saved_side_by_side(page_of):  # noqa: F811
    page = page_of(relevance=one_cell(1, 4))
    for key in ("c", "]"):
        page.keyboard.press(key)
    name, svg = saved(page, lambda: page.keyboard.press("P"))
    assert name == "0-striped-relevance-and-0-striped-contribution.svg"
    positions = [one.get("transform") for one in ElementTree.fromstring(svg) if one.get("transform")]
    assert len(positions) == 2 and len(set(positions)) == 2
    assert "Yellow:" in words(svg) and "Orange supports zebra" in words(svg)
    assert "layer layer1" in words(svg) and "layer layer0" in words(svg)
    name, png = saved(page, lambda: page.keyboard.press("p"))
    assert name.endswith(".png") and Image.open(io.BytesIO(png)).width == 2 * (24 + 2 * (640 + 24))


def test_masks_have_their_swatches_in_the_file(page_of):  # noqa: F811
    page = page_of()
    page.keyboard.press("4")
    _, svg = saved(page, lambda: page.keyboard.press("P"))
    fills = {one.get("fill") for one in ElementTree.fromstring(svg).iter(f"{SVG}rect")}
    assert {"rgb(0, 114, 178)", "rgb(230, 159, 0)", "rgb(204, 121, 167)"} < fills


def test_names_are_text_in_the_file_and_its_name(page_of):  # noqa: F811
    page = page_of(concepts=(HARMFUL, "é b"), names=["a b.jpg", "é", "2"], relevance=one_cell(1, 4))
    name, svg = saved(page, lambda: page.keyboard.press("P"))
    assert name == "a_b-_script_img_src_x_onerror_alert_1_-relevance.svg"
    assert "onerror=alert(1)>" in words(svg) and not list(ElementTree.fromstring(svg).iter(f"{SVG}img"))


def opened(open_page, file, link):
    """Open a page by a link."""
    page = open_page(file)
    page.goto(file.resolve().as_uri() + link)
    page.reload()
    page.wait_for_function("document.querySelector('sacv-viewer').shadowRoot.querySelector('.stage img')?.complete")
    return page


NAMES = {
    "names": ["x/a b&c=d.jpg", "x/+é#.jpg", "y/a.jpg"],
    "concepts": ("striped", "50 % dotted"),
    "targets": ("zebra", "a/b"),
}


def test_a_link_opens_what_it_names(open_page, tmp_path):
    write_page(tmp_path / "index.html", made(**NAMES))
    link = fragment(image="x/+é#.jpg", concept="50 % dotted", layer="layer0", target="a/b", map="contribution")
    page = opened(open_page, tmp_path / "index.html", link)
    found = selection(page)
    assert [found[name] for name in ("image", "concept", "layer", "target", "kind")] == [1, 1, 0, 1, "contribution"]
    assert page.locator(".note:visible").count() == 0
    assert page.evaluate("location.hash") == link, "Python and the page write the same"


def test_the_address_follows_the_selection(open_page, tmp_path):
    write_page(tmp_path / "index.html", made(**NAMES))
    page = open_page(tmp_path / "index.html")
    assert page.evaluate("location.hash") == ""
    for key in ("ArrowRight", "ArrowDown", "[", ".", "2"):
        page.keyboard.press(key)
    want, link = selection(page), page.evaluate("location.hash")
    page = opened(open_page, tmp_path / "index.html", link)
    assert selection(page) == want
    page.evaluate("location.hash = '#concept=striped&map=present'")
    page.wait_for_function("document.querySelector('sacv-viewer').selection.kind === 'present'")
    found = selection(page)
    assert found["concept"] == 0 and (found["image"], found["layer"]) == (want["image"], want["layer"])


def test_the_last_part_of_a_path_is_enough_where_no_other_image_has_it(open_page, tmp_path):
    write_page(tmp_path / "index.html", made(names=["x/a.jpg", "y/b.jpg", "z/a.jpg"]))
    page = opened(open_page, tmp_path / "index.html", "#image=b.jpg")
    assert selection(page)["image"] == 1 and not page.locator("header .note").count()
    page.evaluate("location.hash = '#image=a.jpg'")
    page.locator("header .note", has_text='the image "a.jpg"').wait_for()
    assert selection(page)["image"] == 1


def test_a_name_that_does_not_exist_is_noted(open_page, tmp_path):
    write_page(tmp_path / "index.html", made(silent=True))
    page = opened(open_page, tmp_path / "index.html", f"#image=1.jpg&concept={HARMFUL}&map=contribution&wrong=x")
    lines = page.locator("header .note").all_inner_texts()
    assert [HARMFUL in lines[0], '"wrong=x"' in lines[1], 'the map "contribution"' in lines[2]] == [True] * 3
    found = selection(page)
    assert (found["image"], found["kind"]) == (1, "relevance")
    page.keyboard.press("ArrowRight")
    assert not page.locator("header .note").count(), "the note stays until something is selected"
