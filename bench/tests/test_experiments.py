"""The experiments of the bench, on little: what their tables promise, and that they tell what is true from what is not.

The rivals are put in here: the truth itself, its opposite, and the package with whatever costs little.
"""

import io
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from sacv.errors import OptionError
from sacv.maps.methods import Gradient
from sacv.synthetic.scenes import render
from sacv.trust import LayerAdvice
from sacv_bench import contribution as contributions
from sacv_bench import interference as interferences
from sacv_bench import layers as candidates
from sacv_bench import localisation as places
from sacv_bench import planted as directions
from sacv_bench import run as runs
from sacv_bench import stability as stabilities
from sacv_bench import tables
from sacv_bench.contribution import LEAST, PLAIN, changes, scenes_of
from sacv_bench.intervals import bootstrap
from sacv_bench.localisation import ALL, OURS
from sacv_bench.metrics import PLACE_METRICS
from sacv_bench.networks import trained
from sacv_bench.sanity import sanity
from sacv_bench.sizes import Effort
from sacv_bench.study import Study, bin_name, staged
from sacv_bench.tables import COLUMNS
from sacv_bench.worlds import DEVELOPMENT, LESIONS

NETWORK, LAYER, SEED = "plain-development", "blocks.1", 5
CONCEPTS, BACKGROUNDS = ("striped", "dotted"), ("plain", "noise")
AREAS = ((0.01, 0.02), (0.02, 0.05), (0.05, 0.1), (0.1, 0.2))
EFFORT = Effort(seeds=1, guidance=8, others=12, scenes=1, steps=2, trials=2)

# The network's own world with fewer concepts and backgrounds and no huge elements, to measure less.
SMALL = replace(
    trained(NETWORK), world=replace(DEVELOPMENT, concepts=CONCEPTS, backgrounds=BACKGROUNDS, area=(0.02, 0.2))
)
QUESTIONS = ["striped", "dotted", "chequered", "striped without dotted"]


def new_study(**effort):
    return Study(SMALL, LAYER, replace(EFFORT, **effort))


@pytest.fixture(scope="module")
def study():
    return new_study()


def rng(seed=0):
    return np.random.default_rng(seed)


# Rivals that know the answer


def true_places(guided, seen):
    return np.stack([guided.study.shares(scene.showing(guided.concept)) for scene in seen.scenes])


def true_changes(guided, seen, question):
    return changes(guided.study, seen)[:, question]


def true_maps(guided, seen, question, sign=1.0):
    """The truth at one location near the element and noise, which may not count, away from it."""
    maps = []
    for scene, change in zip(seen.scenes, true_changes(guided, seen, question), strict=True):
        near = guided.study.near(scene.masks[0])
        one = np.where(near, 0.0, rng(1).standard_normal(near.shape))
        row, column = np.argwhere(near)[0]
        one[row, column] = sign * change
        maps.append(one)
    return np.stack(maps)


def our_contribution(guided, seen, question):
    return guided.explained(seen, question, method=Gradient()).contribution(guided.study.layer, guided.concept)


def our_scores(guided, seen, question):
    return guided.explained(seen, question, method=Gradient()).scores()["sacv_score"].to_numpy()


def unit(vector):
    return vector / np.linalg.norm(vector)


def mean_difference(concept, random, seed):
    return unit(concept.mean(axis=(0, 1, 2)) - random.mean(axis=(0, 1, 2)))


def settled(guided, seen, question, sign=1):
    """The same answer for every draw of concept images, or one turned round by the next draw."""
    turned = 1 if sign == 1 or guided.seed % 2 else -1
    relevance = turned * np.arange(np.prod(seen.cells.shape[:-1])).reshape(seen.cells.shape[:-1])
    return turned * np.array([3.0, 4.0]), {"relevance": relevance, "contribution": -relevance}


def replace_rivals(patch, known, rivals):
    """Put rivals in the location of those of an experiment, which come back in their order."""
    for name in reversed(list(known)):
        patch.delitem(known, name)
    for name, rival in rivals.items():
        patch.setitem(known, name, rival)


