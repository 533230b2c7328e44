"""axe-core finds nothing wrong with the page, for those who see it otherwise or not at all."""

import numpy as np
import pytest

from sacv.viewer import write_page
from viewer.made import made


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_axe_finds_nothing(open_page, violations, tmp_path, width, scheme):
    present = np.ones((3, 2, 4, 6), bool)
    write_page(tmp_path / "index.html", made(doubts=["it is far"], targets=("zebra", "horse"), present=present))
    page = open_page(tmp_path / "index.html", width, 900, color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    assert violations(page) == []
    for key in ("2", "c", "4", "?"):
        page.keyboard.press(key)
    assert violations(page) == []
