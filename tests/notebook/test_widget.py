"""A notebook is executed, and its widget mounted in a real browser; what the page holds, the widget holds."""

import base64
import copy
import io
import json
import os
import sys
from importlib.util import find_spec
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import make_pictures
from PIL import Image

import sacv
from sacv.errors import MissingExtraError, OptionError
from sacv.maps.notebook import ROOM, VIEW, Selection
from sacv.viewer import notebook
from sacv.viewer.notebook import LONGEST, front_end, static_html, text_alone, widget_of
from viewer import test_saved as of_the_page
from viewer.made import made
from viewer.test_page import HARMFUL, everything, selection
from viewer.test_saved import saved  # noqa: F401

STATE = "application/vnd.jupyter.widget-state+json"
CELL = "import sacv\nfound = sacv.Explanation.load({folder!r})\nfound"

MOUNT = """<!doctype html><meta charset="utf-8"><body><div id="cell"></div><script type="module">
const {esm, content, ...state} = JSON.parse(document.body.dataset.state ?? atob("STATE"));
const bytes = Uint8Array.from(atob(content), (letter) => letter.charCodeAt(0));
state.content = new DataView(bytes.buffer);
window.state = state;
window.times = 0;
const model = {
  get: (name) => state[name],
  set: (name, value) => { state[name] = value; },
  save_changes: () => { window.times += 1; },
};
const {default: widget} = await import(URL.createObjectURL(new Blob([esm], {type: "text/javascript"})));
window.leave = widget.render({model, el: document.getElementById("cell")});
</script>"""


@pytest.fixture(scope="session", autouse=True)
def extra():
    for name in ("anywidget", "nbclient", "nbconvert", "ipykernel"):
        if find_spec(name) is None:
            told = f"no {name}: pip install 'sacv[dev]'"
            if os.environ.get("SACV_NEED_BROWSER"):
                pytest.fail(told)
            pytest.skip(told)


def execute(code, **environment):
    """Execute a notebook of one cell, as in a front end where `JPY_SESSION_NAME` is set."""
    import nbformat
    from nbclient import NotebookClient

    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    kept = {name: value for name, value in os.environ.items() if name != "JPY_SESSION_NAME"}
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute(env=kept | environment)
    return notebook


@pytest.fixture(scope="module")
def executed(saved):  # noqa: F811
    return execute(CELL.format(folder=str(saved)), JPY_SESSION_NAME="a.ipynb")


@pytest.fixture(scope="module")
def converted(saved):  # noqa: F811
    """The same without a front end."""
    return execute(CELL.format(folder=str(saved)))


def mounted(place, esm, header, content):
    """A page that does what a front end does with the state of a widget."""
    state = {"esm": esm, "header": header, "content": content, "selection": None}
    file = place / "mounted.html"
    file.write_text(MOUNT.replace("STATE", base64.b64encode(json.dumps(state).encode()).decode()))
    return file


@pytest.fixture
def open_widget(executed, open_page, tmp_path):
    """Open the widget of the notebook, as `open_page` opens a page."""
    (bundle,) = [output["data"] for output in executed.cells[0].outputs]
    found = executed.metadata.widgets[STATE]["state"][bundle[VIEW]["model_id"]]
    (buffer,) = found["buffers"]
    assert buffer["path"] == ["content"] and found["model_module"] == "anywidget"
    file = mounted(tmp_path, found["state"]["_esm"], found["state"]["header"], buffer["data"])
    return lambda _, width=1280, height=900: open_page(file, width, height)


@pytest.mark.slow
@pytest.mark.parametrize("window", of_the_page.WINDOWS)
@pytest.mark.parametrize("image", [0, 1])
def test_the_overlay_lies_on_the_spot(saved, open_widget, image, window):  # noqa: F811
    of_the_page.test_the_overlay_lies_on_the_spot(saved, open_widget, image, window)


def test_the_pointer_finds_the_spot_and_its_receptive_field(saved, open_widget):  # noqa: F811
    of_the_page.test_the_pointer_finds_the_spot_and_its_receptive_field(saved, open_widget)


def test_the_most_relevant_patch_is_the_spot_and_the_least_is_not(saved, open_widget):  # noqa: F811
    of_the_page.test_the_most_relevant_patch_is_the_spot_and_the_least_is_not(saved, open_widget)


