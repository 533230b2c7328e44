"""The app in a real browser: drop, choose, look, paint, fit, save, reload."""

import base64
import dataclasses
import io
import json
import time

import numpy as np
import pytest
from PIL import Image

from app.fixtures import png
from sacv.synthetic.scenes import random_spec, render

MINE = '"><img src=x onerror=alert(1)>'
HARMFUL = "<img src=x onerror=alert(1)>.png"
PATIENCE = 60_000


def scene(seed, name="striped"):
    return render(random_spec(np.random.default_rng(seed), object_textures=[name], background_textures=["plain"]))


@pytest.fixture
def open_app(chromium, served):
    """Open the app; errors of its scripts fail the test, and so does any request to elsewhere."""
    contexts, wrong = [], []

    def opened(width=1280, height=900, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda message: wrong.append(message.text) if is_wrong(message) else None)
        page.on("dialog", lambda dialog: (wrong.append("dialog"), dialog.dismiss()))
        page.on("request", lambda one: None if one.url.startswith((served, "blob:")) else wrong.append(one.url))
        page.goto(served)
        page.get_by_role("tab", selected=True).wait_for()
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


def is_wrong(message):
    """Whether a message of the console is an error; refused requests are reported on the page."""
    return message.type in ("error", "warning") and "Failed to load resource" not in message.text


def dropped(page, where, files):
    """Drop files onto an area, as a user does."""
    script = """(files) => {
        const given = new DataTransfer();
        for (const [name, text] of files) {
            const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
            given.items.add(new File([bytes], name));
        }
        return given;
    }"""
    given = page.evaluate_handle(
        script, [[name, base64.b64encode(content).decode()] for name, content in files.items()]
    )
    page.locator(where).dispatch_event("drop", {"dataTransfer": given})


def shown(page):
    page.locator("sacv-viewer .stage img").wait_for(timeout=PATIENCE)
    page.locator("#work .job").wait_for(state="detached", timeout=PATIENCE)


def drawn(page, name):
    """What a canvas holds, uint8 `(128, 128, 4)`."""
    data = page.locator(name).evaluate("canvas => canvas.toDataURL()").split(",")[1]
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(data))).convert("RGBA").resize((128, 128)))


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_a_dropped_photo_shows_where_the_concept_is(open_app, width, scheme):
    page, truth = open_app(width, color_scheme=scheme), scene(1)
    dropped(page, "#explain .drop", {HARMFUL: png(Image.fromarray(truth.image)), "broken.png": b"nothing"})
    page.get_by_text("1 of 1 chosen").wait_for()
    assert "broken.png" in page.get_by_role("alert").inner_text()
    assert page.locator("#explain .thumbs button").inner_text() == HARMFUL
    page.get_by_role("button", name="Show the map").click()
    shown(page)
    alpha = drawn(page, "sacv-viewer .colours")[..., 3]
    inside, outside = alpha[truth.mask].astype(float).mean(), alpha[~truth.mask].astype(float).mean()
    assert inside > 4 * outside
    with page.expect_download() as expected:
        page.get_by_role("button", name="save as PNG").click()
    shot = np.asarray(Image.open(expected.value.path()).convert("RGB").resize((688, 854))).astype(int)[150:650, 40:648]
    assert (shot.min(axis=-1) < 200).mean() > 0.9, "the image is in the file, as the policy allows"
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.reload()
    shown(page)
    assert page.get_by_text("1 of 1 chosen").is_visible()


def painted(page, frame, mask):
    """Drag over what a mask marks, row by row."""
    rows = np.flatnonzero(mask.any(axis=1))
    for row in rows[4:-4:10]:
        columns = np.flatnonzero(mask[row])
        if len(columns) > 20:
            ends = [frame["x"] + frame["width"] * (at + 0.5) / 128 for at in (columns[8], columns[-8])]
            height = frame["y"] + frame["height"] * (row + 0.5) / 128
            page.mouse.move(ends[0], height)
            page.mouse.down()
            page.mouse.move(ends[1], height, steps=3)
            page.mouse.up()


def well(place, name, one):
    """Whether a mask that was painted is within the truth, and much of it."""
    mask = place.painted(MINE).mask(name, (128, 128))
    return (mask & one.mask).sum() > 0.9 * mask.sum() > 0.3 * one.mask.sum()


