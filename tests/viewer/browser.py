"""A real browser for tests of pages: Chromium from the PATH, driven by Playwright.

Without it the tests are skipped, with a message on how to install it; with SACV_NEED_BROWSER set they fail.
"""

import os
import shutil
from pathlib import Path

import pytest

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


READY = """() => {
    const viewer = document.querySelector("sacv-viewer");
    return viewer === null || viewer.shadowRoot.querySelector(".stage img")?.complete;
}"""
"""Whether the viewer has drawn, where a page has one."""

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.target.flat().join(" ")}: ${node.failureSummary}`))"""


@pytest.fixture(scope="session")
def violations():
    """Return what axe-core finds wrong with a page."""
    if not AXE.exists():
        message = "axe-core is not there: run 'npm ci' in tests/viewer, or 'make test' with npm on the PATH"
        if os.environ.get("SACV_NEED_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)

    def found(page):
        page.evaluate(AXE.read_text())
        return page.evaluate(RUN)

    return found


@pytest.fixture(scope="session")
def chromium():
    """The browser."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        message = "no Chromium on the PATH: install it, on Debian with 'apt-get install chromium'"
        if os.environ.get("SACV_NEED_BROWSER"):
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=path, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium):
    """Open a file in a page of its own; errors and warnings of its script fail the test, and so does any request."""
    contexts, wrong = [], []

    def opened(file, width=1280, height=900, **options):
        context = chromium.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: None if quiet(request.url) else wrong.append(f"request: {request.url}"))
        page.goto(file.resolve().as_uri())
        if options.get("java_script_enabled", True):
            page.wait_for_function(READY)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


def quiet(address):
    """Whether a request needs no network."""
    return address.startswith(("file:", "data:", "blob:"))
