import numpy as np
import pytest
import torch

from sacv.cav.image_statistics import STATISTICS, image_statistics


def test_image_statistics_of_plain_images():
    """Brightness is the mean, saturation the range over the channels, edge energy the mean step along a row."""
    grey = torch.full((3, 16, 16), 0.5)
    red = torch.zeros(3, 16, 16)
    red[0] = 0.9
    stripes = torch.zeros(3, 16, 16)
    stripes[:, :, ::2] = 1.0
    assert STATISTICS == ("brightness", "saturation", "edge energy")
    found = image_statistics(torch.stack([grey, red, stripes]))
    assert found.dtype == np.float64
    np.testing.assert_allclose(found[0], [0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(found[1], [0.3, 0.9, 0], atol=1e-6)
    assert found[2, 1:] == pytest.approx([0, 1])


def test_image_statistics_of_an_image_do_not_depend_on_the_others():
    images = torch.randn(5, 3, 11, 13)
    np.testing.assert_allclose(image_statistics(images)[2], image_statistics(images[2:3])[0], rtol=0, atol=1e-7)


def test_image_statistics_take_other_sizes_and_dtypes():
    assert image_statistics(torch.randn(2, 1, 5, 5, dtype=torch.float64)).shape == (2, 3)
    assert image_statistics(torch.randn(2, 4, 32)).shape == (2, 3)
    assert np.isfinite(image_statistics(torch.rand(2, 3, 8, 8).half())).all()
