import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.colors import rgb_to_hsv
from PIL import Image
from scipy.ndimage import binary_dilation, distance_transform_cdt

from sacv.errors import OptionError
from sacv.synthetic.scenes import (
    OUTLINE,
    SHAPES,
    SIZE,
    Element,
    SceneSpec,
    apart,
    random_spec,
    render,
    write_scenes,
    write_textures,
)
from sacv.synthetic.textures import COLOURS, FIRST_TEXTURES, TEXTURES, texture

DISC = Element(shape="disc", texture="striped", area=0.15, angle=0.3, position=(0.4, 0.6), seed=3)
SPEC = SceneSpec((DISC,), background="blotchy", seed=4)
WITHOUT_PERIOD = ("plain", "noise", "cloudy", "shaded")
DEGREES = {"red": 0, "yellow": 60, "green": 120, "blue": 240}

BACKGROUND, LINE = -1, -2

seeds = st.integers(0, 2**32 - 1)


def several(seed: int) -> SceneSpec:
    """Draw a scene of one to four elements that may hide each other, some in a colour, in any style."""
    rng = np.random.default_rng(seed)
    count = rng.integers(1, 5)
    drawn = [random_spec(rng, object_textures=TEXTURES, background_textures=TEXTURES) for _ in range(count)]
    elements = tuple(
        replace(spec.elements[0], colour=[None, *COLOURS][rng.integers(5)] if rng.integers(2) else None)
        for spec in drawn
    )
    outline, scale = [0.0, OUTLINE, 0.05][rng.integers(3)], [1.0, 0.6][rng.integers(2)]
    return replace(drawn[0], elements=elements, outline=outline, scale=scale, contrast=[0.35, 0.55][rng.integers(2)])


def paint(spec: SceneSpec, name: str, seed: int, colour: str | None = None) -> np.ndarray:
    """Paint a full square of a texture as a scene has it."""
    rng = np.random.default_rng(seed)
    return texture(name, SIZE, rng, colour=colour, scale=spec.scale, contrast=spec.contrast)


def alone(element: Element) -> np.ndarray:
    return render(SceneSpec((element,), "plain", 0, outline=0.0)).masks[0]


def with_line(mask: np.ndarray, outline: float) -> np.ndarray:
    """Give a mask and what its outline covers: all within the width of it, by city blocks."""
    if outline == 0:
        return mask
    return distance_transform_cdt(~mask, metric="taxicab") <= max(round(SIZE * outline), 1)


def owners(spec: SceneSpec) -> np.ndarray:
    """Tell what is seen at each pixel, the slow way: the number of an element, BACKGROUND or LINE."""
    seen = np.full((SIZE, SIZE), BACKGROUND)
    for number, element in enumerate(spec.elements):
        mask = alone(element)
        seen[with_line(mask, spec.outline)] = LINE
        seen[mask] = number
    return seen


def differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    return (one != other).any(axis=2)


def along_the_colours(image: np.ndarray) -> np.ndarray:
    """Give the picture in grey, along the direction in which its colours vary most."""
    pixels = image.reshape(-1, 3).astype(float)
    pixels -= pixels.mean(axis=0)
    return (pixels @ np.linalg.eigh(pixels.T @ pixels)[1][:, -1]).reshape(image.shape[:2])


