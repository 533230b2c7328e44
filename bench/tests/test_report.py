"""The report of the bench: what is written, what the page shows, and that it needs nothing else."""

import base64
import io
import json
import math
import re

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from sacv.errors import StorageError
from sacv_bench.chart import COLOURS, OUR_COLOUR, chart_of
from sacv_bench.localisation import OURS
from sacv_bench.report import render, summary, to_json, write_report
from sacv_bench.tables import COLUMNS, TableFigure, row, table_of
from sacv_bench.targets import check

SETTINGS = {"split": "held-out", "seed": 3, "quick": True, "effort": {"seeds": 2, "steps": 5}}
AREAS = ("area 1-2 %", "area 2-5 %", "area 5-10 %", "area 10-20 %")


def png():
    buffer = io.BytesIO()
    Image.new("RGB", (3, 2), (9, 8, 7)).save(buffer, "PNG")
    return buffer.getvalue()


def table_t2(figures=("good", "bad")):
    rows = []
    # Rival by rival, ours not first: neither the page nor the chart may depend on it.
    for level, rival in enumerate(("edge strength", OURS, "Grad-CAM")):
        for step, area in enumerate(AREAS):
            value = 0.5 + 0.1 * level + 0.01 * step
            rows.append(row(area, rival, "pointing", value, 7, random=0.25 if level else 0.125))
            rows.append(row(area, rival, "AUROC", value, 7, (value - 0.05, value + 0.05), 0.5))
    return table_of("T2", "Does it find?", "By masks.", rows, tuple(TableFigure(name, png()) for name in figures))


def stability_table():
    rows = [
        row(f"{images} images", rival, "cosine between runs", value, 5)
        for images in (20, 50)
        for rival, value in (("TCAV", 0.25), (OURS, 0.875))
    ]
    return table_of("T5", "Is it stable?", "By runs.", rows)


def section(page, name):
    return re.search(rf'(?s)<section id="{name}">.*?</section>', page).group()


def text_of(html):
    return " ".join(re.sub("<[^>]*>", " ", html).split())


def test_the_folder(tmp_path):
    tables = [table_t2(), stability_table()]
    write_report(tmp_path / "out", tables, SETTINGS)
    out = tmp_path / "out"
    assert {file.name for file in out.iterdir()} == {"bench.json", "T2.parquet", "T5.parquet", "index.html"}
    for table in tables:
        pd.testing.assert_frame_equal(pd.read_parquet(out / f"{table.name}.parquet"), table.rows)
    marker = json.loads((out / "bench.json").read_text())
    assert marker["kind"] == "bench" and marker["format_version"] == 1 and marker["settings"] == SETTINGS
    assert marker["tables"][0] == {"name": "T2", "title": "Does it find?", "about": "By masks."}
    assert [target["table"] for target in marker["targets"]] == ["T2", "T2", "T2", "T5"]
    assert marker["targets"][0]["value"] is None and marker["targets"][3]["met"] is True
    assert (out / "index.html").read_text() == render(tables, SETTINGS)


def test_a_report_replaces_a_report_and_nothing_else(tmp_path):
    write_report(tmp_path / "out", [table_t2()], SETTINGS)
    write_report(tmp_path / "out", [stability_table()], SETTINGS)
    assert not (tmp_path / "out" / "T2.parquet").exists()
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("precious")
    with pytest.raises(StorageError, match="will not be overwritten"):
        write_report(tmp_path / "mine", [table_t2()], SETTINGS)
    assert (tmp_path / "mine" / "thesis.txt").read_text() == "precious"


def test_nothing_is_fetched():
    page = render([table_t2(), stability_table()], SETTINGS)
    found = re.findall(r'(?:src|href)\s*=\s*"([^"]*)"|url\(([^)]*)\)', page)
    assert found and all("".join(pair).startswith("data:image/") for pair in found)
    assert "default-src 'none'" in page and "@import" not in page


