"""The page in a real browser: what is drawn, hovered, clicked and pressed."""

import base64
import io
import re

import numpy as np
import pytest
from PIL import Image

from sacv.viewer import read_page, write_page
from viewer.made import made, one_cell

HARMFUL = "</script><img src=x onerror=alert(1)>"


@pytest.fixture
def page_of(open_page, tmp_path):
    def page(data=None, *, width=1280, height=900, options=(), **changes):
        write_page(tmp_path / "index.html", made(**changes) if data is None else data)
        return open_page(tmp_path / "index.html", width, height, **dict(options))

    return page


FOCUSED = "({shadowRoot: {activeElement: one}}) => one && (one.id || one.classList[0])"


def viewer(page):
    return page.locator("sacv-viewer")


def selection(page):
    return viewer(page).evaluate("element => element.selection")


def canvas(page, name="colours", at=0):
    """A canvas of a pane, uint8 `(height, width, 4)`."""
    data = page.locator(f".{name}").nth(at).evaluate("element => element.toDataURL()").split(",")[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA"))


def stage_at(page, x, y):
    """The pixel of the window at shares of the image."""
    frame = page.locator(".stage").first.bounding_box()
    return frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]


def everything(page):
    """All text of the page."""
    return viewer(page).evaluate("element => element.shadowRoot.textContent")


def sentence(page):
    return page.locator("h1").inner_text()


# What is drawn


@pytest.mark.parametrize("window", [(1280, 900), (800, 700), (400, 800)])
@pytest.mark.parametrize(("size", "region"), [((120, 80), (0, 0, 1, 1)), ((60, 150), (0, 0.3, 1, 0.7))])
def test_the_map_lies_where_the_concept_is(page_of, window, size, region):
    """The coloured pixels on the screen are those of one cell, to one cell."""
    row, column = 1, 4
    relevance = one_cell(row, column)
    page = page_of(relevance=relevance, size=size, region=region, width=window[0], height=window[1])
    shot = screen(page)
    yellow = (shot[..., 0].astype(int) - shot[..., 2]) > 40
    rows, columns = np.nonzero(yellow)
    frame = np.array([shot.shape[1], shot.shape[0]])
    left, top, right, bottom = region
    middle = np.array([columns.mean(), rows.mean()]) / frame
    want = [left + (column + 0.5) / 6 * (right - left), top + (row + 0.5) / 4 * (bottom - top)]
    cell = np.array([(right - left) / 6, (bottom - top) / 4])
    assert (np.abs(middle - want) < 0.3 * cell).all()
    extent = np.array([np.ptp(columns), np.ptp(rows)]) / frame
    assert (extent < 1.3 * cell).all() and (extent > 0.4 * cell).all()


def screen(page):
    """What the window shows of the stage."""
    shot = page.locator(".stage").first.screenshot()
    return np.asarray(Image.open(io.BytesIO(shot)).convert("RGB"))


def test_a_map_without_the_concept_is_empty(page_of):
    page = page_of(relevance=np.full((3, 2, 4, 6), -1.0), present=np.zeros((3, 2, 4, 6), bool))
    assert not canvas(page)[..., 3].any()
    assert "not clearly seen in this image" in sentence(page)


