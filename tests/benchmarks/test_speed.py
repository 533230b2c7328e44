"""The arithmetic of the speed report on timings made by hand, and its cheapest experiments on hardly any images."""

import json
import math
from functools import partial
from itertools import count

import pytest
import torch
from click.testing import CliRunner
from speed import child, explaining, extraction, fitting, growth, material, memory, passes, report, timing
from speed.__main__ import main
from speed.experiments import EXPERIMENTS
from speed.networks import Case, Light
from speed.rows import AtLeast, AtMost, Row, not_measured
from speed.sizes import QUICK, Sizes
from speed.timing import Stopwatch, Times, interleaved, seconds
from torch import nn

TIMES = Times(({"fit": 2.0, "forward": 1.0}, {"fit": 9.0, "forward": 3.0}, {"fit": 5.0, "forward": 5.0}))
TINY = Sizes(rounds=1, extracted=16, concepts=2, images=4, pool=8, runs=2, explained=2, scored=2)
CASE = Case("light", "layer", True, lambda: Light().eval())


@pytest.fixture
def clock(monkeypatch):
    """A clock that goes on by one second whenever it is read."""
    ticks = count()
    monkeypatch.setattr(timing.time, "perf_counter", lambda: float(next(ticks)))


def test_a_figure_is_the_median_of_the_rounds():
    assert (TIMES.median("fit"), TIMES.median("forward"), len(TIMES)) == (5.0, 3.0, 3)


def test_a_ratio_is_the_median_of_the_rounds_ratios_and_not_the_ratio_of_medians():
    assert TIMES.ratio("fit", "forward") == 2.0


def test_a_round_can_have_one_thing_more():
    slower = TIMES.joined("slower", lambda one: max(one.values()))
    assert [one["slower"] for one in slower.rounds] == [2.0, 9.0, 5.0]
    assert slower.ratio("slower", "forward") == 2.0


def test_things_are_timed_in_turn(clock):
    done = []
    times = interleaved({name: partial(done.append, name) for name in "ab"}, 3)
    assert done == list("ababab")
    assert times.rounds == ({"a": 1.0, "b": 1.0},) * 3


def test_a_stopwatch_sums_one_method_and_puts_it_back(clock):
    class Owner:
        def work(self, value, *, more):
            return value + more

    method, watch = Owner.work, Stopwatch()
    with pytest.raises(ValueError, match="stop"), watch.on(Owner, "work"):
        assert [Owner().work(1, more=2) for _ in range(3)] == [3, 3, 3]
        raise ValueError("stop")
    assert watch.seconds == 3.0
    assert Owner.work is method


def test_a_clock_sees_what_is_timed(clock):
    assert seconds(lambda: timing.time.perf_counter()) == 2.0


@pytest.mark.parametrize(
    ("target", "value", "verdict"),
    [
        (AtLeast(0.9), 0.9, "yes"),
        (AtLeast(0.9), 0.899, "no"),
        (AtMost(3), 3.0, "yes"),
        (AtMost(3), 3.01, "no"),
        (None, 1.0, ""),
        (AtMost(3), None, ""),
    ],
)
def test_a_target_is_met_at_its_limit(target, value, verdict):
    assert Row("fit", "on", "what", value, "x", target).verdict == verdict


@pytest.mark.parametrize(
    ("value", "figure"),
    [(0.9514, "0.951 x"), (1.234, "1.23 x"), (12.34, "12.3 x"), (20480.4, "20,480 x"), (None, "not measured")],
)
def test_a_figure_has_three_digits(value, figure):
    assert Row("fit", "on", "what", value).figure == figure


def test_a_slope_is_the_power_of_the_size():
    times = Times(tuple({str(size): factor * size**2 for size in (4, 8, 16)} for factor in (1.0, 2.0, 3.0)))
    assert growth.slope([4, 8, 16], times, ["4", "8", "16"]) == pytest.approx(2)


def test_the_report_says_what_was_met_and_why_something_was_not_measured(tmp_path):
    rows = [
        Row("fit", "net | layer", "fit over forward", 1.2, "x", AtMost(1.1), 5),
        Row("fit", "other", "fit over forward", 1.0, "x", AtMost(1.1), 5),
        not_measured("fit", "third", "captum is not installed"),
    ]
    report.write(tmp_path / "new", {"Fit": rows}, {"torch": "2"}, "python -m speed")
    text = (tmp_path / "new" / "speed.md").read_text()
    assert "1 of 2 targets are met." in text
    assert r"| net \| layer | fit over forward | 1.20 x | at most 1.1 | no | 5 |  |" in text
    assert "| third |  | not measured |  |  |  | captum is not installed |" in text
    found = json.loads((tmp_path / "new" / "speed.json").read_text())
    assert [(row["value"], row["met"]) for row in found["rows"]] == [(1.2, False), (1.0, True), (None, None)]
    assert found["environment"] == {"torch": "2"}