def test_hostile_names_are_escaped():
    hostile = "</script><script>alert('x')</script>"
    table = table_of("T9", hostile, hostile, [row(hostile, hostile, hostile, 0.5, 1)], (TableFigure(hostile, png()),))
    page = render([table], {hostile: hostile})
    assert page.count("<script") == page.count("</script>") == 1 and "&lt;script&gt;" in page


def test_same_tables_same_page():
    assert render([table_t2()], SETTINGS) == render([table_t2()], SETTINGS)


def test_targets_stand_at_the_top():
    tables = [table_t2(), stability_table()]
    outcomes = check(tables)
    assert summary(outcomes) == "1 of 4 targets are met"
    page = render(tables, SETTINGS)
    assert "<h1>1 of 4 targets are met.</h1>" in page.split("<main>")[0]
    rows = [text_of(item) for item in re.findall(r"(?s)<tr>.*?</tr>", page)[1:5]]
    assert rows[0].startswith("falls short T2") and "none" in rows[0] and "not measured" in rows[0]
    # The least of the areas from 5 %.
    assert rows[2].startswith("falls short T2 pointing") and "0.620 at least 0.95" in rows[2]
    assert "area 5-10 %" in rows[2]
    assert rows[3].startswith("met T5") and "0.875" in rows[3]


def test_settings_are_told_at_the_end():
    page = render([], SETTINGS)
    assert "split held-out seed 3 quick yes effort seeds 2, steps 5 versions sacv" in text_of(page.split("<footer>")[1])
    assert "targets were set" not in page


def test_the_table_has_every_figure():
    html = section(render([table_t2()], SETTINGS), "T2")
    rows = [text_of(one) for one in re.findall(r"(?s)<tr>.*?</tr>", html)]
    assert rows[0] == "rival condition pointing pointing, random AUROC AUROC, from AUROC, to AUROC, random images"
    assert {row for row in rows if " 2-5 %" in row} == {
        "edge strength area 2-5 % 0.510 0.12 0.510 0.46 0.56 0.50 7",
        "SACV, defaults area 2-5 % 0.610 0.25 0.610 0.56 0.66 0.50 7",
        "Grad-CAM area 2-5 % 0.710 0.25 0.710 0.66 0.76 0.50 7",
    }
    assert len(rows) == 1 + 3 * len(AREAS)


def test_missing_figures():
    rows = [row("a", OURS, "AUROC", math.nan, 0), row("b", OURS, "pointing", -0.5, 2, (-1.0, 0.0))]
    html = section(render([table_of("T2", "", "", rows)], SETTINGS), "T2")
    lines = [text_of(one) for one in re.findall(r"(?s)<tr>.*?</tr>", html)]
    minus = "\N{MINUS SIGN}"
    assert lines == [
        "rival condition AUROC pointing pointing, from pointing, to images",
        f"{OURS} a none 0", f"{OURS} b {minus}0.500 {minus}1.00 0.00 2",
    ]  # fmt: skip


def test_an_empty_table_is_shown():
    assert "What?" in section(render([table_of("T9", "What?", "So.", [])], SETTINGS), "T9")


@pytest.mark.parametrize(("rivals", "folded"), [(39, False), (40, True)])
def test_long_tables_are_folded(rivals, folded):
    rows = [row("c", str(rival), "m", 0.5, 1) for rival in range(rivals)]
    assert ("<details>" in render([table_of("T9", "", "", rows)], {})) is folded


def test_pictures():
    html = section(render([table_t2()], SETTINGS), "T2")
    found = re.findall(r'<figcaption>(\w+)</figcaption><img src="data:image/png;base64,([^"]*)" alt="(\w+)"', html)
    assert [(title, alt) for title, _, alt in found] == [("good", "good"), ("bad", "bad")]
    assert base64.b64decode(found[0][1]) == png()
    assert "<img" not in render([table_t2(figures=())], SETTINGS)


