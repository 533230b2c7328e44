"""Screenshots of the page of `sacv demo` and of the app, for docs/pictures: `make screenshots`.

Each shows a first screen, at the width of a desktop and of a phone, in light and in dark. The material is synthetic, so
that the screenshots change only with the pages. They are written with a palette, which makes them small.
"""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from sacv.viewer import fragment

WHERE = Path(__file__).parent.parent / "docs" / "pictures"
SIZES = {"desktop": (1280, 900), "phone": (400, 800)}
SCHEMES: tuple[Literal["light"], Literal["dark"]] = ("light", "dark")
SHOWN = "05-striped-bar-on-plain.png"
"""The scene of the demo that is shown."""
MOST = 150_000
"""Maximum size of a screenshot, in bytes."""
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--font-render-hinting=none")
PATIENCE = 120_000


def main() -> None:
    """Write all screenshots."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        sys.exit("no Chromium on the PATH: install it, on Debian with 'apt-get install chromium'")
    WHERE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as started:
        root = Path(folder)
        subprocess.run([*SACV, "demo", "--out", "demo"], cwd=root, check=True, stdout=subprocess.DEVNULL)
        browser = started.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page()
        page.goto((root / "demo" / "explanation" / "index.html").as_uri() + fragment(image=SHOWN))
        take(page, "page")
        take(page, "side-by-side", beside=True)
        with app(root) as address:
            take(mapped(browser, address), "app")
        browser.close()


SACV = (sys.executable, "-m", "sacv")


def take(page: Page, what: str, *, beside: bool = False) -> None:
    """Take the first screen of a page in every size and scheme, or its two maps side by side."""
    drawn(page)
    if beside:
        page.keyboard.press("c")
    for size, (width, height) in SIZES.items():
        for scheme in SCHEMES:
            page.set_viewport_size({"width": width, "height": height})
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            page.locator("sacv-viewer").evaluate("element => element.scrollIntoView({block: 'start'})")
            page.wait_for_timeout(500)
            write(page.screenshot(), WHERE / f"{what}-{size}-{scheme}.png")


def drawn(page: Page) -> None:
    """Wait until the image is drawn."""
    page.locator("sacv-viewer .stage img").first.wait_for(timeout=PATIENCE)
    page.wait_for_function(
        "document.querySelector('sacv-viewer').shadowRoot.querySelector('.stage img').complete", timeout=PATIENCE
    )


def write(shot: bytes, file: Path) -> None:
    """Write a screenshot as a PNG with a palette."""
    picture = Image.open(io.BytesIO(shot)).convert("RGB")
    for colours in (256, 96, 64, 48):
        few = picture.quantize(colours, method=Image.Quantize.MAXCOVERAGE, kmeans=2, dither=Image.Dither.NONE)
        few.save(file, optimize=True)
        if file.stat().st_size <= MOST:
            break
    else:
        sys.exit(f"{file.name} has {file.stat().st_size} bytes; at most {MOST} are allowed in docs")
    print(f"{file.relative_to(WHERE.parent.parent)}: {file.stat().st_size / 1000:.0f} kB")


@contextmanager
def app(root: Path) -> Iterator[str]:
    """Run the app on the bank of the demo, and yield its address."""
    command = [*SACV, "app", "--bank", "demo/bank", "--folder", "app", "--port", "0", "--no-browser"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, env=environment) as run:
        assert run.stdout is not None
        try:
            yield next(word for line in run.stdout for word in line.split() if word.startswith("http://"))
        finally:
            run.terminate()


def mapped(browser: Browser, address: str) -> Page:
    """Return the app with the map of its example images."""
    page = browser.new_page()
    page.goto(address)
    page.get_by_role("button", name="Add example images").click()
    page.get_by_role("button", name="Show the map").click(timeout=PATIENCE)
    drawn(page)
    return page


if __name__ == "__main__":
    main()
