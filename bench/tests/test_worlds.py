import itertools
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import rgb_to_hsv

from sacv.errors import OptionError
from sacv.synthetic.scenes import LARGEST, SHAPES, SIZE, Element, SceneSpec, render
from sacv.synthetic.textures import COLOURS, TEXTURES, texture
from sacv_bench import worlds
from sacv_bench.worlds import DEVELOPMENT, GAP, HELD_OUT, LESIONS, WORLDS, Question, World

SEED = 90210
DEGREES = {"red": 0, "yellow": 60, "green": 120, "blue": 240}

# Each logit in words: by name, the texture that must be there and the one that must not.
RULES = {
    "development": [
        ("striped", "striped", None),
        ("dotted", "dotted", None),
        ("chequered", "chequered", None),
        ("striped without dotted", "striped", "dotted"),
    ],
    "held-out": [
        ("zigzag", "zigzag", None),
        ("ringed", "ringed", None),
        ("gridded", "gridded", None),
        ("zigzag without ringed", "zigzag", "ringed"),
    ],
    "lesions": [("malignant", "dotted", None), ("benign", "ringed", "dotted")],
}

every_world = pytest.mark.parametrize("world", WORLDS.values(), ids=WORLDS)


@pytest.fixture(scope="module")
def scenes() -> dict[str, list[SceneSpec]]:
    """Five hundred scenes of each world."""
    return {
        name: [world.random_scene(np.random.default_rng((SEED, index))) for index in range(500)]
        for name, world in WORLDS.items()
    }


@pytest.fixture
def painted(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str | None]]:
    """Texture and colour of every frame that a world paints from now on."""
    seen: list[tuple[str, str | None]] = []

    def paint(name: str, *given: object, colour: str | None = None, **options: float) -> np.ndarray:
        seen.append((name, colour))
        return texture(name, *given, colour=colour, **options)

    monkeypatch.setattr(worlds, "texture", paint)
    return seen


def element(name: str, **given: object) -> Element:
    return replace(Element("disc", name, 0.05, 0.0, (0.5, 0.5), 1), **given)


def spec_of(*names: str, background: str = "plain", colour: str | None = None) -> SceneSpec:
    return SceneSpec(tuple(element(name, colour=colour) for name in names), background, 0)


def slow_answers(world: World, spec: SceneSpec) -> list[bool]:
    found = []
    for _, needed, forbidden in RULES[world.name]:
        has_needed = has_forbidden = False
        for one in spec.elements:
            has_needed = has_needed or one.texture == needed
            has_forbidden = has_forbidden or one.texture == forbidden
        found.append(has_needed and not has_forbidden)
    return found


# Questions


@every_world
def test_answers_follow_the_rule_whatever_the_elements(world: World) -> None:
    for count in range(world.elements + 1):
        for names in itertools.product(world.concepts + world.fillings, repeat=count):
            spec = spec_of(*names)
            answers = world.answers(spec)
            assert answers.dtype == bool
            assert answers.tolist() == slow_answers(world, spec)


def test_answers_of_a_few_scenes_read_off_by_hand() -> None:
    assert DEVELOPMENT.answers(spec_of("striped", "plain")).tolist() == [True, False, False, True]
    assert DEVELOPMENT.answers(spec_of("dotted", "striped")).tolist() == [True, True, False, False]
    assert HELD_OUT.answers(spec_of("gridded")).tolist() == [False, False, True, False]
    assert LESIONS.answers(spec_of("ringed", "ringed")).tolist() == [False, True]
    assert LESIONS.answers(spec_of("ringed", "dotted")).tolist() == [True, False]


@every_world
def test_only_textures_of_elements_answer(world: World, scenes: dict[str, list[SceneSpec]]) -> None:
    for spec in scenes[world.name][:50]:
        answers = slow_answers(world, spec)
        assert world.answers(spec).tolist() == answers
        for background in world.concepts:
            assert world.answers(replace(spec, background=background)).tolist() == answers
        for colour in COLOURS:
            elements = tuple(replace(one, colour=colour, shape="bar", seed=3) for one in spec.elements)
            assert world.answers(replace(spec, elements=elements[::-1])).tolist() == answers


def test_a_concept_is_used_opposing_or_unused() -> None:
    rule = Question("striped without dotted", "striped", "dotted")
    assert [rule.role(name) for name in ("striped", "dotted", "chequered", "plain", "red")] == [
        "used",
        "opposing",
        "unused",
        "unused",
        "unused",
    ]
    assert Question("dotted", "dotted").role("dotted") == "used"
    assert Question("dotted", "dotted").role("striped") == "unused"