def test_a_concept_is_painted_fitted_saved_and_still_there_after_a_reload(open_app, place):
    scenes = {f"{seed}.png": scene(seed) for seed in (1, 5, 7)}
    for name, one in scenes.items():
        Image.fromarray(one.image).save(place.photos / name)
    page = open_app(1280, 1400)
    page.get_by_role("tab", name="Make a concept").click()
    page.get_by_label("Its name").fill(MINE)
    page.get_by_label("regions I paint").check()
    for number, (name, one) in enumerate(scenes.items(), 1):
        page.locator("#concept .thumbs").get_by_text(name, exact=True).click()
        page.locator(f"#concept .sheet img[src*='{name}']").wait_for()
        frame = page.locator("#concept .sheet").bounding_box()
        painted(page, frame, one.mask)
        page.locator("#concept .thumbs .painted").nth(number - 1).wait_for()
    until = time.monotonic() + 10
    while not all(well(place, *each) for each in scenes.items()) and time.monotonic() < until:
        page.wait_for_timeout(100)
    content = json.loads((place.masks / f"{MINE}.json").read_text())
    assert sorted(entry["file_name"] for entry in content["images"]) == list(scenes)
    assert all(well(place, *each) for each in scenes.items())
    page.get_by_role("button", name="Make the concept").click()
    page.get_by_text("of two locations in held-out images").first.wait_for(timeout=PATIENCE)
    assert "3 images" in page.locator("#concept .warning").first.inner_text()
    page.get_by_label("Save to the bank").fill("new")
    page.get_by_role("button", name="Save", exact=True).click()
    page.locator("#concept .card").last.wait_for(state="hidden")
    page.reload()
    page.locator("#concept .sheet img").wait_for()
    assert page.get_by_label("Its name").input_value() == MINE and place.bank("new").concepts == [MINE]
    page.get_by_role("tab", name="See the map").click()
    assert page.get_by_label("Concepts from").input_value() == "new"


def coverage(page, panel):
    """How many pixels of the mask are painted."""
    return int((drawn(page, f"#{panel} .mask")[..., 3] > 127).sum())


def test_painting_with_every_tool_and_what_changes(open_app, place):
    Image.fromarray(scene(3).image).save(place.photos / "scene.png")
    page = open_app()
    page.get_by_role("tab", name="What if").click()
    page.locator("#whatif .sheet img").wait_for()
    frame = page.locator("#whatif .sheet").bounding_box()

    def at(x, y):
        return frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]

    page.get_by_role("button", name="Polygon").click()
    for x, y in ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)):
        page.mouse.click(*at(x, y))
    page.keyboard.press("Enter")
    square = coverage(page, "whatif")
    assert square == pytest.approx(128 * 128 / 4, rel=0.03)
    page.get_by_role("button", name="Eraser").click()
    page.mouse.move(*at(0.3, 0.5))
    page.mouse.down()
    page.mouse.move(*at(0.7, 0.5), steps=4)
    page.mouse.up()
    assert coverage(page, "whatif") < 0.9 * square
    page.keyboard.press("Control+z")
    assert coverage(page, "whatif") == square
    page.get_by_role("button", name="Brush").click()
    page.locator("#whatif .sheet").focus()
    for _ in range(9):
        page.keyboard.press("ArrowUp")
    page.keyboard.press("Space")
    assert coverage(page, "whatif") > square
    page.get_by_role("button", name="Clear").click()
    assert coverage(page, "whatif") == 0
    page.get_by_role("button", name="Undo").click()
    page.get_by_role("button", name="See what changes").click()
    page.locator("#whatif table").wait_for(timeout=PATIENCE)
    assert "striped changes most: its score falls" in page.locator("#whatif").inner_text()
    before = coverage(page, "whatif")
    page.reload()
    page.locator("#whatif .sheet img").wait_for()
    page.get_by_role("button", name="See what changes", disabled=False).wait_for()
    assert coverage(page, "whatif") == before
    assert "striped changes most: its score falls" in page.locator("#whatif").inner_text()


def test_a_polygon_and_its_undoing_are_stored(open_app, place):
    Image.fromarray(scene(1).image).save(place.photos / "scene.png")
    page = open_app(1280, 1400)
    page.get_by_role("tab", name="Make a concept").click()
    page.get_by_label("Its name").fill("mine")
    page.get_by_label("regions I paint").check()
    page.locator("#concept .thumbs button").click()
    page.locator("#concept .sheet img").wait_for()
    frame = page.locator("#concept .sheet").bounding_box()
    page.get_by_role("button", name="Polygon").click()
    for x, y in ((0.25, 0.25), (0.75, 0.25), (0.75, 0.75), (0.25, 0.75)):
        page.mouse.click(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])
    page.keyboard.press("Enter")
    page.locator("#concept .thumbs .painted").wait_for()
    want = np.zeros((128, 128), bool)
    want[32:96, 32:96] = True
    assert (place.painted("mine").mask("scene.png", (128, 128)) != want).mean() < 0.01
    page.get_by_role("button", name="Undo").click()
    page.locator("#concept .thumbs .painted").wait_for(state="detached")
    assert place.painted("mine").photos() == []


