"""The pages of scores and audits in a real browser: sorted, downloaded, read by everyone, and quiet."""

import csv
import io
from xml.etree import ElementTree

import numpy as np
import pytest
from PIL import Image

from report.made_pages import COMMAND, HARMFUL, KINDS, write

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def page_of(open_page, tmp_path):
    def page(kind="scores", width=1280, **options):
        return open_page(write(kind, tmp_path / "index.html"), width, 900, **options)

    return page


def table(page, name="scores zebra"):
    return page.locator(f'table[data-name="{name}"]')


def column(page, number, name="scores zebra"):
    return table(page, name).locator(f"tbody tr > :nth-child({number + 1})").all_inner_texts()


def head(page, text):
    return table(page).locator("thead th", has=page.get_by_role("button", name=text, exact=True))


def downloaded(page, button):
    with page.expect_download() as found:
        button.click()
    return found.value.suggested_filename, found.value.path().read_bytes()


# What is said first


def test_the_first_thing_said_is_the_result(page_of):
    page = page_of()
    assert page.locator("h1").inner_text() == (
        "striped supports zebra; grass opposes zebra; no significant effect of sky on zebra."
    )
    assert page.locator("h1 b").all_inner_texts() == ["striped", "zebra", "grass", "zebra", "sky", "zebra"]
    frame = page.locator("h1").bounding_box()
    assert frame["y"] < 100
    assert page.locator("svg.panel").first.bounding_box()["y"] < 400  # on the first screen


def test_dots_lie_where_their_values_are(page_of):
    page = page_of()
    panel = page.locator("figure", has_text="SACV score").locator("svg").first
    ticks = [
        (float(one.get_attribute("x")), float(one.text_content().replace("\N{MINUS SIGN}", "-")))
        for one in panel.locator("text.tick[text-anchor=middle]").all()[:-1]
    ]
    (left, least), (right, most) = ticks[0], ticks[-1]
    unit = (right - left) / (most - least)
    dots = [float(one.get_attribute("cx")) for one in panel.locator("circle.dot").all()]
    np.testing.assert_allclose(dots, [left + (value - least) * unit for value in (2.0, -1.0, 0.1)], atol=0.1)
    lines = panel.locator("line.interval")
    assert lines.count() == 3
    assert float(lines.first.get_attribute("x1")) == pytest.approx(left + (1.5 - least) * unit, abs=0.1)
    band = panel.locator("rect.chance").first
    ends = [left + (value - least) * unit for value in (-0.4, 0.4)]
    assert float(band.get_attribute("x")) == pytest.approx(ends[0], abs=0.1)
    assert float(band.get_attribute("width")) == pytest.approx(ends[1] - ends[0], abs=0.1)
    assert panel.locator("text.verdict").all_text_contents() == ["supports", "opposes", "not significant"]


def test_the_end_says_how_it_was_made(page_of):
    text = page_of().locator("footer").inner_text()
    for part in (
        "zoo:net (Net)", "ab12" * 16, "cd34" * 16, "LDA(shrinkage=0.1)", "999 null directions", "intervals 3, bank 5",
        "sacv 1.2.3, python 3.12", COMMAND, "a/notes.txt is no image",
    ):  # fmt: skip
        assert part in text


# Sorting


def test_a_click_sorts_and_another_turns_round(page_of):
    page = page_of()
    values = ["2", "\N{MINUS SIGN}1", "0.1"] * 2
    assert column(page, 3) == values
    head(page, "value").get_by_role("button").click()
    assert column(page, 3) == sorted(values, key=["2", "0.1", "\N{MINUS SIGN}1"].index)
    assert head(page, "value").get_attribute("aria-sort") == "descending"
    head(page, "value").get_by_role("button").click()
    assert column(page, 3)[0] == "\N{MINUS SIGN}1" and head(page, "value").get_attribute("aria-sort") == "ascending"
    head(page, "concept").get_by_role("button").click()
    assert column(page, 0) == ["grass", "grass", "sky", "sky", "striped", "striped"]
    assert head(page, "value").get_attribute("aria-sort") is None


