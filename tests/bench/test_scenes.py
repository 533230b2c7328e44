from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.ndimage import binary_dilation

from sacv.bench.scenes import (
    OUTLINE,
    SHAPES,
    SIZE,
    SceneSpec,
    random_spec,
    render,
    write_guidance,
    write_scenes,
)
from sacv.bench.textures import TEXTURES, texture
from sacv.errors import OptionError

SPEC = SceneSpec(
    shape="disc",
    object_texture="striped",
    background_texture="blotchy",
    area=0.15,
    angle=0.3,
    place=(0.4, 0.6),
    object_seed=3,
    background_seed=4,
)

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize("name", TEXTURES)
@pytest.mark.parametrize("size", [32, 128, 200])
def test_a_texture_is_determined_by_its_seed(name: str, size: int) -> None:
    first = texture(name, size, np.random.default_rng(7))
    assert first.shape == (size, size, 3)
    assert first.dtype == np.uint8
    assert np.array_equal(first, texture(name, size, np.random.default_rng(7)))
    assert not np.array_equal(first, texture(name, size, np.random.default_rng(8)))


def test_the_five_classes_are_there() -> None:
    assert TEXTURES[:5] == ("striped", "dotted", "chequered", "blotchy", "plain")


@pytest.mark.parametrize("seed", range(5))
def test_every_texture_differs_from_every_other_at_equal_seeds(seed: int) -> None:
    made = [texture(name, SIZE, np.random.default_rng(seed)).astype(float) for name in TEXTURES]
    for index, one in enumerate(made):
        for other in made[index + 1 :]:
            # a tenth of the pixels differ by far more than the grain, whose standard deviation is 5 levels
            assert (np.abs(one - other).max(axis=2) > 30).mean() > 0.1


@pytest.mark.parametrize("name", [name for name in TEXTURES if name != "plain"])
@pytest.mark.parametrize("seed", range(5))
def test_both_colours_of_a_pattern_can_be_told_apart(name: str, seed: int) -> None:
    pixels = texture(name, SIZE, np.random.default_rng(seed)).reshape(-1, 3).astype(float)
    plain = texture("plain", SIZE, np.random.default_rng(seed)).reshape(-1, 3).astype(float)
    # the spread along the direction of most variance: a pattern of two colours against bare grain
    assert np.linalg.norm(pixels.std(axis=0)) > 2 * np.linalg.norm(plain.std(axis=0))


def test_stripes_vary_along_one_direction_only() -> None:
    """The spectrum of stripes lies on one line through the origin; that of a chequered square does not."""

    def share_on_the_main_line(name: str, seed: int) -> float:
        pixels = texture(name, SIZE, np.random.default_rng(seed)).reshape(-1, 3).astype(float)
        pixels -= pixels.mean(axis=0)
        grey = (pixels @ np.linalg.svd(pixels, full_matrices=False)[2][0]).reshape(SIZE, SIZE)
        window = np.hanning(SIZE)
        power = np.abs(np.fft.fftshift(np.fft.fft2(grey * np.outer(window, window)))) ** 2
        rows, columns = np.mgrid[:SIZE, :SIZE] - SIZE // 2
        peak = np.unravel_index(power.argmax(), power.shape)
        direction = np.array([rows[peak], columns[peak]]) / np.hypot(rows[peak], columns[peak])
        off_line = np.abs(rows * direction[1] - columns * direction[0])
        return float(power[off_line <= 3].sum() / power.sum())

    for seed in range(10):
        assert share_on_the_main_line("striped", seed) > 0.9
        assert share_on_the_main_line("chequered", seed) < 0.6


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_a_scene_is_determined_by_its_spec_and_the_spec_by_its_seed(seed: int) -> None:
    spec = random_spec(np.random.default_rng(seed))
    assert spec == random_spec(np.random.default_rng(seed))
    one, two = render(spec), render(spec)
    assert one.spec == spec
    assert one.image.shape == (SIZE, SIZE, 3)
    assert one.image.dtype == np.uint8
    assert one.mask.dtype == bool
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.mask, two.mask)


@pytest.mark.parametrize("size", [128, 224])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("area", [0.02, 0.05, 0.1, 0.2, 0.4])
def test_the_mask_has_the_area_asked_for(shape: str, area: float, size: int) -> None:
    for angle in np.linspace(0, 3, 7):
        mask = render(replace(SPEC, shape=shape, area=area, angle=float(angle)), size).mask
        # the pixels that the edge crosses belong to the mask: less than a pixel all along it
        edge = np.sqrt(12 * area) / size
        assert abs(mask.mean() - area) < 0.03 * area + edge