def test_tabs_are_walked_by_keys(open_app):
    page = open_app()
    page.get_by_role("tab", name="See the map").focus()
    page.keyboard.press("ArrowRight")
    assert page.get_by_role("tab", name="Make a concept").get_attribute("aria-selected") == "true"
    assert page.locator("#concept").is_visible() and not page.locator("#explain").is_visible()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_axe_finds_nothing(open_app, place, violations, width, scheme):
    Image.fromarray(scene(3).image).save(place.photos / "scene.png")
    (place.new_set("other") / "a.png").write_bytes((place.photos / "scene.png").read_bytes())
    page = open_app(width, color_scheme=scheme)
    page.get_by_role("button", name="All").click()
    page.get_by_role("button", name="Show the map").click()
    shown(page)
    page.get_by_text("What the network predicts for the chosen photos").click()
    assert violations(page) == []
    page.get_by_role("tab", name="Make a concept").click()
    assert violations(page) == []
    page.get_by_label("Its name").fill("mine")
    page.get_by_label("regions I paint").check()
    page.locator("#concept .thumbs button").first.click()
    page.locator("#concept .sheet img").wait_for()
    for summary in page.locator("#concept details:visible > summary").all():
        summary.click()
    assert violations(page) == []
    page.get_by_label("images that show it").check()
    assert violations(page) == []
    page.get_by_role("tab", name="What if").click()
    page.locator("#whatif .sheet img").wait_for()
    assert violations(page) == []


def chances(page, name):
    """Whether a class is offered as a target with its probability."""
    return page.locator("#explain label").filter(has_text=f"{name} (").first


def test_predicted_classes_are_offered_as_targets(open_app, place, demo_model):
    for seed in (1, 5):
        Image.fromarray(scene(seed).image).save(place.photos / f"{seed}.png")
    page = open_app()
    page.get_by_role("button", name="All").click()
    chances(page, "striped").wait_for()
    page.get_by_text("What the network predicts for the chosen photos").click()
    lines = page.locator("#explain .predictions li").all_inner_texts()
    assert [line.split()[0] for line in lines] == ["1.png", "5.png"]
    logits = demo_model.logits(demo_model.inputs([Image.open(place.photos / "1.png").convert("RGB")]))[0].softmax(0)
    assert f"{demo_model.class_names[int(logits.argmax())]} {round(100 * float(logits.max()))}%" in lines[0]
    page.get_by_label("Another class").fill("zebra")
    page.keyboard.press("Enter")
    assert "no class 'zebra'" in page.get_by_role("alert").inner_text()
    page.get_by_label("Another class").fill("dotted")
    page.keyboard.press("Enter")
    page.get_by_label("the most probable class of each photo").uncheck()
    chances(page, "striped").locator("input").check()
    page.get_by_role("button", name="Show the map").click()
    shown(page)
    assert page.locator("sacv-viewer #target option").all_inner_texts() == ["striped", "dotted"]
    page.reload()
    shown(page)
    assert page.get_by_label("dotted").first.is_checked()


def sets_of(place, textures, *names):
    for name in names:
        folder = place.new_set(name)
        for path in textures[name].iterdir():
            (folder / path.name).write_bytes(path.read_bytes())