def test_what_the_network_does_not_see_is_dimmed(page_of):
    lines = canvas(page_of(region=(0.25, 0, 0.75, 1)), "lines")
    width = lines.shape[1]
    assert (lines[:, : width // 4 - 1, 3] > 100).all() and (lines[:, -(width // 4 - 1) :, 3] > 100).all()
    assert not (lines[5:-5, width // 2 - 5 : width // 2 + 5, :3].sum(axis=-1) == 0).all()


def black(pixels):
    return (pixels[..., :3].max(axis=-1) < 12) & (pixels[..., 3] > 200)


def test_black_lines_enclose_the_mask_of_their_own_map(page_of):
    present = np.zeros((3, 2, 4, 6), bool)
    present[:, :, 1, 3] = True
    page = page_of(present=present, relevance=np.full((3, 2, 4, 6), -0.5), contribution=np.full((3, 2, 4, 6), 0.1))
    lines = canvas(page, "lines")
    height, width = lines.shape[:2]
    rows, columns = np.nonzero(black(lines))
    assert abs(rows.min() - height / 4) < 3 and abs(rows.max() - height / 2) < 3
    assert abs(columns.min() - width / 2) < 3 and abs(columns.max() - 4 * width / 6) < 3
    assert not black(lines)[int(height * 0.3) : int(height * 0.45), int(width * 0.52) : int(width * 0.65)].any()
    page.keyboard.press("2")
    assert not black(canvas(page, "lines")).any()


def test_the_white_line_is_where_relevance_crosses_zero(page_of):
    values = np.broadcast_to(np.linspace(-1, 1, 6), (3, 2, 4, 6))
    lines = canvas(page_of(relevance=values, present=np.zeros(values.shape, bool)), "lines")
    _, columns = np.nonzero((lines == 255).all(axis=-1))
    inner = columns[columns < lines.shape[1] - 3]
    assert abs(np.median(inner) - lines.shape[1] / 2) < 3


def test_signs_have_their_own_colours_and_zero_none(page_of):
    values = np.zeros((3, 2, 4, 6))
    values[..., 0], values[..., 5] = -1, 1
    page = page_of(contribution=values)
    page.keyboard.press("2")
    pixels = canvas(page).astype(int)
    low, middle, high = (pixels[pixels.shape[0] // 2, int(pixels.shape[1] * at)] for at in (0.03, 0.5, 0.97))
    assert low[2] > low[0] and high[0] > high[2] and middle[3] == 0
    assert page.locator(".ticks").inner_text().split() == ["\N{MINUS SIGN}1", "0", "+1"]


def test_what_lies_outside_a_mask_is_faded(page_of):
    inside = np.zeros((3, 4, 6), bool)
    inside[:, :, :3] = True
    page = page_of(relevance=np.ones((3, 2, 4, 6)), inside=inside, present=np.zeros((3, 2, 4, 6), bool))
    pixels = canvas(page)
    half = pixels.shape[1] // 2
    lines = canvas(page, "lines")
    amber = np.nonzero((lines[..., :3] == (255, 191, 0)).all(axis=-1))[1]
    assert abs(amber.max() - half) < 3 and not (lines[5:-5, half + 5 :, :3] == 255).all(axis=-1).any()
    assert (pixels[:, : half - 2, 3] == 255).all() and (pixels[:, half + 2 :, 3] < 60).all()


def test_what_does_not_count_stretches_no_scale_and_is_no_patch(page_of):
    inside = np.ones((3, 4, 6), bool)
    inside[:, 0, 0] = False
    relevance = np.random.default_rng(0).uniform(0, 1, (3, 2, 4, 6))
    relevance[..., 0, 0] = 100
    page = page_of(relevance=relevance, inside=inside)
    assert float(page.locator(".ticks").inner_text().split()[-1]) <= 1
    patches = page.locator(".patches .strip").first.locator(".figure").all_inner_texts()
    assert all(float(text) <= 1 for text in patches)


def test_several_targets_stand_side_by_side_in_the_table(page_of):
    page = page_of(targets=("zebra", "horse"))
    assert page.locator(".scores thead th").all_inner_texts() == [
        f"layer{layer}, {target}" for layer in range(2) for target in ("zebra", "horse")
    ]
    page.locator(".scores td button").nth(1).click()
    assert (selection(page)["layer"], selection(page)["target"]) == (0, 1) and "horse" in sentence(page)


def test_a_constant_map_and_missing_values_do_not_fail(page_of):
    values = np.zeros((3, 2, 4, 6))
    values[0] = np.nan
    page = page_of(relevance=values, contribution=values)
    for key in ("2", "ArrowRight", "1", "s"):
        page.keyboard.press(key)


def test_contribution_without_locations_is_not_drawn(page_of):
    page = page_of(silent=True)
    assert "cannot be measured at this layer" in sentence(page)
    assert page.locator("[data-kind=contribution]").is_disabled()
    page.locator("summary", has_text="recognised here").click()
    assert "Beware of the layer." in page.locator(".of-concept").inner_text()


# Hovering, clicking, keys


def test_hover_shows_the_values_of_every_concept_and_the_receptive_field(page_of):
    rng = np.random.default_rng(1)
    relevance, contribution = rng.normal(size=(2, 3, 2, 4, 6))
    page = page_of(relevance=relevance, contribution=contribution)
    at = selection(page)
    page.mouse.move(*stage_at(page, 2.5 / 6, 1.5 / 4))
    rows = page.locator(".values tbody tr").all_inner_texts()
    for concept, text in enumerate(rows):
        shown = [float(part.replace("\N{MINUS SIGN}", "-")) for part in text.split("\t")[1:3]]
        want = [values[at["image"], concept, 1, 2] for values in (relevance, contribution)]
        np.testing.assert_allclose(shown, want, rtol=6e-3)
    assert "Row 2 of 4, column 3 of 6" in page.locator(".side").inner_text()
    drawn = canvas(page, "top")[..., 3] > 0
    rows, columns = np.nonzero(drawn)
    height, width = drawn.shape
    assert abs(rows.min()) < 4 and abs(rows.max() - 3 * height / 4) < 4  # the field: a cell more on every side
    assert abs(columns.min() - width / 6) < 4 and abs(columns.max() - 4 * width / 6) < 4
    assert drawn[int(height * 0.375), int(2 * width / 6)]  # the cell's own border
    page.mouse.move(5, 5)
    assert not canvas(page, "top").any() and "Point at the image" in page.locator(".side").inner_text()


def test_without_a_known_field_the_cell_alone_is_drawn(page_of):
    page = page_of(fields=False)
    page.mouse.move(*stage_at(page, 2.5 / 6, 1.5 / 4))
    rows, columns = np.nonzero(canvas(page, "top")[..., 3])
    assert abs(np.ptp(columns) - canvas(page, "top").shape[1] / 6) < 6 and len(rows)


def test_a_click_pins_and_reports_the_selection(page_of):
    page = page_of()
    viewer(page).evaluate("element => element.addEventListener('selection', (e) => { window.reported = e.detail; })")
    page.mouse.click(*stage_at(page, 4.5 / 6, 2.5 / 4))
    page.mouse.move(5, 5)
    assert selection(page)["location"] == [2, 4]
    assert page.evaluate("window.reported.location") == [2, 4]
    assert "Pinned: row 3 of 4, column 5 of 6" in page.locator(".side").inner_text()
    page.keyboard.press("Escape")
    assert selection(page)["location"] is None


def test_keys_reach_everything(page_of):
    page = page_of(targets=("zebra", "horse"))
    start = selection(page)

    def after(*keys):
        for key in keys:
            page.keyboard.press(key)
        return selection(page)

    assert after("ArrowRight")["image"] == (start["image"] + 1) % 3
    assert after("ArrowLeft")["image"] == start["image"]
    assert after("ArrowDown")["concept"] == (start["concept"] + 1) % 2
    assert after("ArrowUp")["concept"] == start["concept"]
    assert after("]")["layer"] == (start["layer"] + 1) % 2
    assert after("[")["layer"] == start["layer"]
    assert after(".")["target"] == 1 and "horse" in sentence(page)
    assert after(",")["target"] == 0
    assert [after(key)["kind"] for key in "2341"] == ["contribution", "present", "chance", "relevance"]
    opacity = page.locator(".colours").evaluate("element => element.style.opacity")
    after("o")
    assert float(page.locator(".colours").evaluate("element => element.style.opacity")) < float(opacity)
    wide = (canvas(page)[..., 3] > 0).sum()
    after("T", "T")
    assert (canvas(page)[..., 3] > 0).sum() < wide
    after("c")
    assert page.locator(".stage").count() == 2
    after("c", "?")
    assert page.locator("dialog").is_visible()
    after("Escape", "d")
    assert viewer(page).get_attribute("theme") == "dark"


def test_the_marker_moves_by_keys(page_of):
    page = page_of()
    page.locator(".stage").focus()
    for key in ("Shift+ArrowUp", "Shift+ArrowLeft", "Shift+ArrowLeft", "Enter"):
        page.keyboard.press(key)
    assert selection(page)["location"] == [1, 1]


def test_own_scale_is_of_this_map_alone(page_of):
    values = np.random.default_rng(0).uniform(0.1, 1, (3, 2, 4, 6))
    values[2] *= 100
    page = page_of(relevance=values, present=np.ones(values.shape, bool))
    page.locator("#image").select_option("0")
    assert "+1" not in page.locator(".ticks").inner_text().split()
    page.locator("button", has_text="own scale").click()
    high = float(page.locator(".ticks").inner_text().split()[-1])
    assert 0 < high <= 1


def test_cursors_are_linked_between_two_maps(page_of):
    page = page_of()
    page.keyboard.press("c")
    page.mouse.move(*stage_at(page, 2.5 / 6, 1.5 / 4))
    one, other = (canvas(page, "top", at) for at in range(2))
    np.testing.assert_array_equal(one, other)
    assert one.any()
    before = page.locator("figcaption").all_inner_texts()
    page.keyboard.press("]")
    after = page.locator("figcaption").all_inner_texts()
    assert after[0] == before[0] and "layer1" in before[1] and "layer0" in after[1]


# Lists


def test_patches_lead_to_their_location(page_of):
    relevance = np.random.default_rng(0).normal(size=(3, 2, 4, 6))
    relevance[2, :, 3, 5] = 9
    page = page_of(relevance=relevance)
    first = page.locator(".patches .strip").first.locator("button").first
    assert re.match("9 in 2.jpg, row 4 of 4, column 6 of 6", first.get_attribute("title"))
    first.click()
    found = selection(page)
    assert found["image"] == 2 and found["location"] == [3, 5]
    last = page.locator(".patches .strip").last.locator("button").first.get_attribute("title")
    at = selection(page)
    least = relevance[:, at["concept"]].min()
    assert abs(float(last.split()[0].replace("\N{MINUS SIGN}", "-")) - least) < 0.01 * abs(least)


def test_images_are_sorted_and_filtered(page_of):
    present = np.zeros((4, 2, 4, 6), bool)
    for image, share in enumerate((3, 0, 9, 1)):
        present[image].reshape(2, -1)[:, :share] = True
    page = page_of(images=4, present=present, names=["b/dog.jpg", "a/cat.jpg", "ant.jpg", "bee.jpg"])
    names = page.locator(".thumbs .name")
    assert names.all_text_contents() == ["dog.jpg", "cat.jpg", "ant.jpg", "bee.jpg"]
    page.locator("#order").select_option(label="largest share of the concept")
    assert names.all_text_contents() == ["ant.jpg", "dog.jpg", "bee.jpg", "cat.jpg"]
    page.locator("#filter").select_option(label="where the concept is seen")
    assert names.all_text_contents() == ["ant.jpg", "dog.jpg", "bee.jpg"]
    page.locator("#words").fill("be")
    assert names.all_text_contents() == ["bee.jpg"]
    page.locator(".thumbs button").click()
    assert selection(page)["names"]["image"] == "bee.jpg"
    assert page.locator(".thumbs button").get_attribute("title") == "bee.jpg"


def test_the_table_has_scores_intervals_and_quality(page_of):
    page = page_of()
    cells = page.locator(".scores td button")
    assert cells.count() == 4 and "●" in cells.first.inner_text() and " to " in cells.first.inner_text()
    assert "AUROC 0.910 (0.850 to 0.970)" in cells.first.get_attribute("title")
    cells.last.click()
    assert (selection(page)["concept"], selection(page)["layer"]) == (1, 1)


def test_details_numbers_and_provenance(page_of):
    page = page_of()
    for summary in page.locator("summary").all():
        summary.click()
    text = page.locator(".details").inner_text()
    for part in ("horse (71", "logit of zebra", "SACV score", "It is well.", "0.910", "9 x 9 px", "seed", "one.txt"):
        assert part in text


def test_a_warning_is_shown_once(page_of):
    page = page_of(doubts=["it is far", "it is near"], present=np.ones((3, 2, 4, 6), bool))
    assert page.locator(".warning").all_inner_texts() == ["Warning: it is far figure", "Warning: it is near figure"]
    assert page.locator(".warning .term").first.get_attribute("title") == "exactly 0.5"
    page.locator(".warning .term").last.click()
    assert "exactly 1.5" in page.locator("[popover]").inner_text()
    page.keyboard.press("Escape")
    for summary in page.locator("summary").all():
        summary.click()
    assert everything(page).count("it is far") == 1


def test_what_words_mean_is_a_click_away(page_of):
    page = page_of()
    page.locator(".legend .term", has_text="relevance").click()
    text = page.locator("[popover]").inner_text()
    assert "Above 0 the concept is seen" in text


def test_the_sentence_is_in_plain_words_and_its_figures_stand_below(page_of):
    contribution = np.ones((3, 2, 4, 6))
    present = np.zeros((3, 2, 4, 6), bool)
    present[..., :3] = True
    page = page_of(relevance=np.ones((3, 2, 4, 6)), contribution=contribution, present=present)
    assert sentence(page) == "striped is clearly seen in 50\xa0% of this image and supports the class zebra."
    assert page.locator(".figures").inner_text() == "SACV score +24 logits; logit 3.2."
    page = page_of(relevance=np.ones((3, 2, 4, 6)), contribution=-contribution, present=present, unit="logits per unit")
    assert "opposes the class zebra." in sentence(page)
    assert page.locator(".figures").inner_text().startswith("SACV score \N{MINUS SIGN}24 logits per unit;")


# Safety


def test_names_are_text_everywhere(page_of, tmp_path):
    names = [f"a/{HARMFUL}.jpg", f"b{HARMFUL}", "<b>c</b>"]
    page = page_of(concepts=(HARMFUL, "<i>d</i>"), targets=(HARMFUL, "x"), names=names, doubts=[HARMFUL])
    for key in ("2", "c", "ArrowRight", "ArrowDown", "."):
        page.keyboard.press(key)
    page.mouse.move(*stage_at(page, 0.4, 0.4))
    for summary in page.locator("summary").all():
        summary.click()
    assert [page.locator(markup).count() for markup in ("img[src=x]", "h1 i", "b b")] == [0, 0, 0]
    assert HARMFUL in everything(page)
    assert read_page(tmp_path / "index.html").header["concepts"] == [HARMFUL, "<i>d</i>"]


def test_the_policy_lets_nothing_else_run(page_of, tmp_path):
    page_of()
    text = (tmp_path / "index.html").read_text()
    (policy,) = re.findall('Content-Security-Policy" content="([^"]*)"', text)
    assert policy.startswith("default-src 'none';") and "unsafe" not in policy and "http" not in policy
    assert not re.search(r'(?:src|href)\s*=\s*"', text.split('<script type="module">')[0])


# Sizes, motion, reading aloud


def test_a_phone_has_one_column(page_of):
    page = page_of(width=400, height=800)
    assert page.evaluate("document.documentElement.scrollWidth") <= 400
    stage, side = (page.locator(name).first.bounding_box() for name in (".stage", ".side"))
    assert side["y"] >= stage["y"] + stage["height"] and stage["width"] > 340


def test_the_focus_goes_through_everything_in_order(page_of):
    page = page_of()
    seen = []
    for _ in range(16):
        page.keyboard.press("Tab")
        seen.append(viewer(page).evaluate(FOCUSED))
    assert seen.index("image") < seen.index("concept") < seen.index("layer") < seen.index("stage")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system(page_of, scheme):
    page = page_of(options={"color_scheme": scheme})
    ground = viewer(page).evaluate("element => getComputedStyle(element).backgroundColor")
    assert (ground == "rgb(255, 255, 255)") == (scheme == "light")
