import numpy as np
import pytest
import torch
from PIL import Image

import sacv
from sacv.errors import OptionError


def test_plain_resize_and_normalisation():
    picture = Image.new("RGB", (30, 20), (255, 0, 51))
    found = sacv.ImageTransform(resize=(8, 6))(picture)
    assert found.shape == (3, 8, 6)
    want = (np.array([1, 0, 0.2]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
    np.testing.assert_allclose(found[:, 3, 3], want, rtol=1e-5)


@pytest.mark.parametrize(
    ("transform", "region"),
    [
        (sacv.ImageTransform((8, 8)), (0, 0, 40, 20)),
        (sacv.ImageTransform(10, 8), (12, 2, 28, 18)),
        (sacv.ImageTransform((10, 10), 8), (4, 2, 36, 18)),
    ],
)
def test_region_is_what_the_network_sees(transform, region):
    assert transform.region((40, 20)) == pytest.approx(region)
    # An image that is white inside the region only comes out white; at its border the resizing looks past it by less
    # than half a pixel of the input, so that a region off by one would fall below 0.5.
    array = np.zeros((20, 40, 3), np.uint8)
    left, top, right, bottom = (int(value) for value in region)
    array[top:bottom, left:right] = 255
    plain = sacv.ImageTransform(transform.resize, transform.crop, mean=(0, 0, 0), std=(1, 1, 1))
    found = plain(Image.fromarray(array))
    assert found.min() > 0.7
    assert torch.equal(found[:, 1:-1, 1:-1], torch.ones_like(found[:, 1:-1, 1:-1]))


def test_a_size_that_would_vary_is_refused():
    with pytest.raises(OptionError, match="give crop as well"):
        sacv.ImageTransform(224)
    with pytest.raises(OptionError, match="crop <= resize"):
        sacv.ImageTransform(224, 256)


def test_json_round_trip():
    for transform in (sacv.ImageTransform(), sacv.ImageTransform(256, 224)):
        assert sacv.ImageTransform.from_json(transform.to_json()) == transform


def test_inputs_of_different_sizes_are_named(small_model):
    with pytest.raises(OptionError, match="different shapes"):
        small_model.inputs([torch.rand(3, 4, 4), torch.rand(3, 5, 4)])
