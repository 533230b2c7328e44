"""What holds without captum; captum itself is tested in `test_captum.py`."""

import sys

import pytest
import torch
from torch import nn

from sacv.errors import MissingExtraError, OptionError
from sacv_bench.rivals.captum_tcav import captum_scores

IMAGES = torch.zeros(2, 3, 4, 4)


def test_captum_that_is_not_there_is_asked_for(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "captum.concept", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sacv-bench\[captum\]'"):
        captum_scores(nn.Identity(), "", IMAGES, IMAGES, IMAGES, 0, tmp_path / "new", seed=0)
    assert not (tmp_path / "new").exists()


def test_a_used_folder_is_refused(tmp_path):
    (tmp_path / "old.pkl").touch()
    with pytest.raises(OptionError, match="not empty"):
        captum_scores(nn.Identity(), "", IMAGES, IMAGES, IMAGES, 0, tmp_path, seed=0)