def test_a_concept_is_compared_at_layers_judged_replaced_and_looked_at(open_app, place, textures):
    sets_of(place, textures, "striped", "dotted", "plain")
    Image.fromarray(scene(1).image).save(place.photos / "scene.png")
    page = open_app(1280, 1400)
    page.get_by_role("tab", name="Make a concept").click()
    assert "Still missing: a name, images without it." in page.locator("#concept").inner_text()
    page.get_by_label("Its name").fill("lines")
    page.get_by_label("Concept images").select_option("striped")
    page.get_by_label("dotted (10)").first.check()
    page.get_by_text("more layers").click()
    page.get_by_label("blocks.1 (").check()
    page.get_by_text("More: absent images").click()
    page.locator("#concept fieldset").filter(has_text="Absent images").get_by_label("plain (10)").check()
    page.get_by_label("Groups of images, such as").fill("([0-9]+")
    page.get_by_role("button", name="Make the concept").click()
    page.get_by_role("alert").filter(has_text="not a regular expression").wait_for(timeout=PATIENCE)
    page.get_by_label("Groups of images, such as").fill(r"(\d+)")
    page.get_by_role("button", name="Make the concept").click()
    page.get_by_role("alert").filter(has_text="share 10 groups").wait_for(timeout=PATIENCE)
    page.locator("#concept fieldset").filter(has_text="Absent images").get_by_label("plain (10)").uncheck()
    page.get_by_role("button", name="Make the concept").click()
    page.get_by_text("of two locations in held-out images").first.wait_for(timeout=PATIENCE)
    result = page.locator("#concept .card").last
    assert "to locate a concept" in result.inner_text()
    result.get_by_text("Figures").first.click()
    assert "groups, such as patients" in result.inner_text()
    page.get_by_label("Save to the bank").fill("mine")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved to the bank mine").wait_for()
    page.get_by_role("button", name="Make the concept").click()
    page.get_by_role("button", name="Replace it there").wait_for(timeout=PATIENCE)
    page.get_by_role("button", name="Show it on my photos").click()
    shown(page)
    banks = page.evaluate("fetch('/api/state').then((answer) => answer.json())")["banks"]
    best = next(one for one in banks if one["name"] == "draft: lines")["place"]
    assert page.locator("sacv-viewer #layer").evaluate("one => one.selectedOptions[0].text") == best
    page.get_by_role("tab", name="Make a concept").click()
    page.get_by_role("button", name="Replace it there").click()
    page.get_by_text("Saved to the bank mine").wait_for()
    assert place.bank("mine").concepts == ["lines"]


def test_files_in_dropped_folders_are_taken(open_app):
    """A browser gives a folder as an entry whose files are read a hundred at a time."""
    page = open_app()
    names = page.evaluate("""async () => {
        const file = (name) => ({name, isFile: true, file: (given) => given(new File([], name))});
        const folder = (name, ...parts) => {
            const left = parts.map((one) => [one]);
            return {name, isDirectory: true, createReader: () => ({readEntries: (given) => given(left.shift() ?? [])})};
        };
        const item = (entry) => ({webkitGetAsEntry: () => entry});
        const all = folder("all", file("a.png"), file(".hidden"), folder("more", file("b.png")));
        const {filesOf} = await import("/static/drop.js");
        return (await filesOf({items: [item(all), item(file("c.png"))], files: []})).map(({name}) => name);
    }""")
    assert names == ["a.png", "b.png", "c.png"]


def test_the_whole_of_a_tall_photo_is_painted_with_the_tools_in_sight(open_app, place):
    Image.new("RGB", (200, 900)).save(place.photos / "tall.png")
    page = open_app(1280, 800)
    page.get_by_role("tab", name="What if").click()
    page.locator("#whatif .sheet img").wait_for()
    frame, tools = page.locator("#whatif .sheet").bounding_box(), page.locator("#whatif .painter button").first
    assert frame["height"] + tools.bounding_box()["height"] < 800
    assert frame["height"] / frame["width"] == pytest.approx(4.5, rel=0.02)


@pytest.fixture
def impatient(place):
    """The app soon drops what nobody asks after."""
    place.limits = dataclasses.replace(place.limits, lease=3.0)


def test_a_tab_that_is_closed_frees_the_work_that_it_asked_for(impatient, open_app, place, monkeypatch):
    """The explanation of many photos ends with its tab, long before its time, and that of the other tab follows."""
    from sacv.app import explaining

    explain = explaining.explain

    def slow(*given, progress, **options):
        return explain(*given, progress=lambda *far: (time.sleep(0.2), progress(*far)), **options)

    monkeypatch.setattr(explaining, "explain", slow)
    monkeypatch.setattr(explaining, "BATCH", 1)
    for number in range(150):
        Image.new("RGB", (40, 40), (number, 0, 0)).save(place.photos / f"{number}.png")
    leaving, staying = open_app(), open_app()
    leaving.get_by_role("button", name="All").click()
    leaving.get_by_role("button", name="Show the map").click()
    leaving.locator("#work .job").filter(has_text="150 photos").get_by_text(" left").wait_for(timeout=PATIENCE)
    leaving.close()
    staying.locator("#explain .thumbs").get_by_text("0.png", exact=True).click()
    staying.get_by_role("button", name="Show the map").click()
    staying.locator("#work .job").filter(has_text="1 photo").last.wait_for()
    shown(staying)
    assert [name[:4] for name in place.explanation_names()] == ["0001"]
    assert staying.locator("sacv-viewer #image option").count() == 1
