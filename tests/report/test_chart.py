"""Places and ticks of charts, by what must hold of them."""

from hypothesis import given
from hypothesis import strategies as some

from sacv.report.chart import MINUS, Axis, Chart, Lane, Panel, figure_text

numbers = some.floats(-1e6, 1e6, allow_nan=False).filter(lambda value: value == 0 or abs(value) > 1e-6)


@given(some.lists(numbers, min_size=1), numbers)
def test_an_axis_holds_all_values_in_their_order_around_its_centre(values, centre):
    axis = Axis.around(values, centre)
    positions = [axis.position(value) for value in sorted(values)]
    assert all(0 <= position <= 100 for position in positions) and positions == sorted(positions)
    assert axis.position(centre) == 50


@given(some.lists(numbers, min_size=1))
def test_ticks_stand_at_the_values_they_name(values):
    axis = Axis.around(values, 0.0)
    ticks = axis.ticks()
    assert len(ticks) >= 1
    for position, text in ticks:
        value = float(text.replace(MINUS, "-"))
        assert abs(axis.position(value) - position) < 0.1


def test_what_is_no_number_has_no_place():
    axis = Axis.around([float("nan")], 0.5)
    assert axis.position(float("nan")) is None and (axis.low, axis.high) == (-0.5, 1.5)
    assert figure_text(float("nan")) == "none"
    assert figure_text(-1.0, -2.0, 0.5) == f"{MINUS}1, 95 % interval {MINUS}2 to 0.5"


def test_panels_grow_with_their_lanes_and_long_names_are_cut():
    lane = Lane("a" * 40, "all of it", 50.0)
    few, many = (Chart("n", "t", "x", (Panel("p", (lane,) * count, ()),)).drawn[0] for count in (1, 5))
    assert many.height - few.height == 4 * 26 and many.y(4) < many.bottom < many.height
    assert len(lane.short) == 16 and Lane("short", "", None).short == "short"
    assert few.x(0) == few.left and few.x(100) == few.end
