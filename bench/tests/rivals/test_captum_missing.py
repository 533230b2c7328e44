"""What can be told without captum; its own test is in `tests/zoo/test_captum.py`."""

import sys

import pytest
import torch
from torch import nn

from sacv.bench.rivals.captum_tcav import captum_scores
from sacv.errors import MissingExtraError, OptionError

IMAGES = torch.zeros(2, 3, 4, 4)


def test_captum_that_is_not_there_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.concept", None)
    with pytest.raises(MissingExtraError, match="captum"):
        captum_scores(nn.Identity(), "", IMAGES, IMAGES, IMAGES, 0, tmp_path / "new", seed=0)
    assert not (tmp_path / "new").exists()


def test_a_used_folder_is_refused(tmp_path):
    (tmp_path / "old.pkl").touch()
    with pytest.raises(OptionError, match="not empty"):
        captum_scores(nn.Identity(), "", IMAGES, IMAGES, IMAGES, 0, tmp_path, seed=0)