@contextmanager
def few_rivals():
    with pytest.MonkeyPatch.context() as patch:
        replace_rivals(patch, directions.FINDERS, {"mean difference": mean_difference, "noise": lambda *_: unit(
            rng(3).standard_normal(directions.CHANNELS))})  # fmt: skip
        patch.setattr(directions, "IMAGES", (5, 40))
        replace_rivals(
            patch,
            places.RIVALS,
            {OURS: places.RIVALS[OURS], "truth": true_places, "opposite": lambda *given: 1 - true_places(*given)},
        )
        replace_rivals(
            patch,
            contributions.CONTRIBUTORS,
            {
                OURS: our_contribution,
                "truth": true_maps,
                "opposite": partial(true_maps, sign=-1.0),
                "truth without maps": true_changes,
            },
        )
        patch.setattr(contributions, "CAPTUM_SEEDS", 0)
        replace_rivals(
            patch,
            interferences.SCORERS,
            {
                OURS: our_scores,
                "truth": true_changes,
                "opposite": lambda *given: -true_changes(*given),
            },
        )
        replace_rivals(
            patch,
            stabilities.FINDERS,
            {OURS: stabilities.FINDERS[OURS], "settled": settled, "turned": partial(settled, sign=-1)},
        )
        patch.setitem(candidates.CANDIDATES, NETWORK, ("blocks.1", "blocks.2"))
        for module in (tables, contributions):  # what an interval is, is tested elsewhere
            patch.setattr(module, "bootstrap", partial(bootstrap, resamples=20))
        yield


EXPERIMENTS = {
    "T1": lambda seed: directions.planted(EFFORT, seed),
    "T2": lambda seed: places.localisation(new_study(), seed),
    "T3": lambda seed: contributions.contribution(new_study(), seed),
    "T4": lambda seed: interferences.interference(new_study(), seed),
    "T5": lambda seed: stabilities.stability(new_study(), seed),
    "T6": lambda seed: sanity(new_study(), seed),
    "layers": lambda seed: candidates.layers(new_study(), seed),
}


@cache
def measured(name, seed=SEED, again=0):
    """The table of an experiment; a number for `again` measures it anew, with nothing kept from before."""
    with few_rivals():
        return EXPERIMENTS[name](seed)


def values(name, rival, metric, column="value"):
    """A column of a table by condition."""
    rows = measured(name).rows
    chosen = rows[(rows["rival"] == rival) & (rows["metric"] == metric)]
    assert chosen["condition"].is_unique and len(chosen)
    return dict(zip(chosen["condition"], chosen[column], strict=True))


def promised(name, conditions, rivals, metrics):
    """Check that a table holds these rows and no others."""
    found = measured(name).rows[["condition", "rival", "metric"]]
    wanted = {(condition, rival, metric) for condition in conditions for rival in rivals for metric in metrics}
    assert {tuple(row) for row in found.to_numpy()} == wanted and len(found) == len(wanted)


# What they share


def test_areas_are_those_of_the_world_and_below():
    assert new_study().areas == AREAS
    assert Study(trained("plain-lesions"), LAYER, EFFORT).areas == ((0.01, 0.02), (0.02, 0.05), (0.05, 0.08))
    assert bin_name((0.02, 0.05)) == "area 2-5 %"


def test_the_concept_is_on_the_first_element():
    alone = 0
    for seed in range(40):
        concept = CONCEPTS[seed % 2]
        spec = staged(SMALL.world, rng(seed), concept, area=(0.05, 0.1), background="noise")
        first, *others = spec.elements
        assert first.texture == concept and 0.05 <= first.area <= 0.1 and spec.background == "noise"
        assert len(others) <= 1 and all(other.texture != concept and other.area <= 0.1 for other in others)
        scene = render(spec)
        assert (scene.showing(concept) == scene.masks[0]).all() and scene.masks[0].any()
        alone += not others
    assert 10 <= alone <= 30  # every second has another
    drawn = {staged(SMALL.world, rng(seed), "striped", area=(0.05, 0.1)).background for seed in range(20)}
    assert drawn == set(BACKGROUNDS)
    assert staged(LESIONS, rng(1), "dotted", area=(0.02, 0.05)) == staged(LESIONS, rng(1), "dotted", area=(0.02, 0.05))