def back(chart):
    """The value of a location, from two ticks."""
    (one, first), (other, second) = chart.ticks[0], chart.ticks[-1]
    scale = (float(second) - float(first)) / (other - one)
    return lambda place: float(first) + scale * (place - one)


def test_chart_of_many_conditions():
    table = table_t2()
    chart = chart_of(table)
    assert chart.metric == "AUROC" and chart.by_rival and chart.has_random
    assert [(panel.title, panel.ours) for panel in chart.panels] == [
        (OURS, True),
        ("edge strength", False),
        ("Grad-CAM", False),
    ]
    value = back(chart)
    rows = table.rows[table.rows["metric"] == "AUROC"].set_index(["rival", "condition"])
    for panel in chart.panels:
        assert tuple(lane.label for lane in panel.lanes) == AREAS
        for lane in panel.lanes:
            known = rows.loc[(panel.title, lane.label)]
            drawn = [value(place) for place in (lane.value, lane.low, lane.high, lane.random)]
            # Locations are kept to 0.01 %.
            np.testing.assert_allclose(drawn, known[["value", "low", "high", "random"]].to_numpy(float), atol=1e-3)
            if panel.ours:
                assert lane.reference is None
            else:
                assert value(lane.reference) == pytest.approx(rows.loc[(OURS, lane.label), "value"], abs=1e-3)
    assert {panel.lanes[0].colour for panel in chart.panels} == {OUR_COLOUR, *COLOURS[:2]}


def test_chart_of_few_conditions():
    chart = chart_of(stability_table())
    assert not chart.by_rival and not chart.has_random
    assert [panel.title for panel in chart.panels] == ["20 images", "50 images"]
    for panel in chart.panels:
        assert [(lane.label, lane.ours, lane.colour) for lane in panel.lanes] == [
            (OURS, True, OUR_COLOUR),
            ("TCAV", False, COLOURS[0]),
        ]
        assert [lane.low for lane in panel.lanes] == [None, None]
        assert back(chart)(panel.lanes[0].value) == pytest.approx(0.875, abs=1e-3)


def test_all_that_is_drawn_lies_on_the_axis():
    rows = [row("c", f"r{step}", "gain", step / 7, 3, (step / 7 - 2, step / 7 + 0.3), -4.0) for step in range(12)]
    chart = chart_of(table_of("T9", "", "", rows))
    lanes = [lane for panel in chart.panels for lane in panel.lanes]
    places = [place for lane in lanes for place in (lane.value, lane.low, lane.high, lane.random)]
    assert min(places) > 0 and max(places) < 100 and len(chart.ticks) >= 3
    assert all(0 <= place <= 100 for place, _ in chart.ticks)
    assert len({lane.label for lane in lanes}) == 12


@pytest.mark.parametrize("value", [0.5, math.nan])
def test_charts_of_hardly_anything(value):
    chart = chart_of(table_of("T9", "", "", [row("c", "r", "m", value, 1)]))
    assert chart.panels[0].lanes[0].value == (None if math.isnan(value) else 50.0)
    assert chart_of(table_of("T9", "", "", [])) is None


def test_charts_are_drawn_with_words():
    html = section(render([stability_table()], SETTINGS), "T5")
    assert f"<title>{OURS}, 20 images: 0.875</title>" in html
    assert "cosine between runs (no unit)" in html and html.count("<circle") == 4
    assert "what is random" not in html and "beside a rival" not in html
    html = section(render([table_t2()], SETTINGS), "T2")
    assert f"<title>{OURS}, area 2-5 %: 0.610 (0.56 to 0.66)</title>" in html
    # Three rivals in four conditions, ours again beside two; one line of what is random each.
    assert html.count("<circle") == 12 + 8 and html.count('class="random"') == 12


def test_json_holds_no_rows():
    found = to_json([table_t2()], SETTINGS)
    json.dumps(found, allow_nan=False)
    assert set(found) == {"kind", "format_version", "settings", "tables", "targets"}
    assert set(table_t2().rows.columns) == set(COLUMNS)