def test_the_selection_comes_back(saved, open_widget):  # noqa: F811
    found = sacv.Explanation.load(saved)
    assert found.selection is None
    page = open_widget(None)
    found.widget.set_state({"selection": page.evaluate("state.selection")})
    start = found.selection
    assert (start.concept, start.layer, start.target, start.location) == ("white", "pool", "0", None)
    page.locator("#image").select_option("1")
    frame = page.locator(".stage").bounding_box()
    page.mouse.click(frame["x"] + 66 / 96 * frame["width"], frame["y"] + 44 / 64 * frame["height"])
    before = page.evaluate("times")
    page.keyboard.press("2")
    assert page.evaluate("times") == before + 1 and page.evaluate("state.selection") == selection(page)
    found.widget.set_state({"selection": page.evaluate("state.selection")})
    chosen = found.selection
    want = Selection(1, found.images[1].path, "white", "pool", "0", "contribution", (5, 5))
    assert chosen == want
    assert found.relevance(chosen.layer, chosen.concept)[chosen.image][chosen.location] > 0


def test_a_second_view_keeps_what_was_chosen_and_one_that_goes_away_lets_go(saved, open_widget):  # noqa: F811
    page = open_widget(None)
    page.keyboard.press("ArrowRight")
    chosen = page.evaluate("state.selection")
    page.evaluate("leave()")
    assert chosen["image"] == 1 and page.evaluate("state.selection") == chosen


def test_a_key_acts_once_and_does_not_reach_the_notebook(open_widget):
    """JupyterLab takes the focus, and with it the window, to its active cell at each key that reaches it."""
    page = open_widget(None)
    page.evaluate("document.body.addEventListener('keydown', () => { window.reached = (window.reached ?? 0) + 1; })")
    page.locator(".stage").click()
    page.keyboard.press("ArrowRight")
    assert page.evaluate("state.selection.image") == 1
    page.keyboard.press("Tab")
    assert page.evaluate("window.reached") is None
    page.locator("sacv-viewer").evaluate("viewer => viewer.blur() ?? document.activeElement.blur()")
    page.keyboard.press("ArrowLeft")
    assert page.evaluate("[window.reached, state.selection.image]") == [1, 0]


def test_the_widget_takes_the_theme_of_its_front_end(open_page, tmp_path):
    widget = widget_of(made())
    state = widget.get_state(["_esm", "header", "content"])
    file = mounted(tmp_path, state["_esm"], state["header"], base64.b64encode(bytes(state["content"])).decode())
    for body, theme in (('<body data-jp-theme-light="false">', "dark"), ('<body class="vscode-light">', "light")):
        file.write_text(file.read_text().replace("<body>", body))
        page = open_page(file)
        assert page.locator("sacv-viewer").get_attribute("theme") == theme
        assert page.locator("#cell").get_attribute("data-lm-suppress-shortcuts") == "true"
        file.write_text(file.read_text().replace(body, "<body>"))


def test_names_are_text_in_the_widget(open_page, tmp_path):
    data = made(concepts=(HARMFUL, "<i>d</i>"), targets=(HARMFUL,), names=[f"a/{HARMFUL}.jpg", HARMFUL, "<b>c</b>"])
    state = widget_of(data).get_state()
    file = mounted(tmp_path, state["_esm"], state["header"], base64.b64encode(bytes(state["content"])).decode())
    page = open_page(file)
    assert HARMFUL in everything(page) and page.locator("img[src=x]").count() == page.locator("h1 i").count() == 0


def test_arrays_travel_as_one_buffer_and_not_as_numbers():
    data = made()
    state = widget_of(data).get_state()
    assert bytes(state["content"]) == b"".join(array.tobytes() for array in data.arrays.values())
    header = json.loads(state["header"])
    assert list(header["arrays"]) == list(data.arrays) and len(state["header"]) < 20_000


# What is still there without a widget


def as_html(executed):
    from nbconvert import HTMLExporter

    return HTMLExporter().from_notebook_node(executed)[0]


@pytest.fixture
def open_html(chromium, tmp_path):
    """Open a converted notebook; its request for MathJax is not answered."""
    context = chromium.new_context(viewport={"width": 1280, "height": 900})
    context.route("http*://**", lambda route: route.abort())

    def opened(text):
        (tmp_path / "a.html").write_text(text)
        page = context.new_page()
        page.goto((tmp_path / "a.html").as_uri())
        return page

    yield opened
    context.close()


def yellow(shot):
    pixels = np.asarray(Image.open(io.BytesIO(shot)).convert("RGB")).astype(int)
    rows, columns = np.nonzero(pixels[..., 0] - pixels[..., 2] > 60)
    return np.array([columns.mean() / pixels.shape[1], rows.mean() / pixels.shape[0]])


