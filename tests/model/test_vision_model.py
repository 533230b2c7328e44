import pytest
import torch
from torch import nn

from sacv import VisionModel
from sacv.errors import OptionError


@pytest.mark.parametrize(("device", "fastest"), [("cpu", 8), ("meta", 32)])
def test_a_processor_gets_smaller_batches_than_an_accelerator(device, fastest):
    model = VisionModel(nn.Conv2d(3, 4, 1, device=torch.device(device)))
    assert model.batch_size(None) == fastest
    assert model.batch_size(3) == 3


def test_a_batch_has_an_image():
    with pytest.raises(OptionError, match="batch_size must be at least 1, not 0"):
        VisionModel(nn.Flatten()).batch_size(0)