@settings(max_examples=25, deadline=None)
@given(seed=seeds, texture_name=st.sampled_from(TEXTURES))
def test_another_object_texture_changes_pixels_within_the_mask_only(seed: int, texture_name: str) -> None:
    spec = random_spec(np.random.default_rng(seed))
    before, after = render(spec), render(replace(spec, object_texture=texture_name))
    changed = (before.image != after.image).any(axis=2)
    assert np.array_equal(before.mask, after.mask)
    assert not changed[~before.mask].any()
    assert changed.any() == (texture_name != spec.object_texture)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, texture_name=st.sampled_from(TEXTURES))
def test_another_background_changes_pixels_outside_the_object_only(seed: int, texture_name: str) -> None:
    spec = random_spec(np.random.default_rng(seed))
    before, after = render(spec), render(replace(spec, background_texture=texture_name))
    changed = (before.image != after.image).any(axis=2)
    line = binary_dilation(before.mask, iterations=round(SIZE * OUTLINE))
    assert np.array_equal(before.mask, after.mask)
    assert not changed[line].any()
    assert changed.any() == (texture_name != spec.background_texture)


@pytest.mark.parametrize("object_seed", [2, 3])
def test_an_outline_parts_the_object_from_a_background_of_the_same_texture(object_seed: int) -> None:
    spec = replace(SPEC, background_texture="striped", object_seed=object_seed, background_seed=object_seed)
    scene = render(spec)
    ring = binary_dilation(scene.mask) & ~scene.mask
    assert ring.any()
    assert len(np.unique(scene.image[ring].reshape(-1, 3), axis=0)) == 1


def test_random_specs_keep_to_what_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    specs = [
        random_spec(rng, object_textures=["striped"], background_textures=["plain", "noise"], area=(0.1, 0.2))
        for _ in range(100)
    ]
    assert {spec.object_texture for spec in specs} == {"striped"}
    assert {spec.background_texture for spec in specs} == {"plain", "noise"}
    assert {spec.shape for spec in specs} == set(SHAPES)
    assert all(0.1 <= spec.area <= 0.2 for spec in specs)


def test_any_texture_can_stand_behind_any_object() -> None:
    rng = np.random.default_rng(0)
    seen = {(spec.object_texture, spec.background_texture) for spec in (random_spec(rng) for _ in range(1000))}
    assert seen == {(front, behind) for front in TEXTURES[:5] for behind in TEXTURES}


@pytest.mark.parametrize("field", ["shape", "object_texture", "background_texture"])
def test_an_unknown_name_is_refused_with_the_legal_ones(field: str) -> None:
    with pytest.raises(OptionError) as caught:
        replace(SPEC, **{field: "tartan"})
    message = str(caught.value)
    assert "'tartan'" in message
    for name in SHAPES if field == "shape" else TEXTURES:
        assert name in message


def test_an_unknown_texture_is_refused_with_the_legal_ones(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"'tartan'.*striped, dotted, chequered, blotchy, plain"):
        texture("tartan", 32, np.random.default_rng(0))
    with pytest.raises(OptionError, match=r"'tartan'.*striped, dotted, chequered, blotchy, plain"):
        write_guidance(tmp_path / "tartan", "tartan", 1, seed=0)
    assert not (tmp_path / "tartan").exists()


@pytest.mark.parametrize("area", [-0.1, 0.0, 0.51, float("nan")])
def test_an_area_outside_the_legal_range_is_refused(area: float) -> None:
    with pytest.raises(OptionError, match="area"):
        replace(SPEC, area=area)


def test_guidance_is_written_as_pictures_that_all_differ(tmp_path: Path) -> None:
    write_guidance(tmp_path / "a", "striped", 4, seed=1, size=48)
    write_guidance(tmp_path / "b", "striped", 4, seed=1, size=48)
    write_guidance(tmp_path / "c", "striped", 4, seed=2, size=48)
    read = {name: [np.asarray(Image.open(path)) for path in sorted((tmp_path / name).glob("*.png"))] for name in "abc"}
    assert [picture.shape for picture in read["a"]] == [(48, 48, 3)] * 4
    assert all(np.array_equal(one, two) for one, two in zip(read["a"], read["b"], strict=True))
    assert len({picture.tobytes() for picture in read["a"] + read["c"]}) == 8


def test_scenes_are_written_with_masks_of_the_same_names(tmp_path: Path) -> None:
    scenes = [render(random_spec(np.random.default_rng(index))) for index in range(3)]
    paths = write_scenes(tmp_path / "pictures", tmp_path / "masks", scenes)
    assert [path.name for path in paths] == sorted(path.name for path in (tmp_path / "masks").iterdir())
    for path, scene in zip(paths, scenes, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), scene.image)
        assert np.array_equal(np.asarray(Image.open(tmp_path / "masks" / path.name)) > 127, scene.mask)
        assert scene.spec.object_texture in path.name