@pytest.mark.slow
def test_a_converted_notebook_has_its_picture_and_the_viewer(converted, open_html):
    page = open_html(as_html(converted))
    picture = page.locator("img[alt^='Explanation(2 images']").first
    assert picture.evaluate("element => element.complete && element.naturalWidth") > 100
    page.locator("summary", has_text="Look closer").click()
    frame = page.frame_locator("iframe[title=viewer]")
    frame.locator(".stage img").first.wait_for(state="visible")
    page.wait_for_timeout(300)
    top, bottom, left, right = of_the_page.SPOT
    want = np.array([(left + right) / 2 / 96, (top + bottom) / 2 / 64])
    assert (np.abs(yellow(frame.locator(".stage").screenshot()) - want) < 0.5 / 8).all()


@pytest.mark.slow
def test_without_a_front_end_there_is_no_widget(converted, executed):
    (alone,), (live,) = ([output["data"] for output in one.cells[0].outputs] for one in (converted, executed))
    assert VIEW not in alone and "widgets" not in converted.metadata
    assert {*live} - {*alone} == {VIEW} and alone["text/plain"].startswith("Explanation(2 images")
    assert "pip install" not in alone["text/html"]


@pytest.mark.slow
def test_a_notebook_saved_without_the_state_of_its_widget_keeps_the_picture(executed):
    kept = copy.deepcopy(executed)
    del kept.metadata["widgets"]
    assert 'alt="Explanation(2 images' in as_html(kept)


def test_without_the_extra_a_line_says_how_to_get_it(saved, monkeypatch):  # noqa: F811
    monkeypatch.setitem(sys.modules, "anywidget", None)
    notebook._widget.cache_clear()
    monkeypatch.setattr(notebook, "front_end", lambda: True)
    found = sacv.Explanation.load(saved)
    bundle = found._repr_mimebundle_()
    assert VIEW not in bundle and "pip install 'sacv[notebook]'" in bundle["text/html"]
    with pytest.raises(MissingExtraError, match=r"pip install 'sacv\[notebook\]'"):
        _ = found.widget
    assert found.selection is None


def test_several_targets_show_themselves_together(small_model, small_bank, guidance, monkeypatch):
    found = sacv.explain(small_model, guidance[0], small_bank, ["cat", "dog"], allow_weak=True, checks=False)
    monkeypatch.setattr(notebook, "front_end", lambda: True)
    bundle = found._repr_mimebundle_()
    assert repr(found).startswith("Explanations(targets cat, dog; of each Explanation(6 images")
    assert bundle[VIEW]["model_id"] == found.widget.model_id
    assert json.loads(found.widget.header)["targets"] == ["cat", "dog"]


def test_an_explanation_without_pictures_says_so(saved):  # noqa: F811
    found = sacv.Explanation.load(saved)
    fields = {name: getattr(found, name) for name in found.__dataclass_fields__}
    bare = sacv.Explanation(**fields | {"display_images": None})
    bundle = bare._repr_mimebundle_()
    assert list(bundle) == ["text/plain"] and "has no report" in bundle["text/plain"]
    with pytest.raises(OptionError):
        _ = bare.widget


def test_what_stays_in_a_notebook_is_bounded(small_model, small_bank, tmp_path):
    photos = make_pictures(tmp_path / "photos", 30, 3, size=(400, 400))
    found = sacv.explain(small_model, photos, small_bank, "cat", allow_weak=True, checks=False)
    size = sum(array.nbytes for array in found._small().arrays.values())
    assert 0.3 * ROOM < size <= ROOM and len(found._small().header["images"]) < 30
    assert len(json.dumps({key: str(value) for key, value in found._repr_mimebundle_().items()})) < 2.5e6


def test_a_page_that_is_large_is_left_out(monkeypatch):
    data = made()
    assert "<iframe" in static_html("words", [b"png"], data)
    monkeypatch.setattr(notebook, "LONGEST", 1000)
    assert "<iframe" not in static_html(HARMFUL, [b"png"], data) and HARMFUL not in static_html(HARMFUL, [], data)
    assert LONGEST < 2_000_000


def test_where_a_front_end_is(monkeypatch):
    shell = SimpleNamespace(user_ns={}, display_formatter=SimpleNamespace(active_types=["text/plain"]))
    monkeypatch.setattr(notebook, "_shell", lambda: None)
    assert not front_end() and not text_alone()
    monkeypatch.setattr(notebook, "_shell", lambda: shell)
    monkeypatch.delenv("JPY_SESSION_NAME", raising=False)
    assert not front_end() and text_alone()
    monkeypatch.setitem(shell.user_ns, "__vsc_ipynb_file__", "a.ipynb")
    assert front_end()
    monkeypatch.delitem(shell.user_ns, "__vsc_ipynb_file__")
    monkeypatch.setitem(sys.modules, "google.colab", sys)
    assert front_end()
    monkeypatch.delitem(sys.modules, "google.colab")
    monkeypatch.setenv("JPY_SESSION_NAME", "a.ipynb")
    assert front_end()