def test_what_a_network_says_of_scenes_is_what_it_says_of_each(study):
    specs = [staged(study.world, rng(seed), "striped", area=(0.05, 0.1)) for seed in range(18)]
    seen = study.see(specs)
    net = study.model.net
    for number in (0, 17):  # of different batches
        one = study.see([specs[number]])
        with torch.no_grad():
            inputs = study.model.inputs([Image.fromarray(render(specs[number]).image)])
            cells, logits = net.blocks[:2](inputs), net(inputs)
        np.testing.assert_allclose(seen.logits[number], logits[0], rtol=0, atol=1e-4)
        np.testing.assert_allclose(seen.cells[number], cells[0].permute(1, 2, 0), rtol=0, atol=1e-4)
        cells.requires_grad_()
        for question in range(len(QUESTIONS)):
            logit = net.head(net.pool(net.blocks[2:](cells)))[0, question]
            (gradient,) = torch.autograd.grad(logit, cells)
            np.testing.assert_allclose(seen.gradients[number, question], gradient[0].permute(1, 2, 0), atol=1e-5)
        for name in ("logits", "cells", "gradients"):
            np.testing.assert_allclose(getattr(one, name)[0], getattr(seen, name)[number], rtol=0, atol=1e-4)
    np.testing.assert_allclose(study.logits(seen.images), seen.logits, rtol=0, atol=1e-4)
    np.testing.assert_allclose(study.cells(seen.images), seen.cells, rtol=0, atol=1e-4)


def test_near_is_what_the_effective_field_reaches(study):
    side = 128 // study.grid[0]
    for seed in range(6):
        mask = render(staged(study.world, rng(seed), "striped", area=(0.02, 0.1))).masks[0]
        near, shares = study.near(mask), study.shares(mask)
        assert near.shape == study.grid and near.dtype == bool
        assert near[shares > 0].all() and (near & (shares == 0)).any() and not near.all()
        # Pixels of the mask lie within reach of some pixel of each near cell.
        pixels = np.argwhere(mask)
        for cell in np.argwhere(near):
            beyond = np.maximum(np.abs(pixels + 0.5 - (cell + 0.5) * side) - side / 2, 0)
            assert beyond.max(axis=1).min() <= study.reach


def test_the_same_seed_draws_the_same_guidance(study):
    one, other = study.guided("striped", 3), new_study().guided("striped", 3)
    assert (len(one.shown), len(one.others)) == (EFFORT.guidance, EFFORT.others)
    assert (np.stack(one.shown) == np.stack(other.shown)).all() and (one.cells == other.cells).all()
    assert not (np.stack(one.shown) == np.stack(study.guided("striped", 4).shown)).all()
    assert not (np.stack(one.shown) == np.stack(study.guided("dotted", 3).shown)).all()
    (cav,) = one.bank().cavs
    assert (cav.concept, cav.layer) == ("striped", LAYER)
    np.testing.assert_array_equal(cav.vector, other.bank().cavs[0].vector)
    assert len(one.bank(runs=3, nulls=7).cavs[0].null) == 7


def test_changes_are_those_of_rendering_again(study):
    specs = [staged(study.world, rng(seed), "striped", area=(0.1, 0.2)) for seed in range(8)]
    seen = study.see([spec for spec in specs if len(spec.elements) == 2])
    assert 2 <= len(seen.scenes) <= 6

    def logits(spec):
        with torch.no_grad():
            return study.model.net(study.model.inputs([Image.fromarray(render(spec).image)]))[0].double().numpy()

    for element in (0, 1):
        found = changes(study, seen, element)
        assert found.shape == (len(seen.scenes), len(QUESTIONS)) and found.dtype == np.float64
        for scene, change in zip(seen.scenes, found, strict=True):
            by_hand = logits(scene.spec) - logits(scene.spec.with_texture(element, "plain"))
            np.testing.assert_allclose(change, by_hand, rtol=0, atol=1e-3)
    # The network was taught to ask for stripes.
    assert (changes(study, seen)[:, 0] > LEAST).all()


def test_what_is_plain_already_changes_nothing(study):
    specs = [staged(study.world, rng(seed), "dotted", area=(0.05, 0.1)).with_texture(0, PLAIN) for seed in range(4)]
    np.testing.assert_allclose(changes(study, study.see(specs)), 0, atol=1e-4)