@every_world
def test_roles_say_how_an_element_changes_the_answer(world: World) -> None:
    """Adding what is used never ends a yes, adding what opposes never begins one, adding the rest does nothing."""
    found = {name: set() for name in ("used", "opposing", "unused")}
    for count in range(world.elements):
        for names in itertools.product(world.concepts + world.fillings, repeat=count):
            before = world.answers(spec_of(*names))
            for added in world.concepts + world.fillings:
                after = world.answers(spec_of(*names, added))
                for number, question in enumerate(world.questions):
                    found[question.role(added)].add(int(after[number]) - int(before[number]))
    assert found == {"used": {0, 1}, "opposing": {0, -1}, "unused": {0}}


@every_world
def test_every_outcome_of_every_question_is_frequent(world: World, scenes: dict[str, list[SceneSpec]]) -> None:
    share = np.mean([world.answers(spec) for spec in scenes[world.name]], axis=0)
    assert share.shape == (len(world.questions),)
    assert (share > 0.15).all()
    assert (share < 0.75).all()
    # where the rule asks for two things, both decide it
    for question in world.questions:
        if question.without is not None:
            textures = [{one.texture for one in spec.elements} for spec in scenes[world.name]]
            both = np.mean([{question.needs, question.without} <= seen for seen in textures])
            assert both > 0.05


# Worlds


def test_worlds_have_the_names_and_questions_that_are_told_of() -> None:
    assert {name: world.name for name, world in WORLDS.items()} == {name: name for name in RULES}
    for name, world in WORLDS.items():
        assert [(question.name, question.needs, question.without) for question in world.questions] == RULES[name]


@every_world
def test_a_world_is_made_of_what_there_is(world: World) -> None:
    for names, legal in [(world.textures, TEXTURES), (world.shapes, SHAPES)]:
        assert set(names) <= set(legal)
    for names in (world.concepts, world.fillings, world.backgrounds, world.shapes, world.textures):
        assert len(set(names)) == len(names) > 0
    assert set(world.textures) == {*world.concepts, *world.fillings, *world.backgrounds}
    asked = {name for question in world.questions for name in (question.needs, question.without)} - {None}
    assert asked == set(world.concepts)
    assert not asked & {*world.fillings, *world.backgrounds}


@pytest.mark.parametrize("field", ["concepts", "shapes", "backgrounds"])
def test_development_and_held_out_share_nothing(field: str) -> None:
    ours, theirs = getattr(DEVELOPMENT, field), getattr(HELD_OUT, field)
    assert not set(ours) & set(theirs)


def test_a_concept_of_one_world_is_nothing_in_the_other() -> None:
    assert not set(DEVELOPMENT.concepts) & set(HELD_OUT.textures)
    assert not set(HELD_OUT.concepts) & set(DEVELOPMENT.textures)


# Scenes


@every_world
def test_random_scenes_keep_to_their_world(world: World, scenes: dict[str, list[SceneSpec]]) -> None:
    specs = scenes[world.name]
    elements = [one for spec in specs for one in spec.elements]
    assert {one.texture for one in elements} == {*world.concepts, *world.fillings}
    assert {one.shape for one in elements} == set(world.shapes)
    assert {len(spec.elements) for spec in specs} == set(range(1, world.elements + 1))
    assert {spec.outline for spec in specs} == {world.outline}
    assert {spec.scale for spec in specs} == {world.scale}
    assert {spec.contrast for spec in specs} == {world.contrast}
    areas = np.array([one.area for one in elements])
    least, most = world.area
    assert least <= areas.min() < 1.2 * least
    assert 0.7 * most < areas.max() <= most
    assert all(sum(one.area for one in spec.elements) <= LARGEST for spec in specs)


@every_world
def test_concepts_stand_behind_in_as_many_scenes_as_told(world: World, scenes: dict[str, list[SceneSpec]]) -> None:
    specs = scenes[world.name]
    behind = Counter(spec.background for spec in specs)
    share = sum(behind[name] for name in world.concepts) / len(specs)
    # four standard errors
    assert abs(share - world.behind) <= 4 * np.sqrt(world.behind * (1 - world.behind) / len(specs))
    assert set(behind) == set(world.backgrounds) | (set(world.concepts) if world.behind else set())
    ordinary = [behind[name] for name in world.backgrounds]
    assert min(ordinary) > 0.6 * max(ordinary)