def test_the_keyboard_sorts(page_of):
    page = page_of()
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.textContent") == "value":
            break
    page.keyboard.press("Enter")
    assert head(page, "value").get_attribute("aria-sort") == "descending" and column(page, 3)[0] == "2"
    page.keyboard.press("Space")
    assert head(page, "value").get_attribute("aria-sort") == "ascending"
    assert page.evaluate("document.activeElement.textContent") == "value"  # focus stays


def test_what_is_missing_comes_last_either_way(page_of):
    page = page_of("audit")
    button = page.locator('table[data-name="audit"] thead').get_by_role("button", name="concept", exact=True)
    for order in (["grass", "striped", ""], ["striped", "grass", ""]):
        button.click()
        assert column(page, 1, "audit") == order


# Downloads


def test_a_table_arrives_as_csv_with_whole_numbers(page_of):
    page = page_of()
    name, content = downloaded(page, page.get_by_role("button", name="download the table scores zebra as CSV"))
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"), newline="")))
    assert name == "scores-zebra.csv" and len(rows) == 6
    assert rows[1]["concept"] == "grass" and float(rows[1]["value"]) == -1.0 and float(rows[1]["p, Holm"]) == 0.01


def test_csv_has_whole_paths_and_odd_names(page_of):
    page = page_of("audit")
    _, content = downloaded(page, page.get_by_role("button", name="download the table audit as CSV"))
    assert "/data/a/long/way/one.png" in content.decode()
    page = page_of("harmful")
    _, content = downloaded(page, page.get_by_role("button", name="download the table scores").first)
    assert next(csv.DictReader(io.StringIO(content.decode(), newline="")))["concept"] == HARMFUL


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_figure_arrives_as_svg_and_png(page_of, scheme):
    page = page_of(color_scheme=scheme)
    name, content = downloaded(page, page.get_by_role("button", name="download the figure sacv zebra as SVG"))
    root = ElementTree.fromstring(content)
    assert name == "sacv-zebra.svg" and root.tag == f"{SVG}svg"
    assert len(list(root.iter(f"{SVG}circle"))) == 6 and not list(root.iter(f"{SVG}style"))
    assert "var(" not in content.decode() and "SACV score of zebra" in content.decode()
    fills = {one.get("fill") for one in root.iter(f"{SVG}circle")}
    assert "rgb(217, 95, 14)" in fills  # the orange of paper, in the dark as well
    name, content = downloaded(page, page.get_by_role("button", name="download the figure sacv zebra as PNG"))
    shot = Image.open(io.BytesIO(content))
    assert name == "sacv-zebra.png" and shot.format == "PNG"
    assert shot.size == tuple(3 * round(float(root.get(side))) for side in ("width", "height"))
    pixels = np.asarray(shot.convert("RGB")).reshape(-1, 3)
    assert (pixels == 255).all(axis=1).mean() > 0.5 and (pixels == (217, 95, 14)).all(axis=1).sum() > 100
    assert page.evaluate("document.documentElement.dataset.theme ?? null") is None


# For everyone


@pytest.mark.parametrize(
    ("kind", "width", "scheme"),
    [
        *((kind, *how) for kind in KINDS for how in ((1280, "light"), (400, "dark"))),
        ("scores", 1280, "dark"),
        ("scores", 400, "light"),
    ],
)
def test_axe_finds_nothing_and_nothing_is_cut(page_of, violations, kind, width, scheme):
    page = page_of(kind, width, color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_theme_can_be_turned(page_of):
    page = page_of(color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    assert page.evaluate(ground) == "rgb(20, 23, 28)"
    page.get_by_role("button", name="light or dark").click()
    assert page.evaluate(ground) == "rgb(255, 255, 255)"


def test_without_its_script_the_page_says_all(page_of):
    page = page_of(java_script_enabled=False)
    assert "striped supports" in page.locator("h1").inner_text()
    assert page.locator("svg.panel").count() == 4 and page.locator("button").count() == 0
    assert len(column(page, 0)) == 6


def test_names_are_text_everywhere(page_of):
    page = page_of("harmful")  # an alert or a request fails the fixture
    assert page.locator("img").count() == 0 and page.locator("i").count() == 0
    for place in ("h1", "svg.panel >> nth=0", "tbody >> nth=0", "footer", ".warning"):
        assert HARMFUL in page.locator(place).text_content()