def test_scenes_of_a_concept_begin_at_two_percent(study):
    seen = scenes_of(study, "dotted", rng())
    assert [scene.spec.elements[0].texture for scene in seen.scenes] == ["dotted"] * 3
    for scene, (least, most) in zip(seen.scenes, AREAS[1:], strict=True):
        assert least <= scene.spec.elements[0].area <= most
    assert len(scenes_of(new_study(scenes=2), "dotted", rng()).scenes) == 6


# Every table


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_seed_alone_decides(name):
    state = np.random.get_state()[1].copy()
    pd.testing.assert_frame_equal(measured(name).rows, measured(name, again=1).rows, check_exact=True)
    assert (np.random.get_state()[1] == state).all()


@pytest.mark.parametrize("name", ["T1", "T2"])
def test_another_seed_gives_other_values(name):
    mine = measured(name).rows
    other = measured(name, seed=SEED + 1).rows.merge(mine, on=["condition", "rival", "metric"], suffixes=("", " mine"))
    known = other[other["rival"].isin([OURS, "mean difference"])]
    assert len(known) and (known["value"] != known["value mine"]).any()


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_tables_are_tables(name):
    table = measured(name)
    assert table.name == name and table.title.endswith("?") and table.about
    assert tuple(table.rows.columns) == COLUMNS
    assert not table.rows.duplicated(["condition", "rival", "metric"]).any()
    assert (table.rows["count"] >= 1).all()
    known = table.rows[table.rows["low"].notna()]
    assert (known["low"] <= known["high"]).all()
    rows = len(table.wide())
    assert rows == len(table.rows[["condition", "rival"]].drop_duplicates())
    # Ours at its best and at its worst, where there are maps to show.
    assert len(table.figures) == (2 if name in ("T2", "T3") else 0)
    for figure in table.figures:
        with Image.open(io.BytesIO(figure.png)) as shown:
            assert shown.format == "PNG" and min(shown.size) > 100
    if name not in ("T1", "layers"):
        assert NETWORK in table.about and LAYER in table.about and "32 x 32" in table.about


# T1


def test_planted_directions_are_as_the_docstring_says():
    concept, random, direction = directions.draw(400, 0.5, rng())
    assert concept.shape == random.shape == (400, *directions.GRID, directions.CHANNELS)
    assert np.linalg.norm(direction) == pytest.approx(1)
    difference = concept.mean(axis=(0, 1, 2)) - random.mean(axis=(0, 1, 2))
    assert difference @ direction == pytest.approx(0.5, abs=0.05)
    assert np.linalg.norm(difference - 0.5 * direction) < 0.1
    # What locations of an image share spreads as much as what they do not, and both together by 1.
    shared = random.mean(axis=(1, 2))
    own = random - shared[:, None, None]
    places_ = np.prod(directions.GRID)
    assert own.reshape(-1, directions.CHANNELS).var(axis=0).sum() == pytest.approx(0.5 * (1 - 1 / places_), rel=0.05)
    assert shared.var(axis=0).sum() == pytest.approx(0.5 * (1 + 1 / places_), rel=0.1)
    # The eigenvalues fall as 1 / k.
    spectrum = np.linalg.eigvalsh(np.cov(own.reshape(-1, directions.CHANNELS).T))[::-1]
    np.testing.assert_allclose(spectrum[[1, 3, 9]] / spectrum[0], [1 / 2, 1 / 4, 1 / 10], rtol=0.1)


def test_planted():
    conditions = [f"strength {strength}, {images} images" for strength in ("0.5", "1") for images in (5, 40)]
    promised("T1", conditions, ["mean difference", "noise"], ["cosine"])
    found, noise = values("T1", "mean difference", "cosine"), values("T1", "noise", "cosine")
    assert all(0 < cosine < 1 for cosine in found.values())
    assert found["strength 1, 40 images"] > 0.9 > found["strength 0.5, 5 images"]
    assert all(abs(cosine) < 0.5 for cosine in noise.values())
    assert set(values("T1", "noise", "cosine", "random").values()) == {0.0}


# T2


PLACES = [*(bin_name(area) for area in AREAS), *(f"on {name}" for name in BACKGROUNDS), ALL]