@every_world
def test_one_element_of_some_scenes_is_in_a_colour(world: World, scenes: dict[str, list[SceneSpec]]) -> None:
    worn = [[one.colour for one in spec.elements if one.colour] for spec in scenes[world.name]]
    assert {len(colours) for colours in worn} == {0, 1}
    assert 0.2 < np.mean([len(colours) for colours in worn]) < 0.4
    assert min(Counter(itertools.chain(*worn)).values()) > 10
    assert set(itertools.chain(*worn)) == set(COLOURS)


@every_world
def test_elements_do_not_overlap_and_keep_the_gap(world: World, scenes: dict[str, list[SceneSpec]]) -> None:
    crowded = [spec for spec in scenes[world.name] if len(spec.elements) > 1][:20]
    assert len(crowded) == 20
    for spec in crowded:
        plain = tuple(replace(one, texture="plain") for one in spec.elements)
        masks = [render(SceneSpec((one,), "plain", 0, outline=0.0)).mask for one in plain]
        together = render(replace(spec, elements=plain, background="plain"))
        assert np.array_equal(together.masks, masks)
        for one, other in itertools.combinations(masks, 2):
            assert not (one & other).any()
            between = []
            for axis in (0, 1):
                mine, theirs = np.nonzero(one)[axis], np.nonzero(other)[axis]
                between += [theirs.min() - mine.max(), mine.min() - theirs.max()]
            # a mask ends within a pixel of its shape on either side
            assert max(between) >= GAP * SIZE - 2


@every_world
def test_a_seed_determines_a_scene(world: World, scenes: dict[str, list[SceneSpec]]) -> None:
    for index in range(10):
        assert world.random_scene(np.random.default_rng((SEED, index))) == scenes[world.name][index]
    assert len(set(scenes[world.name])) == 500


def test_an_element_is_drawn_evenly() -> None:
    rng = np.random.default_rng(SEED)
    drawn = [DEVELOPMENT.element(rng) for _ in range(2000)]
    for field, count in (("shape", 3), ("colour", 1)):
        found = Counter(getattr(one, field) for one in drawn)
        assert len(found) == count
        assert min(found.values()) > 0.85 * 2000 / count
    share = np.mean([one.texture in DEVELOPMENT.concepts for one in drawn])
    assert 0.65 < share < 0.75
    angles, places = np.array([one.angle for one in drawn]), np.array([one.position for one in drawn])
    logs = np.log([one.area for one in drawn])
    for values, low, high in [
        (angles, 0, 2 * np.pi),
        (places[:, 0], 0, 1),
        (places[:, 1], 0, 1),
        (logs, *np.log(DEVELOPMENT.area)),
    ]:
        counts = np.histogram(values, bins=5, range=(low, high))[0]
        assert counts.sum() == 2000
        assert counts.min() > 0.8 * 400


def test_an_element_is_as_asked_for() -> None:
    rng = np.random.default_rng(SEED)
    drawn = [LESIONS.element(rng, texture="ringed", area=(0.1, 0.12), colour="blue") for _ in range(50)]
    assert {(one.texture, one.colour) for one in drawn} == {("ringed", "blue")}
    assert all(0.1 <= one.area <= 0.12 for one in drawn)
    assert len({one.seed for one in drawn}) == 50


def test_only_elements_that_would_overlap_are_moved() -> None:
    first, same, free = element("striped"), element("dotted", colour="red"), element("plain", position=(0.0, 0.0))
    spec = DEVELOPMENT.scene(np.random.default_rng(0), (first, same, free), background="noise")
    assert spec.background == "noise"
    assert spec.elements[0] == first
    assert spec.elements[1].position != same.position
    assert replace(spec.elements[1], position=same.position) == same
    masks = render(spec).masks
    assert (masks.sum(axis=(1, 2)) > 0.045 * SIZE**2).all()
    left = DEVELOPMENT.scene(np.random.default_rng(0), (first, free))
    assert left.elements == (first, free)


def test_a_background_that_is_not_given_is_drawn() -> None:
    rng = np.random.default_rng(0)
    found = Counter(HELD_OUT.scene(rng).background for _ in range(200))
    assert set(found) == set(HELD_OUT.backgrounds)
    assert HELD_OUT.scene(rng).elements == ()


def test_elements_that_do_not_fit_are_refused() -> None:
    crowd = tuple(element("striped", area=area) for area in (0.4, 0.35, 0.3))
    with pytest.raises(OptionError, match=r"\[0\.4, 0\.35, 0\.3\].*do not fit"):
        DEVELOPMENT.scene(np.random.default_rng(0), crowd)


# Concept images


def digests(frames: list[np.ndarray]) -> set[bytes]:
    return {frame.tobytes() for frame in frames}


