"""The mark of a target: the same for the same target, another for any other."""

import subprocess
import sys
from copy import deepcopy
from functools import partial
from pathlib import Path

import numpy as np
import torch

from sacv.model import OutputTarget, target_identity

SCALE = 2.0


def scaled(output):
    return output.mean(dim=1) * SCALE


def called(output):
    return scaled(output) + 1


def to_itself(output, depth=0):
    return to_itself(output, depth + 1) if depth < 2 else output


def closing_over(value):
    return lambda output: output[:, 0] * value


def test_another_target_has_another_mark(monkeypatch):
    probe = torch.nn.Linear(3, 1)
    other = deepcopy(probe)
    with torch.no_grad():
        other.weight[0, 0] += 1
    long = torch.zeros(5000)
    changed = long.clone()
    changed[2500] = 1
    targets = [
        0,
        1,
        "0",
        "predicted",
        partial(torch.select, dim=1, index=0),
        partial(torch.select, dim=1, index=1),
        OutputTarget(lambda output: output[:, 0]),
        OutputTarget(lambda output: output[:, 1]),
        closing_over(1.0),
        closing_over(2.0),
        closing_over(probe),
        closing_over(other),
        closing_over(long),
        closing_over(changed),
        closing_over(np.zeros(5000)),
        partial(torch.add, long),
        partial(torch.add, changed),
        to_itself,
    ]
    marks = [target_identity(target) for target in targets]
    assert len(set(marks)) == len(targets)
    assert marks[10] == target_identity(closing_over(deepcopy(probe)))
    before = target_identity(called)
    monkeypatch.setattr(sys.modules[__name__], "SCALE", 3.0)
    assert target_identity(called) != before, "what a function reads of its module matters, also by another"


def test_the_identity_is_the_same_in_another_process():
    code = "from model.test_target_key import *\nfor one in portable(): print(target_identity(one))"
    path = f"{Path(__file__).parents[1]}:{Path(sys.modules['sacv'].__file__).parents[1]}"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": path})
    assert run.stdout.splitlines() == [target_identity(one) for one in portable()], run.stderr


def portable():
    return [called, to_itself, closing_over(torch.ones(3)), partial(scaled), torch.sum, "cat", 3]
