"""axe-core finds nothing wrong with the page, for those who see it otherwise or not at all."""

import os
from pathlib import Path

import numpy as np
import pytest

from sacv.viewer import write_page
from viewer.made import made

AXE = Path(__file__).parent / "node_modules" / "axe-core" / "axe.min.js"
RUN = """async () => (await axe.run(document, {resultTypes: ["violations"]})).violations.flatMap((one) =>
    one.nodes.map((node) => `${one.id}: ${node.target.flat().join(" ")}: ${node.failureSummary}`))"""


@pytest.fixture(scope="module")
def axe():
    if not AXE.exists():
        told = "axe-core is not there: run 'npm ci' in tests/viewer, or 'make test' with npm on the PATH"
        if os.environ.get("SACV_NEED_BROWSER"):
            pytest.fail(told)
        pytest.skip(told)
    return AXE.read_text()


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_axe_finds_nothing(open_page, axe, tmp_path, width, scheme):
    present = np.ones((3, 2, 4, 6), bool)
    write_page(tmp_path / "index.html", made(doubts=["it is far"], targets=("zebra", "horse"), present=present))
    page = open_page(tmp_path / "index.html", width, 900, color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    page.evaluate(axe)
    assert page.evaluate(RUN) == []
    for key in ("2", "c", "4", "?"):
        page.keyboard.press(key)
    assert page.evaluate(RUN) == []