@every_world
def test_guidance_shows_the_concept_only(world: World, painted: list[tuple[str, str | None]]) -> None:
    for concept in world.concepts:
        frames = world.concept_images(concept, 8, seed=1, size=32)
        assert len(digests(frames)) == 8
        assert all(frame.shape == (32, 32, 3) and frame.dtype == np.uint8 for frame in frames)
        assert set(painted) == {(concept, None)}
        painted.clear()


@every_world
def test_others_lack_every_concept_and_show_what_else_there_is_equally_often(
    world: World, painted: list[tuple[str, str | None]]
) -> None:
    for concept in world.concepts:
        kinds = len(world.textures) - len(world.concepts)
        assert len(digests(world.others(concept, 3 * kinds, seed=1, size=32))) == 3 * kinds
        assert Counter(painted) == {(name, None): 3 for name in world.textures if name not in world.concepts}
        painted.clear()


@every_world
def test_guidance_for_a_colour_is_of_textures_of_every_kind(
    world: World, painted: list[tuple[str, str | None]]
) -> None:
    world.concept_images("red", 100, seed=1, size=16)
    assert {colour for _, colour in painted} == {"red"}
    assert {name for name, _ in painted} == set(world.textures)
    painted.clear()
    world.others("red", 99, seed=1, size=16)
    assert Counter(colour for _, colour in painted) == dict.fromkeys(["yellow", "green", "blue"], 33)
    assert {name for name, _ in painted} == set(world.textures)


@pytest.mark.parametrize("colour", COLOURS)
def test_guidance_for_a_colour_has_its_hue_and_others_have_not(colour: str) -> None:
    def away(frames: list[np.ndarray]) -> np.ndarray:
        hue = rgb_to_hsv(np.array(frames) / 255)[..., 0] * 360
        return np.abs((hue - DEGREES[colour] + 180) % 360 - 180)

    # shades are within 15 degrees of their colour, and 5 more by grain and rounding; colours are 60 degrees apart
    assert away(DEVELOPMENT.concept_images(colour, 20, seed=3, size=64)).max() < 20
    assert away(DEVELOPMENT.others(colour, 20, seed=3, size=64)).min() > 60 - 20


@pytest.mark.parametrize("options", [{"scale": 0.3}, {"contrast": 0.7}])
def test_frames_are_of_the_scale_and_contrast_of_the_world(options: dict[str, float]) -> None:
    """Elements of the same seed would be painted so too, as concept images is to show what scenes show."""
    world = replace(DEVELOPMENT, **options)
    whole = replace(element("striped", area=0.5, shape="square", angle=np.pi / 4), seed=0)
    own = {"scale": world.scale, "contrast": world.contrast}
    for stream, paint, name in [(0, world.concept_images, "striped"), (2, world.others, world.fillings[0])]:
        expected = texture(name, SIZE, np.random.default_rng([5, stream, 0]), **own)
        made = paint("striped", 1, seed=5)[0]
        assert np.array_equal(made, expected)
    scene = render(world.scene(np.random.default_rng(0), (whole,)))
    filled = texture("striped", SIZE, np.random.default_rng(0), **own)
    assert np.array_equal(scene.image[scene.mask], filled[scene.mask])


def test_frames_are_of_the_size_of_scenes() -> None:
    frames = DEVELOPMENT.concept_images("striped", 1, seed=5) + DEVELOPMENT.others("striped", 1, seed=5)
    assert [frame.shape for frame in frames] == [(SIZE, SIZE, 3)] * 2


@pytest.mark.parametrize("concept", ["dotted", "green"])
def test_a_seed_determines_guidance_and_others(concept: str) -> None:
    made = {
        (kind, seed): getattr(DEVELOPMENT, kind)(concept, 6, seed=seed, size=24)
        for kind in ("concept_images", "others")
        for seed in (1, 2)
    }
    assert len(set.union(*map(digests, made.values()))) == 24
    for (kind, seed), frames in made.items():
        again = getattr(DEVELOPMENT, kind)(concept, 6, seed=seed, size=24)
        assert all(np.array_equal(one, other) for one, other in zip(frames, again, strict=True))


def test_more_frames_begin_with_the_same_ones() -> None:
    few, many = (DEVELOPMENT.concept_images("striped", count, seed=1, size=24) for count in (3, 5))
    assert all(np.array_equal(one, other) for one, other in zip(few, many, strict=False))


def test_a_texture_that_does_not_exist_is_refused() -> None:
    with pytest.raises(OptionError, match="'tartan'"):
        DEVELOPMENT.concept_images("tartan", 1, seed=0)
