import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sacv_bench.intervals import bootstrap
from sacv_bench.tables import COLUMNS, averages, row, table_of

RECORDS = st.lists(
    st.tuples(
        st.sampled_from(["small", "large"]),
        st.sampled_from(["ours", "theirs", "random"]),
        st.sampled_from(["AUROC", "pointing"]),
        st.integers(0, 4),
        st.sampled_from([0.0, 0.25, 1.0, -3.0]),
        st.sampled_from([0.5, 0.1, math.nan]),
    ),
    min_size=1,
    max_size=40,
)


@settings(max_examples=40, deadline=None)
@given(RECORDS, st.integers(0, 9))
def test_averages_are_those_of_each_cell(records, seed):
    columns = ["condition", "rival", "metric", "image", "value", "random"]
    found = averages(pd.DataFrame(records, columns=columns), seed)
    cells = list(dict.fromkeys(record[:3] for record in records))
    assert [tuple(cell) for cell in found[["condition", "rival", "metric"]].to_numpy()] == cells
    assert tuple(found.columns) == COLUMNS
    for cell, line in zip(cells, found.to_dict(orient="records"), strict=True):
        mine = [record for record in records if record[:3] == cell]
        values = [record[4] for record in mine]
        assert line["value"] == pytest.approx(sum(values) / len(values), abs=1e-12)
        assert line["count"] == len({record[3] for record in mine})
        randoms = [record[5] for record in mine if not math.isnan(record[5])]
        assert line["random"] == pytest.approx(sum(randoms) / len(randoms) if randoms else math.nan, nan_ok=True)
        interval = bootstrap(np.array(values), np.array([record[3] for record in mine]), seed)
        assert (line["low"], line["high"]) == pytest.approx(interval, nan_ok=True)


def test_images_are_the_unit_of_the_interval():
    records = [("c", "r", "m", index // 10, float(index // 10), 0.5) for index in range(40)]
    columns = ["condition", "rival", "metric", "image", "value", "random"]
    clustered = averages(pd.DataFrame(records, columns=columns), 0)
    apart = averages(pd.DataFrame(records, columns=columns).assign(image=range(40)), 0)
    widths = [float(found["high"].iloc[0] - found["low"].iloc[0]) for found in (clustered, apart)]
    assert clustered["count"].iloc[0] == 4 and apart["count"].iloc[0] == 40
    # Ten values of an image are one: the interval is as wide as of a tenth of the values.
    assert widths[0] > 2 * widths[1]


def test_a_value_that_is_missing_is_left_out():
    columns = ["condition", "rival", "metric", "image", "value", "random"]
    records = [("c", "r", "m", 0, 1.0, 0.5), ("c", "r", "m", 1, math.nan, 0.5), ("c", "r", "m", 2, 2.0, 0.5)]
    found = averages(pd.DataFrame(records, columns=columns), 0)
    assert found["value"].tolist() == [1.5]
    assert (found["low"].iloc[0], found["high"].iloc[0]) == (1.0, 2.0)


def test_what_has_no_value_at_all_is_none():
    columns = ["condition", "rival", "metric", "image", "value", "random"]
    found = averages(pd.DataFrame([("c", "r", "m", image, math.nan, 0.5) for image in range(3)], columns=columns), 0)
    assert math.isnan(found["value"].iloc[0]) and math.isnan(found["low"].iloc[0])


def test_wide():
    table = table_of(
        "T9",
        "What?",
        "So.",
        [
            row("small", "z", "AUROC", 0.91234, 5, (0.9, 0.925)),
            row("small", "a", "AUROC", 0.5, 5),
            row("small", "z", "pointing", math.nan, 5),
            row("large", "z", "AUROC", -0.25, 5, (-0.5, 0.0)),
            row("large", "z", "energy", 1.0, 5, random=0.5),
        ],
    )
    wide = table.wide()
    assert wide.columns.tolist() == ["condition", "rival", "AUROC", "pointing", "energy"]
    # In the order of the rows, not of the alphabet.
    assert wide.to_numpy().tolist() == [
        ["small", "z", "0.912 [0.90, 0.93]", "none", ""],
        ["small", "a", "0.500", "", ""],
        ["large", "z", "-0.250 [-0.50, 0.00]", "", "1.000"],
    ]


def test_rows_have_the_columns_of_a_table():
    table = table_of("T9", "What?", "So.", [row("c", "r", "m", 0.5, 7, (0.4, 0.6), 0.1)])
    assert tuple(table.rows.columns) == COLUMNS
    assert table.rows.iloc[0].to_dict() == {
        "condition": "c", "rival": "r", "metric": "m", "value": 0.5, "low": 0.4, "high": 0.6, "random": 0.1, "count": 7,
    }  # fmt: skip
    assert tuple(table_of("T9", "What?", "So.", []).rows.columns) == COLUMNS