def test_place():
    metrics = [*(metric.name for metric in PLACE_METRICS), "IoU"]
    promised("T2", PLACES, [OURS, "truth", "opposite"], metrics)
    rows = measured("T2").rows
    assert rows["value"].between(0, 1).all()
    # Two concepts, two backgrounds and four bins; the smallest elements do not count for all areas.
    counts = values("T2", "truth", "AUROC", "count")
    assert counts == dict.fromkeys(PLACES[:4], 4) | dict.fromkeys(PLACES[4:6], 8) | {ALL: 12}
    randoms = {metric: values("T2", OURS, metric, "random") for metric in metrics}
    assert set(randoms["AUROC"].values()) == {0.5} and np.isnan(list(randoms["IoU"].values())).all()
    # A random map finds a larger object more easily.
    for metric in ("average precision", "pointing", "energy inside", "rank accuracy"):
        by_area = [randoms[metric][bin_name(area)] for area in AREAS]
        assert by_area == sorted(by_area) and 0 < by_area[0] < by_area[-1] < 0.3
    assert values("T2", OURS, "AUROC")[ALL] > 0.8


def test_a_perfect_map_of_the_place_is_perfect_and_its_opposite_the_worst():
    for metric in ("AUROC", "average precision", "pointing", "rank accuracy"):
        assert values("T2", "truth", metric) == pytest.approx(dict.fromkeys(PLACES, 1.0))
        assert values("T2", "truth", metric, "low") == pytest.approx(dict.fromkeys(PLACES, 1.0))
    for metric in ("AUROC", "pointing"):
        assert values("T2", "opposite", metric) == dict.fromkeys(PLACES, 0.0)
    assert min(values("T2", "truth", "IoU").values()) > 0.9 > 0.5 > max(values("T2", "opposite", "IoU").values())
    truth, opposite = values("T2", "truth", "energy inside"), values("T2", "opposite", "energy inside")
    assert all(truth[place] > 0.8 > 0.2 > opposite[place] for place in PLACES)


# T3


ROLES = {"all elements": 6, "used by the question": 6, "opposing by the question": 3, "unused by the question": 6}
CALLED = {"unused concepts": "unused called contributing", "used concepts": "used called contributing"}


def test_contribution():
    rows = measured("T3").rows
    metrics = {OURS: 3, "truth": 3, "opposite": 3, "truth without maps": 2}
    wanted = {
        (role, rival, metric)
        for role in ROLES
        for rival, count in metrics.items()
        for metric in ("Spearman", "sign accuracy", "mass away from the element")[:count]
    } | {(kind, OURS, metric) for kind, called in CALLED.items() for metric in (called, "mean true change")}
    assert {tuple(row) for row in rows[["condition", "rival", "metric"]].to_numpy()} == wanted
    # A sign is asked for only where the change is large, and what no question uses may change nothing.
    assert rows.loc[rows["metric"] != "sign accuracy", "value"].notna().all()
    for rival in metrics:
        assert values("T3", rival, "Spearman", "count") == ROLES
        assert set(values("T3", rival, "Spearman", "random").values()) == {0.0}
        assert set(values("T3", rival, "sign accuracy", "random").values()) == {0.5}
    assert values("T3", OURS, "Spearman")["all elements"] > 0.3
    assert all(0 <= share <= 1 for share in values("T3", OURS, "mass away from the element").values())


def test_the_true_change_near_an_element_is_perfect_and_its_opposite_the_worst():
    for rival, rank, signs in (("truth", 1, 1), ("truth without maps", 1, 1), ("opposite", -1, 0)):
        assert values("T3", rival, "Spearman") == pytest.approx(dict.fromkeys(ROLES, rank))
        found = values("T3", rival, "sign accuracy")
        assert found["all elements"] == found["used by the question"] == found["opposing by the question"] == signs
        assert found["unused by the question"] == signs or np.isnan(found["unused by the question"])
    # All that is put away from the elements is noise of mean size 0.8 in each cell.
    assert values("T3", "truth", "mass away from the element") == values("T3", "opposite", "mass away from the element")
    assert all(0.5 < share < 1 for share in values("T3", "truth", "mass away from the element").values())