def spectrum(grey: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Give the power of a picture at its frequencies, in periods a side, and these frequencies."""
    size = len(grey)
    window = np.hanning(size)
    power = np.abs(np.fft.fftshift(np.fft.fft2(grey * np.outer(window, window)))) ** 2
    rows, columns = np.mgrid[:size, :size] - size // 2
    return power, rows, columns


# Textures


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
    assert FIRST_TEXTURES == (*TEXTURES[:5], "noise")


@pytest.mark.parametrize("seed", range(5))
def test_every_texture_differs_from_every_other_at_equal_seeds(seed: int) -> None:
    made = [texture(name, SIZE, np.random.default_rng(seed)).astype(float) for name in TEXTURES]
    for one, other in itertools.combinations(made, 2):
        # a tenth of the pixels differ by far more than the grain, whose standard deviation is 5 levels
        assert (np.abs(one - other).max(axis=2) > 30).mean() > 0.1


@pytest.mark.parametrize("name", [name for name in TEXTURES if name != "plain"])
@pytest.mark.parametrize("colour", [None, "blue"])
@pytest.mark.parametrize("seed", range(5))
def test_both_colours_of_a_pattern_can_be_told_apart(name: str, colour: str | None, seed: int) -> None:
    pixels, plain = (
        texture(made, SIZE, np.random.default_rng(seed), colour=colour).reshape(-1, 3).astype(float)
        for made in (name, "plain")
    )
    # the spread along the direction of most variance: a pattern of two colours against bare grain
    assert np.linalg.norm(pixels.std(axis=0)) > 2 * np.linalg.norm(plain.std(axis=0))


def test_stripes_vary_along_one_direction_only() -> None:
    """The spectrum of stripes lies on one line through the origin; that of a chequered square does not."""

    def share_on_the_main_line(name: str, seed: int) -> float:
        power, rows, columns = spectrum(along_the_colours(texture(name, SIZE, np.random.default_rng(seed))))
        peak = np.unravel_index(power.argmax(), power.shape)
        direction = np.array([rows[peak], columns[peak]]) / np.hypot(rows[peak], columns[peak])
        off_line = np.abs(rows * direction[1] - columns * direction[0])
        return float(power[off_line <= 3].sum() / power.sum())

    for seed in range(10):
        assert share_on_the_main_line("striped", seed) > 0.9
        assert share_on_the_main_line("chequered", seed) < 0.6


@pytest.mark.parametrize("colour", COLOURS)
@pytest.mark.parametrize("name", TEXTURES)
def test_a_texture_in_a_colour_has_its_hue_everywhere(name: str, colour: str) -> None:
    made = [texture(name, 48, np.random.default_rng(seed), colour=colour) for seed in range(8)]
    hue, saturation, _ = rgb_to_hsv(np.array(made) / 255).T
    away = np.abs((hue * 360 - DEGREES[colour] + 180) % 360 - 180)
    # two shades within 15 degrees, and what grain and rounding add where a channel ends at 0 or 1
    assert away.max() < 15 + 5
    assert saturation.min() > 0.2


def test_a_texture_without_a_colour_has_any_hue() -> None:
    hues = [rgb_to_hsv(texture("plain", 8, np.random.default_rng(seed)) / 255)[..., 0].mean() for seed in range(200)]
    assert (np.histogram(hues, bins=6, range=(0, 1))[0] > 0).all()


@pytest.mark.parametrize("seed", range(10))
def test_half_the_scale_halves_the_period_of_stripes(seed: int) -> None:
    size = 256

    def periods_a_side(scale: float) -> float:
        made = texture("striped", size, np.random.default_rng(seed), scale=scale)
        power, rows, columns = spectrum(along_the_colours(made))
        peak = np.unravel_index(power.argmax(), power.shape)
        return float(np.hypot(rows[peak], columns[peak]))

    whole, half = periods_a_side(1.0), periods_a_side(0.5)
    # the peak is found to half a step along either axis
    assert 1 / 0.14 - 0.8 < whole < 1 / 0.06 + 0.8
    assert abs(half - 2 * whole) < 3 * 0.8


@pytest.mark.parametrize("name", [name for name in TEXTURES if name not in WITHOUT_PERIOD])
def test_half_the_scale_doubles_the_edges_of_a_pattern(name: str) -> None:
    """All edges are as sharp, so that the sum of the steps from pixel to pixel goes with their length."""

    def steps(scale: float) -> float:
        made = [along_the_colours(texture(name, SIZE, np.random.default_rng(seed), scale=scale)) for seed in range(12)]
        found = np.abs(np.diff(made, axis=1))
        return float(found[found > 30].sum())  # those of the grain are smaller

    # not exactly: half edges of two pixels are lost below 30, and large cells have part of their edges outside
    assert 1.6 < steps(0.5) / steps(1.0) < 2.7


@pytest.mark.parametrize("name", WITHOUT_PERIOD)
def test_scale_leaves_a_texture_without_a_period_as_it_is(name: str) -> None:
    one, other = (texture(name, 64, np.random.default_rng(2), scale=scale) for scale in (1.0, 0.5))
    assert np.array_equal(one, other)


@pytest.mark.parametrize("scale", [0.0, -1.0])
def test_a_scale_outside_its_range_is_refused(scale: float) -> None:
    with pytest.raises(OptionError, match=rf"scale must be above 0 and at most 4, not {scale}"):
        texture("striped", 32, np.random.default_rng(0), scale=scale)


@pytest.mark.parametrize("colour", [None, "yellow"])
@pytest.mark.parametrize("contrast", [0.35, 0.55, 0.7])
def test_the_two_colours_are_at_least_the_contrast_apart(contrast: float, colour: str | None) -> None:
    apart = []
    for seed in range(30):
        made = texture("chequered", 64, np.random.default_rng(seed), colour=colour, contrast=contrast)
        low, high = np.percentile(along_the_colours(made), [20, 80]) / 255
        apart.append(high - low)
    # less what grain loses where a channel ends at 0 or 1; one of thirty comes near
    assert contrast - 0.05 < min(apart) < contrast + 0.1


@pytest.mark.parametrize("contrast", [-0.1, 0.71, float("nan")])
def test_a_contrast_that_cannot_be_had_is_refused(contrast: float) -> None:
    with pytest.raises(OptionError, match=rf"contrast must be from 0 to 0\.7, not {contrast}"):
        texture("striped", 32, np.random.default_rng(0), contrast=contrast)


# Scenes of one element


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_a_scene_is_determined_by_its_spec_and_the_spec_by_its_seed(seed: int) -> None:
    spec = random_spec(np.random.default_rng(seed))
    assert spec == random_spec(np.random.default_rng(seed))
    one, two = render(spec), render(spec)
    assert one.spec == spec
    assert one.image.shape == (SIZE, SIZE, 3)
    assert one.image.dtype == np.uint8
    assert one.masks.shape == (1, SIZE, SIZE)
    assert one.masks.dtype == one.mask.dtype == bool
    assert np.array_equal(one.image, two.image)
    assert np.array_equal(one.masks, two.masks)


@pytest.mark.parametrize("size", [128, 224])
@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("area", [0.02, 0.05, 0.1, 0.2, 0.4])
def test_the_mask_has_the_area_asked_for(shape: str, area: float, size: int) -> None:
    for angle in np.linspace(0, 3, 7):
        element = replace(DISC, shape=shape, area=area, angle=float(angle), texture="plain")
        mask = render(SceneSpec((element,), "plain", 0, outline=0.0), size).mask
        # the pixels that the edge crosses belong to the mask: less than a pixel all along it
        edge = np.sqrt(12 * area) / size
        assert abs(mask.mean() - area) < 0.03 * area + edge


@settings(max_examples=25, deadline=None)
@given(seed=seeds, name=st.sampled_from(TEXTURES))
def test_another_texture_changes_pixels_within_the_mask_only(seed: int, name: str) -> None:
    spec = random_spec(np.random.default_rng(seed))
    before, after = render(spec), render(spec.with_texture(0, name))
    changed = differ(before.image, after.image)
    assert np.array_equal(before.mask, after.mask)
    assert not changed[~before.mask].any()
    assert changed.any() == (name != spec.elements[0].texture)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, name=st.sampled_from(TEXTURES))
def test_another_background_changes_pixels_outside_the_element_only(seed: int, name: str) -> None:
    spec = random_spec(np.random.default_rng(seed))
    before, after = render(spec), render(replace(spec, background=name))
    changed = differ(before.image, after.image)
    line = binary_dilation(before.mask, iterations=round(SIZE * OUTLINE))
    assert np.array_equal(before.mask, after.mask)
    assert not changed[line].any()
    assert changed.any() == (name != spec.background)


@pytest.mark.parametrize(("seed", "level"), [(2, 255), (3, 0)])
def test_an_outline_parts_an_element_from_a_background_of_the_same_texture(seed: int, level: int) -> None:
    scene = render(SceneSpec((replace(DISC, seed=seed),), "striped", seed))
    ring = binary_dilation(scene.mask) & ~scene.mask
    assert ring.any()
    assert (scene.image[ring] == level).all()


@pytest.mark.parametrize(("outline", "width"), [(0.001, 1), (OUTLINE, 2), (0.05, 6)])
def test_an_outline_is_as_wide_as_asked_for_and_at_least_a_pixel(outline: float, width: int) -> None:
    scene, bare = (render(replace(SPEC, outline=drawn)) for drawn in (outline, 0.0))
    assert np.array_equal(differ(scene.image, bare.image), binary_dilation(bare.mask, iterations=width) & ~bare.mask)
    assert np.array_equal(scene.mask, bare.mask)


def test_no_outline_leaves_the_background_up_to_the_element() -> None:
    scene = render(replace(SPEC, outline=0.0))
    behind = texture("blotchy", SIZE, np.random.default_rng(SPEC.seed))
    assert np.array_equal(scene.image[~scene.mask], behind[~scene.mask])


def test_a_scene_without_elements_is_its_background() -> None:
    scene = render(SPEC.without(0))
    assert np.array_equal(scene.image, texture("blotchy", SIZE, np.random.default_rng(SPEC.seed)))
    assert scene.masks.shape == (0, SIZE, SIZE)
    assert not scene.mask.any()
    assert scene.showing("blotchy").all()
    assert not scene.showing("striped").any()


def test_random_specs_keep_to_what_is_asked_for() -> None:
    rng = np.random.default_rng(0)
    specs = [
        random_spec(rng, object_textures=["striped"], background_textures=["plain", "noise"], area=(0.1, 0.2))
        for _ in range(100)
    ]
    elements = [element for spec in specs for element in spec.elements]
    assert len(elements) == 100
    assert {element.texture for element in elements} == {"striped"}
    assert {spec.background for spec in specs} == {"plain", "noise"}
    assert {element.shape for element in elements} == set(SHAPES)
    assert {element.colour for element in elements} == {None}
    assert all(0.1 <= element.area <= 0.2 for element in elements)


def test_any_texture_can_stand_behind_any_element() -> None:
    rng = np.random.default_rng(0)
    seen = {(spec.elements[0].texture, spec.background) for spec in (random_spec(rng) for _ in range(1000))}
    assert seen == {(front, behind) for front in TEXTURES[:5] for behind in FIRST_TEXTURES}


# Scenes of several elements


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_a_scene_is_painted_from_back_to_front(seed: int) -> None:
    spec = several(seed)
    scene, seen = render(spec), owners(spec)
    painted = paint(spec, spec.background, spec.seed)
    for number, element in enumerate(spec.elements):
        filled = paint(spec, element.texture, element.seed, element.colour)
        painted[seen == number] = filled[seen == number]
        assert np.array_equal(scene.masks[number], seen == number)
    line = seen == LINE
    assert np.array_equal(scene.image[~line], painted[~line])
    assert np.isin(scene.image[line], [0, 255]).all()
    assert line.any() == (spec.outline > 0)


@settings(max_examples=25, deadline=None)
@given(seed=seeds)
def test_masks_are_disjoint_and_together_the_mask(seed: int) -> None:
    scene = render(several(seed))
    assert scene.masks.sum(axis=0).max() <= 1
    assert np.array_equal(scene.masks.sum(axis=0) == 1, scene.mask)


@settings(max_examples=25, deadline=None)
@given(seed=seeds, data=st.data())
def test_without_an_element_pixels_change_only_where_it_and_its_outline_were(seed: int, data: st.DataObject) -> None:
    spec = several(seed)
    number = data.draw(st.integers(0, len(spec.elements) - 1))
    before, after = render(spec), render(spec.without(number))
    changed = differ(before.image, after.image)
    covered = with_line(alone(spec.elements[number]), spec.outline)
    assert not changed[~covered].any()
    assert changed.any() or before.masks[number].sum() < 300
    # the others are seen where they were, and where this one hid them
    others = np.delete(before.masks, number, axis=0)
    assert not (others & ~after.masks).any()
    assert not (after.masks & ~others)[:, ~covered].any()


@settings(max_examples=25, deadline=None)
@given(seed=seeds, name=st.sampled_from(TEXTURES), data=st.data())
def test_another_texture_on_one_of_several_changes_what_is_seen_of_it(
    seed: int, name: str, data: st.DataObject
) -> None:
    spec = several(seed)
    number = data.draw(st.integers(0, len(spec.elements) - 1))
    before, after = render(spec), render(spec.with_texture(number, name))
    changed = differ(before.image, after.image)
    assert np.array_equal(before.masks, after.masks)
    assert not changed[~before.masks[number]].any()
    if name == spec.elements[number].texture:
        assert not changed.any()
    else:
        # two patterns may agree on a few pixels
        assert changed.any() or before.masks[number].sum() < 300


def test_with_another_element_the_rest_of_the_spec_stays() -> None:
    back, middle, front = (replace(DISC, seed=seed) for seed in (10, 11, 12))
    spec = SceneSpec((back, middle, front), "noise", 5, outline=0.03, scale=0.7)
    star = replace(DISC, shape="star")
    assert spec.with_element(1, star) == replace(spec, elements=(back, star, front))
    assert spec.with_texture(1, "dotted") == replace(spec, elements=(back, replace(middle, texture="dotted"), front))
    assert spec.without(1) == replace(spec, elements=(back, front))
    assert spec.elements == (back, middle, front)


def test_what_is_wholly_hidden_is_not_there() -> None:
    behind = replace(DISC, texture="dotted", area=0.02, position=(0.5, 0.5), seed=8)
    spec = SceneSpec((behind, replace(DISC, position=(0.5, 0.5))), "blotchy", 4)
    scene = render(spec)
    assert not scene.masks[0].any()
    assert not scene.showing("dotted").any()
    assert np.array_equal(scene.image, render(spec.without(0)).image)
    turned = render(replace(spec, elements=spec.elements[::-1]))
    assert turned.showing("dotted").any()
    assert turned.masks.any(axis=(1, 2)).all()


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_what_shows_a_name_wears_its_texture_or_colour(seed: int) -> None:
    spec = several(seed)
    scene, seen = render(spec), owners(spec)
    assert spec.background not in COLOURS
    for name in (*TEXTURES, *COLOURS):
        wearing = [number for number, one in enumerate(spec.elements) if one.texture == name or one.colour == name]
        expected, shown = np.isin(seen, wearing), scene.showing(name)
        if name == spec.background:
            # an outline may count as the background, on which it lies
            line = seen == LINE
            expected, shown = expected[~line] | (seen == BACKGROUND)[~line], shown[~line]
        assert np.array_equal(expected, shown)


def test_what_shows_is_found_by_texture_by_colour_and_on_the_background() -> None:
    left = Element("square", "striped", 0.05, 0.0, (0.0, 0.5), 1, "red")
    right = Element("square", "dotted", 0.05, 0.0, (1.0, 0.5), 2, "red")
    above = Element("square", "striped", 0.05, 0.0, (0.5, 0.0), 3)
    scene = render(SceneSpec((left, right, above), "dotted", 4, outline=0.0))
    first, second, third = scene.masks
    assert np.array_equal(scene.showing("red"), first | second)
    assert np.array_equal(scene.showing("striped"), first | third)
    assert np.array_equal(scene.showing("dotted"), second | ~scene.mask)
    assert not scene.showing("blue").any()
    assert not scene.showing("plain").any()


@pytest.mark.parametrize("colour", COLOURS)
def test_an_element_wears_its_colour_and_the_background_does_not(colour: str) -> None:
    spec = SceneSpec((replace(DISC, colour=colour),), "noise", 4)
    scene, bare = render(spec), render(SPEC.with_element(0, DISC))
    hue = rgb_to_hsv(scene.image / 255)[..., 0] * 360
    away = np.abs((hue - DEGREES[colour] + 180) % 360 - 180)
    assert (away[scene.mask] < 20).all()
    assert np.array_equal(scene.mask, bare.mask)
    # the background's colours are its own
    behind = differ(scene.image, render(replace(spec, elements=(DISC,))).image)
    assert not behind[~scene.mask].any()
    assert behind[scene.mask].all()


@pytest.mark.parametrize("options", [{"scale": 0.5}, {"contrast": 0.7}])
def test_scale_and_contrast_of_a_scene_are_those_of_all_its_textures(options: dict[str, float]) -> None:
    # seeds whose first two colours are nearer to each other than 0.7
    usual = SceneSpec((replace(DISC, seed=7),), "blotchy", 6)
    spec, before = replace(usual, **options), render(usual)
    scene = render(spec)
    behind = texture("blotchy", SIZE, np.random.default_rng(6), **options)
    front = texture("striped", SIZE, np.random.default_rng(7), **options)
    line = with_line(scene.mask, OUTLINE)
    assert np.array_equal(scene.image[scene.mask], front[scene.mask])
    assert np.array_equal(scene.image[~line], behind[~line])
    assert np.array_equal(scene.mask, before.mask)
    for part in (scene.mask, ~line):
        assert differ(scene.image, before.image)[part].mean() > 0.3


# Elements apart


def distance(first: Element, second: Element) -> int:
    """Give the pixels between the boxes of two masks along the axis where they are furthest apart."""
    found = []
    for axis in (0, 1):
        (low, high), (other_low, other_high) = (
            (places.min(), places.max()) for places in (np.nonzero(alone(one))[axis] for one in (first, second))
        )
        found += [other_low - high, low - other_high]
    return int(max(found))


@settings(max_examples=40, deadline=None)
@given(seed=seeds)
def test_elements_are_apart_by_what_lies_between_their_boxes(seed: int) -> None:
    rng = np.random.default_rng(seed)
    first, second = (random_spec(rng, area=(0.01, 0.08)).elements[0] for _ in range(2))
    pixels = distance(first, second)
    # a mask's box ends within a pixel of the shape's on either side
    assert apart(first, second, (pixels - 2) / SIZE)
    assert not apart(first, second, (pixels + 2) / SIZE)
    for gap in (0.0, 0.03, 0.2):
        assert apart(first, second, gap) == apart(second, first, gap)


def test_one_axis_is_enough_to_be_apart() -> None:
    left, right, above = (replace(DISC, area=0.05, position=place) for place in [(0.0, 1.0), (1.0, 1.0), (0.0, 0.0)])
    for other in (right, above):
        assert apart(left, other, 0.3)
        assert not apart(left, other, 0.6)
    assert not apart(left, left, 0.0)


# What is refused


@pytest.mark.parametrize("field", ["shape", "texture", "colour", "background"])
def test_an_unknown_name_is_refused_with_the_legal_ones(field: str) -> None:
    with pytest.raises(OptionError) as caught:
        replace(SPEC if field == "background" else DISC, **{field: "tartan"})
    message = str(caught.value)
    assert "'tartan'" in message
    for name in {"shape": SHAPES, "colour": COLOURS}.get(field, TEXTURES):
        assert name in message


def test_a_change_of_a_scene_is_checked_too() -> None:
    with pytest.raises(OptionError, match="'tartan'"):
        SPEC.with_texture(0, "tartan")


def test_an_unknown_texture_is_refused_with_the_legal_ones(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"'tartan'.*striped, dotted, chequered, blotchy, plain"):
        texture("tartan", 32, np.random.default_rng(0))
    with pytest.raises(OptionError, match=r"'tartan'.*red, yellow, green, blue"):
        texture("striped", 32, np.random.default_rng(0), colour="tartan")
    with pytest.raises(OptionError, match=r"'tartan'.*striped, dotted, chequered, blotchy, plain"):
        write_textures(tmp_path / "tartan", "tartan", 1, seed=0)
    assert not (tmp_path / "tartan").exists()


@pytest.mark.parametrize("area", [-0.1, 0.0, 0.51, float("nan")])
def test_an_area_outside_the_legal_range_is_refused(area: float) -> None:
    with pytest.raises(OptionError, match="area"):
        replace(DISC, area=area)


def test_a_negative_outline_is_refused() -> None:
    with pytest.raises(OptionError, match=r"outline must be at least 0, not -0\.01"):
        replace(SPEC, outline=-0.01)


# Writing


def test_guidance_is_written_as_pictures_that_all_differ(tmp_path: Path) -> None:
    write_textures(tmp_path / "a", "striped", 4, seed=1, size=48)
    write_textures(tmp_path / "b", "striped", 4, seed=1, size=48)
    write_textures(tmp_path / "c", "striped", 4, seed=2, size=48)
    read = {name: [np.asarray(Image.open(path)) for path in sorted((tmp_path / name).glob("*.png"))] for name in "abc"}
    assert [picture.shape for picture in read["a"]] == [(48, 48, 3)] * 4
    assert all(np.array_equal(one, two) for one, two in zip(read["a"], read["b"], strict=True))
    assert len({picture.tobytes() for picture in read["a"] + read["c"]}) == 8


def test_scenes_are_written_with_masks_of_the_same_names(tmp_path: Path) -> None:
    scenes = [render(several(seed)) for seed in range(6)]
    assert {len(scene.masks) for scene in scenes} >= {2, 3, 4}
    paths = write_scenes(tmp_path / "pictures", tmp_path / "masks", scenes)
    assert [path.name for path in paths] == sorted(path.name for path in (tmp_path / "masks").iterdir())
    for path, scene in zip(paths, scenes, strict=True):
        assert np.array_equal(np.asarray(Image.open(path)), scene.image)
        assert np.array_equal(np.asarray(Image.open(tmp_path / "masks" / path.name)) > 127, scene.mask)
        for element in scene.spec.elements:
            assert f"{element.texture}-{element.shape}" in path.name
        assert path.name.endswith(f"-on-{scene.spec.background}.png")
