import numpy as np
import pytest
import torch
from PIL import Image

from reference import composites as reference
from sacv.concepts import Composite, draw_composites, image_set, mask_weights
from sacv.concepts.composites import LONGEST, SHARES, regions, render
from sacv.errors import ImageSetError


def pictures(name, count, size=(40, 32), seed=0):
    rng = np.random.default_rng([seed, *name.encode()])
    return image_set(name, [rng.integers(0, 256, (*size[::-1], 3), dtype=np.uint8) for _ in range(count)]).items


def composite(seed=3, textures=4):
    return Composite(pictures("photo", 1)[0], pictures("texture", textures, (20, 28)), seed)


def test_a_composite_is_painted_as_pixel_by_pixel():
    made = composite()
    rng, placements = np.random.default_rng([made.seed, 1]), []
    for _ in made.textures:
        turns, scale = rng.integers(4), rng.uniform(0.4, 1.0) * 32 / 20
        width, height = (20, 28) if turns % 2 == 0 else (28, 20)
        size = round(width * scale), round(height * scale)
        placements.append((turns, size, (rng.integers(2 * size[1]), rng.integers(2 * size[0]))))
    want = reference.painted(
        made.photo.load(), [texture.load() for texture in made.textures], made.labels(), placements
    )
    np.testing.assert_array_equal(np.asarray(render(made)), want)
    np.testing.assert_array_equal(np.asarray(made.item.load()), want)


def test_the_image_is_untouched_outside_the_regions():
    made = composite()
    outside = made.labels() < 0
    assert 0.4 <= outside.mean() <= 0.8
    np.testing.assert_array_equal(np.asarray(render(made))[outside], np.asarray(made.photo.load())[outside])


def test_the_coverage_is_the_share_of_each_cell():
    labels = composite().labels()
    for number in range(4):
        found = mask_weights(labels == number, (4, 5), None)
        np.testing.assert_allclose(found, reference.coverage(labels, number, (4, 5)), rtol=0, atol=1e-12)


@pytest.mark.parametrize("size", [(64, 48), (37, 90), (8, 8)])
def test_regions_take_their_share_and_share_no_pixel(size):
    labels = regions(size, 4, np.random.default_rng(0))
    assert labels.shape == size[::-1] and set(np.unique(labels)) == {-1, 0, 1, 2, 3}
    slack = 1 / labels.size
    for number in range(4):
        assert SHARES[0] - slack <= (labels == number).mean() <= SHARES[1] + slack


def test_regions_are_smooth():
    """A pixel mostly has the label of its neighbour: far from the shuffled labels, and few pieces."""
    labels = regions((96, 96), 4, np.random.default_rng(1))
    assert (labels[:, 1:] != labels[:, :-1]).mean() < 0.06


def test_the_same_seed_gives_the_same_composite_and_another_seed_another():
    first, again, other = composite(3), composite(3), composite(4)
    assert first.item.digest == again.item.digest != other.item.digest
    np.testing.assert_array_equal(np.asarray(render(first)), np.asarray(render(again)))
    assert (np.asarray(render(first)) != np.asarray(render(other))).any()


def test_the_hash_is_made_of_the_parts():
    made = composite()
    swapped = Composite(made.photo, made.textures[::-1], made.seed)
    elsewhere = Composite(pictures("elsewhere", 1)[0], made.textures, made.seed)
    assert len({made.item.digest, swapped.item.digest, elsewhere.item.digest}) == 3
    assert made.photo.name in made.item.name and made.textures[0].name in made.item.name


def test_a_large_image_is_made_smaller():
    photo = image_set("photo", Image.new("RGB", (3 * LONGEST, 2 * LONGEST))).items[0]
    made = Composite(photo, pictures("texture", 1), 0)
    assert render(made).size == made.labels().shape[::-1] == (LONGEST, round(2 * LONGEST / 3))


def test_tensors_cannot_be_pasted():
    texture = image_set("texture", torch.zeros(3, 8, 8)).items
    with pytest.raises(ImageSetError, match=r"texture is a tensor that is already transformed"):
        render(Composite(pictures("photo", 1)[0], texture, 0))


def test_every_composite_takes_its_textures_from_one_fold_and_concepts_take_turns():
    a, b, other = pictures("a", 6), pictures("b", 6), pictures("other", 8)
    split = [[items[::2], items[1::2]] for items in (a, b, other)]
    found = draw_composites(pictures("photo", 3), split, 7, 0)
    assert len(found) == 7
    for index, placed in enumerate(found):
        assert placed.fold == index % 2 and placed.sets == (0, 1, 2, 2)
        for number, texture in zip(placed.sets, placed.composite.textures, strict=True):
            assert texture in split[number][placed.fold]
    used = [placed.composite.photo.digest for placed in found]
    assert len(set(used[:3])) == 3 and used[:3] == used[3:6]
    again = draw_composites(pictures("photo", 3), split, 7, 0)
    assert [placed.composite.item.digest for placed in found] == [placed.composite.item.digest for placed in again]
    assert len({placed.composite.seed for placed in found}) == 7


def test_a_fold_where_a_set_has_nothing_is_passed_over():
    a, other = pictures("a", 2), pictures("other", 4)
    found = draw_composites(pictures("photo", 2), [[a, ()], [other[:2], other[2:]]], 3, 0)
    assert [placed.fold for placed in found] == [0, 0, 0]
    assert draw_composites(pictures("photo", 2), [[a, ()], [(), other]], 3, 0) == ()