def test_concepts_that_no_question_uses_change_less():
    sizes = values("T3", OURS, "mean true change")
    assert set(sizes) == set(CALLED) and 0 <= sizes["unused concepts"] < sizes["used concepts"]
    # A colour for each of four questions; stripes for two questions and dots for one and against one.
    for kind, (called, count) in zip(CALLED, (("unused", 4), ("used", 4)), strict=True):
        metric = f"{called} called contributing"
        assert values("T3", OURS, metric, "count") == {kind: count}
        assert 0 <= values("T3", OURS, metric)[kind] <= 1


# T4


def test_interference():
    bins = [bin_name(area) for area in AREAS]
    behind = [f"{area}, {kind} behind" for area in bins for kind in ("neutral", "concept", "opposing")]
    rows = measured("T4").rows
    assert set(rows["rival"]) == {OURS, "truth", "opposite"} and set(rows["metric"]) == {"sign agreement"}
    # Scenes where the object changes nothing have no sign; there are none of the larger ones.
    assert set(bins[1:]) <= set(rows["condition"]) <= {*bins, *behind}
    assert rows["value"].between(0, 1).all() and (rows["random"] == 0.5).all()
    counts = values("T4", OURS, "sign agreement", "count")
    for area in bins[1:]:
        parts = [counts.get(f"{area}, {kind} behind", 0) for kind in ("neutral", "concept", "opposing")]
        # One scene for each of four questions; one question alone has an opposing concept.
        assert counts[area] == sum(parts) and all(part <= most for part, most in zip(parts, (4, 4, 1), strict=True))
    assert counts[bins[-1]] >= 7


def test_every_scene_is_an_image_of_its_own():
    with few_rivals(), pytest.MonkeyPatch.context() as patch:
        replace_rivals(patch, interferences.SCORERS, {"truth": true_changes})
        rows = interferences.interference(new_study(seeds=2), SEED).rows.set_index("condition")["count"]
    for area in map(bin_name, AREAS):
        assert rows[area] == sum(count for condition, count in rows.items() if condition.startswith(f"{area}, "))


def test_the_true_sign_is_perfect_and_its_opposite_the_worst():
    assert set(values("T4", "truth", "sign agreement").values()) == {1.0}
    assert set(values("T4", "opposite", "sign agreement").values()) == {0.0}


# T5


def test_stability():
    metrics = ["cosine between runs", "relevance, rank correlation", "contribution, rank correlation"]
    promised("T5", ["two draws"], [OURS, "settled", "turned"], metrics)
    for metric in metrics:
        (ours,), (same,), (turned,) = (values("T5", rival, metric).values() for rival in (OURS, "settled", "turned"))
        assert same == pytest.approx(1) and turned == pytest.approx(-1) and 0 < ours < 1
        assert values("T5", OURS, metric, "count") == {"two draws": 2}  # a pair for each concept
        assert values("T5", OURS, metric, "random") == {"two draws": 0.0}


# T6


def test_sanity():
    rows = measured("T6").rows.set_index(["condition", "metric"])
    assert set(rows["rival"]) == {OURS} and rows["value"].notna().all()
    false = "family-wise false positives"
    for name in ("relevance mask", "derivative mask", "SACV score"):
        row = rows.loc[(f"permuted labels, {name}", false)]
        assert row["value"] in (0, 0.5, 1) and (row["count"], row["random"]) == (EFFORT.trials, 0.05)
    for metric in ("family-wise false positives", "share of locations masked"):
        row = rows.loc[("missing concept, relevance mask", metric)]
        assert 0 <= row["value"] <= 1 and row["count"] == EFFORT.trials // 2
    for concept in CONCEPTS:
        row = rows.loc[(f"randomised weights, {concept}", "rank correlation of maps")]
        assert -1 <= row["value"] < 0.9 and row["random"] == 0
    for kind in ("entangled", "independent"):
        row = rows.loc[(f"{kind} concept images, on other shapes", "AUROC of red")]
        assert 0.5 < row["value"] <= 1 and row["random"] == 0.5
    assert len(rows) == 3 + 2 + 2 + 2


# Layers


