"""A real browser for tests of pages: Chromium from the PATH, driven by Playwright.

Where it is missing the tests are skipped, with a word on how to get it; with SACV_NEED_BROWSER set that is a failure.
"""

import os
import shutil

import pytest

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
    "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="session")
def chromium():
    """The browser."""
    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if path is None:
        told = "no Chromium on the PATH: install it, on Debian with 'apt-get install chromium'"
        if os.environ.get("SACV_NEED_BROWSER"):
            pytest.fail(told)
        pytest.skip(told)
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
        page.on("console", lambda said: wrong.append(said.text) if said.type in ("error", "warning") else None)
        page.on("dialog", lambda dialog: (wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda asked: None if quiet(asked.url) else wrong.append(f"request: {asked.url}"))
        page.goto(file.resolve().as_uri())
        page.wait_for_function("document.querySelector('sacv-viewer').shadowRoot.querySelector('.stage img')?.complete")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert not wrong


def quiet(address):
    """Whether a request asks nothing of the network."""
    return address.startswith(("file:", "data:", "blob:"))
