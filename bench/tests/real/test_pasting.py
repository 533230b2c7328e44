import numpy as np
import pytest
from PIL import Image

from sacv_bench.real.pasting import SIDE, CutOut, cut_out, disc, paste

BLUE, ORANGE = (10, 20, 200), (250, 140, 0)


def plain(colour, size=(90, 60)):
    return Image.new("RGB", size, colour)


def ellipse():
    rows, columns = np.mgrid[0:60, 0:90]
    return ((rows - 30) / 20) ** 2 + ((columns - 40) / 30) ** 2 <= 1


def test_a_thing_is_cut_to_its_edges():
    found = cut_out(plain(ORANGE), ellipse())
    assert found.mask.sum() == ellipse().sum() and found.mask.shape == (41, 61)
    assert found.mask.any(axis=0).all() and found.mask.any(axis=1).all()
    assert (found.colours == ORANGE).all() and found.colours.shape == (41, 61, 3)


@pytest.mark.parametrize("area", [0.02, 0.05, 0.1, 0.2, 0.4])
@pytest.mark.parametrize("thing", [cut_out(plain(ORANGE), ellipse()), disc(plain(ORANGE))])
def test_the_area_is_the_requested_one(area, thing):
    for seed in range(5):
        made = paste(plain(BLUE), thing, area, np.random.default_rng(seed))
        assert made.mask.mean() == pytest.approx(area, rel=0.04)
        assert made.image.size == made.without.size == (SIDE, SIDE)
        pixels, before = np.asarray(made.image), np.asarray(made.without)
        assert (pixels[made.mask] == ORANGE).all() and (before == BLUE).all()
        assert (pixels[~made.mask] == before[~made.mask]).all()


def test_places_are_drawn():
    thing = cut_out(plain(ORANGE), ellipse())
    found = {paste(plain(BLUE), thing, 0.05, np.random.default_rng(seed)).mask.tobytes() for seed in range(6)}
    assert len(found) == 6


def test_what_does_not_fit_is_as_large_as_it_may():
    bar = CutOut(np.full((10, 200, 3), ORANGE, np.uint8), np.ones((10, 200), bool))
    made = paste(plain(BLUE), bar, 0.4, np.random.default_rng(0))
    assert made.mask.any(axis=0).all() and made.mask.mean() == pytest.approx(11 / SIDE)


def test_a_disc_is_round():
    found = disc(plain(ORANGE, (90, 60)))
    assert found.mask.shape == (60, 60) and found.mask.mean() == pytest.approx(np.pi / 4, rel=0.01)
    assert found.mask[30, 0] and not found.mask[0, 0]