def test_layers():
    with few_rivals():
        advised = candidates.ranked(SMALL, EFFORT, SEED)
        assert {one.layer for one in advised} == {"blocks.1", "blocks.2"}
    metrics = [
        "held-out AUROC of concept images",
        "cosine between runs",
        "AUROC of locations",
        "Spearman",
        "sign accuracy",
    ]
    conditions = [f"{rank}. {one.layer}" for rank, one in enumerate(advised, start=1)]
    promised("layers", conditions, [OURS], metrics)
    assert list(dict.fromkeys(measured("layers").rows["condition"])) == conditions
    aurocs, cosines = values("layers", OURS, metrics[0]), values("layers", OURS, metrics[1])
    for condition, one in zip(conditions, advised, strict=True):
        assert (aurocs[condition], cosines[condition]) == (one.auroc, one.run_cosine)
    assert values("layers", OURS, "AUROC of locations", "random") == dict.fromkeys(conditions, 0.5)
    assert all(0.5 < value <= 1 for value in values("layers", OURS, "AUROC of locations").values())
    assert all(-1 <= value <= 1 for value in values("layers", OURS, "Spearman").values())


def test_the_truth_at_a_layer_is_perfect(monkeypatch):
    with few_rivals(), pytest.MonkeyPatch.context() as patch:
        patch.setitem(candidates.CANDIDATES, NETWORK, ("blocks.2",))
        patch.setitem(places.RIVALS, OURS, true_places)
        patch.setitem(contributions.CONTRIBUTORS, OURS, true_maps)
        rows = candidates.layers(new_study(), SEED).rows.set_index("metric")["value"]
    assert rows[["AUROC of locations", "Spearman", "sign accuracy"]].tolist() == pytest.approx([1, 1, 1])


# Which are run


@pytest.fixture
def asked(monkeypatch):
    """Experiments that cost nothing; give the list of what they were asked."""
    found = []

    def experiment(name):
        def measure(study, seed):
            found.append((name, study.trained.name, study.layer, study.effort, seed))
            return tables.table_of(name, "What?", "So.", [])

        return measure

    def ranked(network, effort, seed):
        found.append(("advice", network.name, effort, seed))
        return tuple(  # the first for location is not the first for contribution, which is taken
            LayerAdvice(layer, 0.9, 0.9, None, "varies", True, None, rank, 3 - rank)
            for rank, layer in enumerate(("blocks.0", "blocks.4"), start=1)
        )

    monkeypatch.setattr(runs, "ranked", ranked)
    for name in list(runs.ON_NETWORKS):
        monkeypatch.setitem(runs.ON_NETWORKS, name, experiment(name))
    return found


def test_experiments_are_run_at_the_advised_layer_with_the_seed_of_the_split(asked):
    told = []
    found = runs.run(["T3", "T2"], "development", EFFORT, 7, told.append)
    split = runs.SPLITS["development"]
    assert (split.network, [table.name for table in found]) == (NETWORK, ["T3", "T2"])
    seed = 7 + split.seed
    # The advice is asked once.
    assert asked == [
        ("advice", NETWORK, EFFORT, seed),
        ("T3", NETWORK, "blocks.4", EFFORT, seed),
        ("T2", NETWORK, "blocks.4", EFFORT, seed),
    ]
    assert told == [f"{name}: {runs.EXPERIMENTS[name]}" for name in ("T3", "T2")]
    assert len({one.seed for one in runs.SPLITS.values()}) == len(runs.SPLITS)
    assert {one.network for one in runs.SPLITS.values()} == set(candidates.CANDIDATES)


def test_what_is_drawn_needs_no_network(asked):
    with few_rivals():
        (found,) = runs.run(["T1"], "development", EFFORT, 0, lambda text: None)
        expected = directions.planted(EFFORT, runs.SPLITS["development"].seed)
    pd.testing.assert_frame_equal(found.rows, expected.rows)
    assert asked == []


@pytest.mark.parametrize(
    ("names", "split", "words"),
    [(["T2", "T9"], "development", "no table 'T9'; there are T1, T2"), (["T2"], "test", "no split 'test'; there are ")],
)
def test_what_is_unknown_is_refused_before_anything_is_run(asked, names, split, words):
    told = []
    with pytest.raises(OptionError, match=words):
        runs.run(names, split, EFFORT, 0, told.append)
    assert asked == [] == told