class Counted(nn.Module):
    """Two layers that count their calls."""

    def __init__(self):
        super().__init__()
        self.calls = []
        self.first, self.second = nn.Conv2d(3, 4, 1), nn.Linear(4, 2)
        for name in ("first", "second"):
            getattr(self, name).register_forward_hook(lambda *_, name=name: self.calls.append(name))

    def forward(self, inputs):
        return self.second(self.first(inputs).mean(dim=(2, 3)))


def test_the_bare_forward_pass_ends_at_the_layer():
    net = Counted()
    parts = passes.batches(torch.rand(5, 3, 4, 4), 2)
    passes.forward(net, "first", parts)
    assert [len(part) for part in parts] == [2, 2, 1]
    assert net.calls == ["first"] * 3
    assert len(net.first._forward_hooks) == 1


def test_the_yardstick_goes_to_the_logits_and_back_to_the_layer(monkeypatch):
    net, grad, shapes = Counted(), torch.autograd.grad, []

    def seen(*given):
        found = grad(*given)
        shapes.append(tuple(found[0].shape))
        return found

    monkeypatch.setattr(torch.autograd, "grad", seen)
    passes.forward_and_backward(net, "first", passes.batches(torch.rand(3, 3, 4, 5), 2), 1)
    assert net.calls == ["first", "second"] * 2
    assert shapes == [(2, 4, 4, 5), (1, 4, 4, 5)]
    assert all(parameter.grad is None for parameter in net.parameters())


@pytest.mark.parametrize(
    ("measure", "targets"),
    [
        (extraction.of, ["at least 0.95", "at least 0.9"]),
        (fitting.of, []),
        (explaining.explained, ["at most 3"]),
        (explaining.scored, []),
    ],
)
def test_an_experiment_gives_figures_with_their_targets(measure, targets):
    rows = list(measure(CASE, TINY))
    assert all(row.value is not None and math.isfinite(row.value) and row.value > 0 for row in rows)
    assert [str(row.target) for row in rows if row.target is not None] == targets
    assert all(row.rounds == 1 for row in rows)


def test_a_fit_has_its_target_by_network():
    assert fitting.LIMITS == {"vgg19": 1.10, "resnet50": 1.15, "squeezenet": 1.5}


def test_a_child_says_what_memory_it_took(tmp_path):
    with material.photos(12, memory.PICTURE) as files:
        found = [child.run(kind, 12, files[0].parent, tmp_path / "bank") for kind in child.KINDS]
    assert all(0 < one["before_mb"] <= one["peak_mb"] for one in found)
    assert found[0]["bank_mb"] > 0
    assert len({one["bank_mb"] for one in found}) == 1


def test_memory_of_many_images_is_held_against_few():
    peaks = {500: 400.0, 2_000: 600.0, 5_000: 601.0, 20_000: 612.0}
    rest = {"before_mb": 1.0, "seconds": 1.0, "bank_mb": 2.0}
    found = {"fit": {images: {"peak_mb": peak} | rest for images, peak in peaks.items()}}
    judged = {row.case: (row.value, row.verdict) for row in memory.rows(found) if row.target is not None}
    assert judged == {
        "20,000 over 500": (pytest.approx(1.53), "no"),
        "20,000 over 2,000": (pytest.approx(1.02), "yes"),
    }


def test_a_network_that_is_not_there_is_said(monkeypatch, tmp_path):
    monkeypatch.setenv("SACV_REAL_DATA", str(tmp_path))
    for name in ("extraction", "fit", "explain", "score", "paper"):
        (row,) = EXPERIMENTS[name].measure(QUICK)
        assert (row.figure, row.note) == ("not measured", "there is no squeezenet.py in the folder SACV_REAL_DATA")


def test_the_command_writes_the_experiments_that_are_asked_for(monkeypatch, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    done = CliRunner().invoke(main, ["--quick", "--only", "gpu", "--out", str(tmp_path)], catch_exceptions=False)
    assert done.exit_code == 0
    (row,) = json.loads((tmp_path / "speed.json").read_text())["rows"]
    assert (row["experiment"], row["value"], row["note"]) == ("gpu", None, "PyTorch finds no GPU")
