"""The page of the bench in a real browser."""

import io
from xml.etree import ElementTree

import pytest
from PIL import Image

from report.test_report_page import SVG, downloaded
from sacv.cli import main
from sacv_bench.report import render, write_report
from sacv_bench.tables import TableFigure, row, table_of


def picture():
    buffer = io.BytesIO()
    Image.new("RGB", (30, 20), (9, 8, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def bench_text():
    rows = [
        row(f"area {area}", rival, metric, 0.5 + 0.1 * level, 7, (0.4 + 0.1 * level, 0.6 + 0.1 * level), 0.5)
        for area in (1, 2, 3, 4)
        for level, rival in enumerate(("edges", "SACV, defaults"))
        for metric in ("AUROC", "pointing")
    ]
    return render([table_of("T2", "Does it find?", "By masks.", rows, (TableFigure("good", picture()),))], {"seed": 3})


@pytest.fixture
def bench_page(open_page, tmp_path):
    def page(width=1280, **options):
        file = tmp_path / "index.html"
        file.write_text(bench_text(), encoding="utf-8")
        return open_page(file, width, 900, **options)

    return page


def test_a_picture_arrives_as_it_is(bench_page):
    page = bench_page()
    name, content = downloaded(page, page.get_by_role("button", name="download the image good as PNG"))
    assert name == "good.png" and content == picture()


def test_ours_is_orange_on_the_page_of_the_bench_and_on_paper(bench_page):
    page = bench_page()
    fill = "one => getComputedStyle(one).fill"
    dots = page.locator("circle.dot")
    assert [dots.nth(at).evaluate(fill) for at in (0, 4)] == ["rgb(213, 94, 0)", "rgb(0, 114, 178)"]
    _, content = downloaded(page, page.get_by_role("button", name="download the figure T2 AUROC as SVG"))
    colours = [one.get("stroke") for one in ElementTree.fromstring(content).iter(f"{SVG}line")]
    assert colours.count("rgb(213, 94, 0)") == colours.count("rgb(0, 114, 178)") == 4


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "dark")])
def test_axe_finds_nothing_on_the_page_of_the_bench(bench_page, violations, width, scheme):
    page = bench_page(width, color_scheme=scheme)
    for summary in page.locator("summary").all():
        summary.click()
    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_saved_run_is_opened_as_it_was_written(tmp_path):
    write_report(tmp_path / "bench", [], {"seed": 1})
    before = (tmp_path / "bench" / "index.html").read_bytes()
    with pytest.raises(SystemExit) as left:
        main(["view", str(tmp_path / "bench"), "--no-open"])
    assert left.value.code == 0
    assert (tmp_path / "bench" / "index.html").read_bytes() == before
