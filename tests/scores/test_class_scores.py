import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from conftest import SmallNet, make_pictures
from torch import nn

import sacv
from reference import reading
from reference import scores as reference
from sacv.cav import DrawnCAVs
from sacv.concepts import image_set
from sacv.engine import LocalEngine, Shard, ShardStore, cut, fold
from sacv.errors import (
    ActivationError,
    ImageSetError,
    MismatchError,
    OptionError,
    StorageError,
    TargetError,
    UnreadableImageError,
    WeakConceptError,
)
from sacv.maps.methods import Gradient
from sacv.scores.accumulation import ScoreReducer
from sacv.scores.kinds import CENTRES
from sacv.solvers import MeanDifference, UnitLength
from sacv.targets import Class

LAYERS = ["features.0", "features.2"]
KEYS = ["layer", "concept", "target"]
NUMBERS = ["value", "low", "high", "run_mean", "run_sd", "effect", "chance", "p", "p_holm", "p_bh"]


def images(count, seed, offset=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 6, 5, generator=generator, dtype=torch.float64) + offset


CONCEPTS = {"bright": images(6, 1, 2.0), "dark": images(6, 5, -2.0)}
RANDOM = images(8, 2)
# Images of two kinds, so that derivatives of both signs occur.
SHOWN = torch.cat([images(4, 3, 1.0), images(5, 4, -1.5)])


@pytest.fixture
def model():
    return sacv.VisionModel(SmallNet(3).double(), class_names=["ant", "bee", "cat", "dog"])


def make_bank(model, layers=("features.0", "features.2"), concepts=None, **options):
    options = {"nulls": 19, "runs": 4, "solver": MeanDifference()} | options
    return sacv.fit(model, list(layers), concepts or CONCEPTS, [RANDOM], **options)


@pytest.fixture
def bank(model):
    return make_bank(model)


def same(one, other, tolerance):
    assert list(one.columns) == list(other.columns) and len(one) == len(other)
    numbers = one.select_dtypes("number").columns
    pd.testing.assert_frame_equal(one.drop(columns=numbers), other.drop(columns=numbers))
    np.testing.assert_allclose(one[numbers], other[numbers], rtol=0, atol=tolerance)


def by_hand(model, layer, vector, threshold, target):
    """The terms of each image, and the scores, by the reference."""
    terms = [
        reference.image_terms(*reference.gradient(model.net, layer, image, target), vector, threshold)
        for image in SHOWN
    ]
    return terms, reference.scores(terms)


@pytest.mark.parametrize("target", [1, 2])
def test_agrees_with_the_reference(model, bank, target):
    found = sacv.score(model, SHOWN, bank, target)
    assert len(found.table) == 2 * 2 * 5 and len(found.images) == 2 * 2 * 9
    for layer in LAYERS:
        pairs = [reference.gradient(model.net, layer, image, target) for image in SHOWN]
        for concept in CONCEPTS:
            cav = bank.cav(layer, concept)

            def scores(vector, threshold, pairs=pairs):
                return reference.scores([reference.image_terms(*pair, vector, threshold) for pair in pairs])

            own = scores(cav.vector, cav.threshold)
            runs = [scores(*pair) for pair in zip(cav.runs.vectors, cav.runs.thresholds, strict=True)]
            null = [scores(*pair) for pair in zip(cav.null.vectors, cav.null.thresholds, strict=True)]
            assert (len(runs), len(null)) == (3, 19)
            rows = found.table[(found.table["layer"] == layer) & (found.table["concept"] == concept)]
            assert list(rows["score"]) == list(CENTRES) and set(rows["target"]) == {model.class_name(target)}
            for row in rows.to_dict("records"):
                kind, centre = row["score"], CENTRES[row["score"]]
                assert row["value"] == pytest.approx(own[kind], abs=1e-5)
                mean = np.mean([run[kind] for run in runs])
                assert row["run_mean"] == pytest.approx(mean, abs=1e-5)
                assert row["run_sd"] == pytest.approx(np.std([run[kind] for run in runs], ddof=1), abs=1e-5)
                away = [abs(one[kind] - centre) for one in null]
                farther = sum(distance >= abs(mean - centre) - 1e-9 for distance in away)
                assert row["p"] == pytest.approx((1 + farther) / 20)
                spread = np.sqrt(np.mean(np.square(away)))
                assert row["effect"] == pytest.approx((mean - centre) / spread, abs=1e-5)
                assert row["images"] == 9 and row["weak"] is False
    assert (found.table.groupby("score")["value"].nunique() > 1).all()  # else much of this would hold for any formula


def test_rows_of_images_agree_with_the_reference(model, bank):
    found = sacv.score(model, SHOWN, bank, [3, 1]).images
    assert list(found.columns) == [
        "image", *KEYS, "derivative", "smooth", "sacv_score", "sacv_positive", "sacv_negative", "weak",
    ]  # fmt: skip
    for target in (3, 1):
        for layer in LAYERS:
            cav = bank.cav(layer, "dark")
            terms, _ = by_hand(model, layer, cav.vector, cav.threshold, target)
            rows = found.loc[
                (found["layer"] == layer) & (found["concept"] == "dark") & (found["target"] == model.class_name(target))
            ]
            assert list(rows["image"]) == [f"the images to score[{index}]" for index in range(9)]
            wanted = [(derivative, phi, score) for derivative, phi, score, _ in terms]
            np.testing.assert_allclose(rows[["derivative", "smooth", "sacv_score"]], wanted, atol=1e-9)


def test_rows_of_images_sum_to_the_scores(model, bank):
    found = sacv.score(model, SHOWN, bank, ["bee", "dog"])
    values = found.table.set_index([*KEYS, "score"])["value"]
    assert len(values) == 2 * 2 * 2 * 5
    for key, rows in found.images.groupby(KEYS):
        derivative = rows["derivative"]
        assert values[(*key, "tcav")] == pytest.approx((derivative > 0).mean())
        assert values[(*key, "magnitude")] == pytest.approx(derivative.clip(lower=0).sum() / derivative.abs().sum())
        assert values[(*key, "smooth")] == pytest.approx(rows["smooth"].mean())
        assert values[(*key, "sacv")] == pytest.approx(rows["sacv_score"].mean())
    both = found.images["sacv_positive"] + found.images["sacv_negative"]
    np.testing.assert_allclose(both, found.images["sacv_score"], atol=1e-12)


def test_agrees_with_the_explanations_of_the_same_images(model, bank):
    """The derivative for v tiled over the grid is the sum of all contributions, and the SACV score the gated one."""
    found = sacv.score(model, SHOWN, bank, "cat").images.sort_values(["layer", "concept", "image"])
    pictures = image_set("the images to score", SHOWN)
    shown = sacv.explain(model, pictures, bank, "cat", method=Gradient(), checks=False).scores()
    shown = shown.sort_values(["layer", "concept", "image"])
    assert list(found["image"]) == list(shown["image"])
    for mine, theirs in (("derivative", "contribution_sum"), ("sacv_score", "sacv_score"),
                         ("sacv_positive", "sacv_positive"), ("sacv_negative", "sacv_negative")):  # fmt: skip
        np.testing.assert_allclose(found[mine], shown[theirs], rtol=0, atol=1e-6)
        assert found[mine].abs().max() > 1e-2


def test_corrections_run_over_all_rows_of_the_same_score(model, bank):
    table = sacv.score(model, SHOWN, bank, [0, 1, 2]).table
    for _, rows in table.groupby("score"):
        assert len(rows) == 2 * 2 * 3
        np.testing.assert_allclose(rows["p_holm"], reference.holm(list(rows["p"])))
        np.testing.assert_allclose(rows["p_bh"], reference.benjamini_hochberg(list(rows["p"])))
    assert (table["p_holm"] > table["p"]).any()


def test_intervals_hold_the_estimate(model, bank):
    table = sacv.score(model, SHOWN, bank, [0, 1, 2]).table
    assert (table["low"] <= table["value"] + 1e-12).all() and (table["value"] <= table["high"] + 1e-12).all()
    assert (table["low"] < table["high"]).any()


def test_intervals_of_one_image_shown_again_have_no_width(model, bank):
    table = sacv.score(model, SHOWN[:1].repeat(5, 1, 1, 1), bank, 1).table
    np.testing.assert_allclose(table["low"], table["value"], atol=1e-12)
    np.testing.assert_allclose(table["high"], table["value"], atol=1e-12)
    assert (table["images"] == 5).all()


def test_the_seed_moves_the_intervals_alone(model, bank):
    one, same_seed, other = (sacv.score(model, SHOWN, bank, 1, seed=seed) for seed in (0, 0, 1))
    pd.testing.assert_frame_equal(one.table, same_seed.table, check_exact=True)
    rest = [name for name in one.table.columns if name not in ("low", "high")]
    pd.testing.assert_frame_equal(one.table[rest], other.table[rest], check_exact=True)
    assert not np.allclose(one.table["low"], other.table["low"])
    assert (one.settings["seed"], other.settings["seed"]) == (0, 1)


@pytest.mark.parametrize("size", [1, 2, 4])
def test_batch_size_changes_nothing(model, bank, size):
    one, other = (sacv.score(model, SHOWN, bank, [1, 2], batch_size=each) for each in (size, 32))
    same(one.table, other.table, 1e-6)
    same(one.images, other.images, 1e-6)
    assert one.notes == other.notes


def test_several_targets_equal_single_ones(model, bank):
    together = sacv.score(model, SHOWN, bank, ["dog", 1, "0"])
    assert together.settings["targets"] == ["dog", "bee", "ant"]
    corrected = ["p_holm", "p_bh"]  # they depend on what else is tested
    for name in ("dog", "bee", "ant"):
        alone = sacv.score(model, SHOWN, bank, name)
        for mine, theirs in ((together.table.drop(columns=corrected), alone.table.drop(columns=corrected)),
                             (together.images, alone.images)):  # fmt: skip
            same(mine[mine["target"] == name].reset_index(drop=True), theirs, 1e-9)


def test_a_function_as_the_target(model, bank):
    def cat(output):
        return output[:, 2]

    own = sacv.score(model, SHOWN, bank, cat, allow_weak=True).table
    named = sacv.score(model, SHOWN, bank, [2, cat], allow_weak=True).table
    assert set(own["target"]) == {"cat"} and own["value"].notna().all()
    assert list(dict.fromkeys(named["target"])) == ["cat", "cat (target 2)"]
    by_index = sacv.score(model, SHOWN, bank, 2, allow_weak=True).table
    assert own["value"].tolist() == by_index["value"].tolist()


def test_two_classes_of_one_name(model, bank):
    twins = replace(model, class_names=["crane", "bee", "crane", "dog"])
    table = sacv.score(twins, SHOWN, bank, [0, 2], allow_weak=True).table
    assert list(dict.fromkeys(table["target"])) == ["crane", "crane (2)"]


def test_several_concepts_equal_single_ones(model, bank):
    together = sacv.score(model, SHOWN, bank, 1)
    for concept in CONCEPTS:
        alone = sacv.score(model, SHOWN, make_bank(model, concepts={concept: CONCEPTS[concept]}), 1)
        tables = [found.table.drop(columns=["p_holm", "p_bh"]) for found in (together, alone)]
        for mine, theirs in (tables, (together.images, alone.images)):
            same(mine[mine["concept"] == concept].reset_index(drop=True), theirs, 1e-9)


def test_a_shared_null_gives_the_same_as_a_separate_one(model, bank):
    for layer in LAYERS:
        assert bank.cav(layer, "bright").null is bank.cav(layer, "dark").null
    cavs = (replace(cav, null=DrawnCAVs(*(values.copy() for values in vars(cav.null).values()))) for cav in bank.cavs)
    one, other = (sacv.score(model, SHOWN, each, 1) for each in (bank, replace(bank, cavs=tuple(cavs))))
    pd.testing.assert_frame_equal(one.table, other.table, check_exact=True)


def test_each_concept_is_compared_with_its_own_null(model, bank):
    """A null that is the concept's own CAV and runs leaves nothing to tell; the other concept keeps its p-values."""
    own = [
        replace(
            cav,
            runs=DrawnCAVs(cav.vector[None].repeat(2, 0), np.full(2, cav.threshold), np.full(2, cav.separation)),
            null=DrawnCAVs(cav.vector[None].repeat(19, 0), np.full(19, cav.threshold), np.full(19, cav.separation)),
        )
        if cav.concept == "bright"
        else cav
        for cav in bank.cavs
    ]
    before, after = (sacv.score(model, SHOWN, each, 2).table for each in (bank, replace(bank, cavs=tuple(own))))
    bright = after["concept"] == "bright"
    assert (after["p"][bright] == 1).all() and (before["p"][bright] < 1).any()
    pd.testing.assert_series_equal(after["p"][~bright], before["p"][~bright])


def test_one_run_alone_tests_the_bank_s_own_cav(model):
    table = sacv.score(model, SHOWN, make_bank(model, runs=1), 1).table
    np.testing.assert_array_equal(table["run_mean"], table["value"])
    assert table["run_sd"].isna().all() and table["p"].notna().all()


@pytest.mark.parametrize("smoothing", [0.0, 1.0])
def test_scores_gate_by_activations_as_the_bank_reads_them(model, smoothing):
    solver = UnitLength(MeanDifference(), smoothing)
    bank = make_bank(model, ["features.2"], {"bright": CONCEPTS["bright"]}, solver=solver)
    cav = bank.cav("features.2", "bright")
    terms = []
    for image in SHOWN:
        cells, gradients = reference.gradient(model.net, "features.2", image, 1)
        read = reading.read(cells, smoothing)
        terms.append(reference.image_terms(read, gradients, cav.vector, cav.threshold))
    values = sacv.score(model, SHOWN, bank, 1, allow_weak=True).table.set_index("score")["value"]
    assert dict(values) == pytest.approx(reference.scores(terms), abs=1e-9)
    assert 0 < sum(places for *_, places in terms) < 9 * 30


def test_a_bank_read_from_disk_scores_the_same(model, bank, tmp_path):
    bank.save(tmp_path / "bank")
    one, other = (sacv.score(model, SHOWN, each, 1) for each in (bank, sacv.ConceptBank.load(tmp_path / "bank")))
    same(one.table, other.table, 1e-12)


def selected(*indices):
    return {str(index): Class(index) for index in indices}


def parts_of(reducer, shards):
    return list(LocalEngine().parts(reducer, shards))


def whole_of(reducer, parts):
    return fold(iter(parts), reducer)


def shards_of(sizes):
    ends = np.cumsum([0, *sizes])
    return [Shard(number, (range(*ends[number : number + 2]),)) for number in range(len(sizes))]


def assert_equal(one, other):
    assert set(one) == set(other)
    for key, sums in one.items():
        assert (other[key].constant, other[key].moves) == (sums.constant, sums.moves)
        np.testing.assert_allclose(other[key].drawn, sums.drawn, rtol=1e-12, atol=1e-12)
        np.testing.assert_allclose(other[key].by_group(), sums.by_group(), rtol=1e-12, atol=1e-12)


def test_merging_parts_equals_one_pass(model, bank):
    reducer = ScoreReducer(model, bank, selected(1, 2), image_set("x", SHOWN).items)
    whole = whole_of(reducer, parts_of(reducer, shards_of([9])))
    assert len(whole) == 2 * 2 * 2
    for sizes in ([2, 2, 2, 3], [1, 8], [0, 9]):
        assert_equal(whole, whole_of(reducer, parts_of(reducer, shards_of([size for size in sizes if size]))))
    parts = parts_of(reducer, shards_of([4, 5]))
    assert_equal(whole, whole_of(reducer, parts[::-1]))
    assert_equal(whole, reducer.merge(reducer.merge({}, parts[0]), reducer.merge({}, parts[1])))


def test_groups_bound_what_is_held_of_the_images(model, bank, monkeypatch):
    monkeypatch.setattr("sacv.scores.accumulation.BUNDLES", 4)
    reducer = ScoreReducer(model, bank, selected(1), image_set("x", SHOWN).items)
    parts = parts_of(reducer, shards_of([2, 3, 4]))
    rows = {key: np.concatenate([part[key].terms for part in parts]) for key in parts[0]}
    for key, sums in whole_of(reducer, parts).items():
        want = [rows[key][group::4].sum(axis=0) for group in range(4)]
        np.testing.assert_allclose(sums.by_group(), want, rtol=1e-12, atol=1e-12)
    one, other = sacv.score(model, SHOWN, bank, 1), None
    monkeypatch.setattr("sacv.scores.accumulation.BUNDLES", 1024)
    other = sacv.score(model, SHOWN, bank, 1)
    np.testing.assert_allclose(one.table["value"], other.table["value"], rtol=1e-10, atol=1e-12)
    assert one.table["images"].tolist() == [9] * len(one.table) and len(one.images) == len(other.images)


def test_intervals_are_over_groups(model, bank):
    """What the images of a group sum to is drawn together, in whatever parts they come; the scores stay."""
    patients = [0, 1, 0, 2, 2, 1, 0, 3, 3]
    items = [item.of_group(f"p{one}") for item, one in zip(image_set("x", SHOWN), patients, strict=True)]
    reducer = ScoreReducer(model, bank, selected(1), items)
    parts = parts_of(reducer, shards_of([2, 3, 4]))
    rows = {key: np.concatenate([part[key].terms for part in parts]) for key in parts[0]}
    for key, sums in whole_of(reducer, parts).items():
        want = [rows[key][np.array(patients) == one].sum(axis=0) for one in range(4)]
        np.testing.assert_allclose(sums.by_group(), want, rtol=1e-12, atol=1e-12)
    found = sacv.score(model, SHOWN, bank, 1, groups=lambda name: f"p{patients[int(name.split('[')[1][:-1])]}")
    plain = sacv.score(model, SHOWN, bank, 1)
    np.testing.assert_allclose(found.table["value"], plain.table["value"], rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(found.table["p"], plain.table["p"])
    assert found.settings["groups"] == 4 and "groups" not in plain.settings
    assert (found.table["low"] != plain.table["low"]).any()
    alone = sacv.score(model, SHOWN, bank, 1, groups=lambda name: name)
    pd.testing.assert_frame_equal(alone.table, plain.table)


def test_a_part_packs_and_unpacks_to_the_bit(model, bank):
    reducer = ScoreReducer(model, bank, selected(1, 2), image_set("x", SHOWN).items)
    shards = shards_of([4, 5])
    for shard, part in zip(shards, parts_of(reducer, shards), strict=True):
        found = reducer.unpack(reducer.pack(part), shard)
        assert set(found) == set(part)
        for key, sums in part.items():
            assert found[key].numbers == sums.numbers
            for name in ("terms", "derivative", "drawn", "constant", "moves"):
                np.testing.assert_array_equal(getattr(found[key], name), getattr(sums, name))


def test_interrupted_scoring_goes_on_and_gives_the_same(model, bank, tmp_path, monkeypatch):
    monkeypatch.setattr("sacv.engine.shards.LEAST_IMAGES", 2)
    want = sacv.score(model, SHOWN, bank, [1, 2], batch_size=2)
    for stop in range(1, 5):
        store, done = ShardStore(tmp_path / str(stop)), []

        def interrupt(count, total, stop=stop):
            if count == stop:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            sacv.score(model, SHOWN, bank, [1, 2], batch_size=2, shards=store, progress=interrupt)
        kept = len(list(store.folder.iterdir())) if store.folder.exists() else 0
        assert kept == stop - 1
        add = ScoreReducer.add
        monkeypatch.setattr(ScoreReducer, "add", lambda *given, add=add, done=done: done.append(1) or add(*given))
        found = sacv.score(model, SHOWN, bank, [1, 2], batch_size=2, shards=store)
        monkeypatch.setattr(ScoreReducer, "add", add)
        assert len(done) == 5 - kept
        pd.testing.assert_frame_equal(found.table, want.table, check_exact=True)
        pd.testing.assert_frame_equal(found.images, want.images, check_exact=True)


def test_parts_of_other_images_targets_or_banks_are_not_taken(model, bank):
    items = image_set("x", SHOWN).items
    shard = cut(4, 2)[0]

    def key(items=items, bank=bank, targets=None, model=model):
        return ScoreReducer(model, bank, targets or selected(1), items).key(shard)

    assert key() == key()
    net = SmallNet(4).double()
    others = [
        key(items=items[1:]),
        key(targets=selected(2)),
        key(targets={"1": lambda output: output[:, 1]}),
        key(targets={"1": lambda output: output[:, 2]}),
        key(bank=make_bank(model, seed=3)),
        key(bank=make_bank(model, ["features.0"])),
        key(model=sacv.VisionModel(net)),
        ScoreReducer(model, bank, selected(1), items).key(cut(4, 4)[0]),
    ]
    assert len({key(), *others}) == len(others) + 1


def test_a_constant_half_and_one_that_is_not_merge_to_one_that_is_not(model, bank):
    reducer = ScoreReducer(model, bank, selected(1), image_set("x", SHOWN[:2]).items)
    parts = parts_of(reducer, shards_of([1, 1]))
    for sums in parts[0].values():
        sums.constant = True
    assert not any(sums.constant for sums in whole_of(reducer, parts).values())


def test_a_constant_gradient_is_told(model):
    bank = make_bank(model, ["features.2", "features.3"])
    found = sacv.score(model, SHOWN, bank, [0, 1], allow_weak=True)
    (note,) = [note for note in found.notes if "too weak" not in note]
    assert note.startswith("At 'features.3' the gradient is the same at every location (only global average pooling")
    late = found.table[(found.table["layer"] == "features.3") & (found.table["score"] == "tcav")]
    assert set(late["value"]) <= {0.0, 1.0}
    assert not any("features.3" in note for note in sacv.score(model, SHOWN, make_bank(model), 1).notes)


def test_a_zero_gradient_is_told():
    class Deaf(SmallNet):
        """Reads the features only times zero."""

        def forward(self, x):
            features = self.features(x)
            return self.head(features.detach().mean((2, 3)) + 0 * features.mean((2, 3)))

    model = sacv.VisionModel(Deaf(3).double())
    found = sacv.score(model, SHOWN, make_bank(model, ["features.2"]), 1)
    (note,) = found.notes
    assert note.startswith("At 'features.2' the logit does not change with the layer's locations")
    for row in found.table.to_dict("records"):
        assert row["value"] == row["low"] == row["high"] == row["run_mean"] == CENTRES[row["score"]]
        assert row["p"] == 1


def test_no_note_where_all_is_well(model, bank):
    assert sacv.score(model, SHOWN, bank, 1).notes == ()


def test_without_a_null_there_is_no_p_value(model, tmp_path):
    found = sacv.score(model, SHOWN, make_bank(model, nulls=0), 1)
    assert found.table[["effect", "p", "p_holm", "p_bh"]].isna().all(axis=None)
    assert found.table[["value", "low", "high", "run_mean", "run_sd"]].notna().all(axis=None)
    assert found.notes == (
        "The bank has no null CAVs, so that no score has a p-value; fit with --nulls 199 and 4 random images.",
    )
    found.save(tmp_path / "out")
    labels = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert labels["notes"] == list(found.notes) and labels["nulls"] == 0
    for row in labels["scores"]:
        assert row["p"] is row["p_holm"] is row["p_bh"] is row["effect"] is None
        assert isinstance(row["value"], float)


def test_the_saved_folder(model, bank, tmp_path):
    found = sacv.score(model, SHOWN, bank, ["bee", "cat"], seed=7)
    found.save(tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "images.parquet", "index.html", "scores.json", "scores.parquet",
    ]  # fmt: skip
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "scores.parquet"), found.table, check_exact=True)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out" / "images.parquet"), found.images, check_exact=True)
    labels = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert (labels["kind"], labels["format_version"]) == ("class scores", 2)
    assert labels["settings"] == {"targets": ["bee", "cat"], "seed": 7, "images": 9}
    assert labels["model"]["fingerprint"] == model.fingerprint
    assert (labels["runs"], labels["nulls"], labels["solver"]["name"]) == (4, 19, "MeanDifference")
    for row, wanted in zip(labels["scores"], found.table.to_dict("records"), strict=True):
        assert row == {key: None if value != value else value for key, value in wanted.items()}
    found.save(tmp_path / "out")  # its own folder may be written again
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x").touch()
    with pytest.raises(StorageError):
        found.save(tmp_path / "mine")


def test_columns_of_the_table(model, bank):
    table = sacv.score(model, SHOWN, bank, 1).table
    assert list(table.columns) == [*KEYS, "score", *NUMBERS[:-2], "images", "p_holm", "p_bh", "weak"]
    assert table[NUMBERS].dtypes.eq(np.float64).all() and table["weak"].dtype == bool


def test_weak_cavs_are_refused_or_marked(model, tmp_path):
    bank = make_bank(model, ["features.2"], {"bright": CONCEPTS["bright"], "noise": images(6, 11)})
    area = bank.cav("features.2", "noise").quality.auroc
    with pytest.raises(WeakConceptError, match=f"'noise' at 'features.2': its held-out AUROC is {area:.2f}"):
        sacv.score(model, "no such folder", bank, 1)  # before any image is read
    found = sacv.score(model, SHOWN, bank, 1, allow_weak=True)
    (note,) = found.notes
    assert note.startswith(f"'noise' at 'features.2' is too weak to rely on: its held-out AUROC is {area:.2f}")
    for rows in (found.table, found.images):
        assert rows.groupby("concept")["weak"].agg(["all", "any"]).to_dict("index") == {
            "bright": {"all": False, "any": False},
            "noise": {"all": True, "any": True},
        }
    found.save(tmp_path / "out")
    labels = json.loads((tmp_path / "out" / "scores.json").read_text())
    assert {(row["concept"], row["weak"]) for row in labels["scores"]} == {("bright", False), ("noise", True)}
    assert labels["notes"] == [note]


@pytest.mark.parametrize(("target", "error", "words"), [
    ([], OptionError, "no target is given"),
    (["cat", 2], OptionError, "a target is given twice: cat, 2"),
    ((1, "1"), OptionError, "a target is given twice"),
    ("cow", TargetError, "no class 'cow'"),
    ([0, 4], TargetError, "out of range; the model's classes go from 0 to 3"),
    (-1, TargetError, "out of range"),
])  # fmt: skip
def test_wrong_targets(model, bank, target, error, words):
    with pytest.raises(error, match=words):
        sacv.score(model, SHOWN, bank, target)


def test_a_bank_of_another_model(bank):
    with pytest.raises(MismatchError):
        sacv.score(sacv.VisionModel(SmallNet(5).double()), SHOWN, bank, 1)


def test_wrong_images_and_batch_size(model, bank, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageSetError, match="is empty"):
        sacv.score(model, tmp_path / "empty", bank, 1)
    with pytest.raises(OptionError, match="batch_size must be at least 1"):
        sacv.score(model, SHOWN, bank, 1, batch_size=0)


def test_a_negative_seed(model, bank):
    with pytest.raises(OptionError, match="seed must be 0 or above, not -1"):
        sacv.score(model, SHOWN, bank, 1, seed=-1)


def test_an_index_of_numpys_own_kind(model, bank):
    """`sacv.explain` takes it."""
    index = np.int64(2)
    sacv.explain(model, SHOWN[:1], bank, index, checks=False)
    same(sacv.score(model, SHOWN, bank, index).table, sacv.score(model, SHOWN, bank, 2).table, 0)


def test_values_that_are_not_finite_name_the_image(model, bank):
    shown = SHOWN.clone()
    shown[5, 0, 0, 0] = torch.inf
    with pytest.raises(ActivationError, match=r"'features\.0' are not finite for the images to score\[5\]"):
        sacv.score(model, shown, bank, 1, batch_size=2)


def test_files_that_cannot_be_read(small_model, small_bank, tmp_path):
    folder = make_pictures(tmp_path / "shown", 3, 9)
    (folder / "notes.txt").write_text("no image")
    with pytest.raises(UnreadableImageError, match=r"notes\.txt"):
        sacv.score(small_model, folder, small_bank, 0)
    found = sacv.score(small_model, folder, small_bank, 0, skip_unreadable=True)
    assert found.settings["images"] == 3 and set(found.table["images"]) == {3}
    assert [entry["name"] for entry in found.to_json()["skipped"]] == [str(folder / "notes.txt")]


def test_progress_counts_batches(model, bank):
    told = []
    sacv.score(model, SHOWN, bank, 1, batch_size=4, progress=lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_a_concept_that_raises_the_class_scores_above_a_null(model):
    """A head that reads the planted direction: every image has a positive derivative, and it beats chance."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 8, 1), nn.Softplus(), nn.Flatten(), nn.Linear(8 * 30, 2)).double()
    model = sacv.VisionModel(net)
    first = make_bank(model, ["0"], {"bright": CONCEPTS["bright"]})
    vector = torch.from_numpy(first.cavs[0].vector)
    with torch.no_grad():
        net[3].weight[1] = vector[:, None].expand(8, 30).reshape(-1)
        net[3].weight[0] = -net[3].weight[1]
    bank = make_bank(model, ["0"], {"bright": CONCEPTS["bright"]}, nulls=99, runs=5)
    table = sacv.score(model, SHOWN, bank, [0, 1]).table.set_index(["target", "score"])
    for kind in ("tcav", "magnitude"):
        assert table.loc[("1", kind), "value"] == 1 and table.loc[("0", kind), "value"] == 0
    assert table.loc[("1", "smooth"), "value"] > 0.95
    assert table.loc[("1", "sacv"), "value"] > 0 > table.loc[("0", "sacv"), "value"]
    assert table.loc[("1", "smooth"), "effect"] > 1 and table.loc[("0", "smooth"), "effect"] < -1


def test_the_page_of_a_notebook_shows_table_and_notes(model):
    shown = sacv.score(model, SHOWN, make_bank(model, nulls=0), 1)._repr_html_()
    assert shown.count("<tr") == 1 + 2 * 2 * 5 and "The bank has no null CAVs" in shown


def test_hostile_names_are_escaped_in_a_notebook(model):
    bank = make_bank(model, ["features.2"], {"<img src=x onerror=alert(1)>": images(6, 11)})
    assert "<img" not in sacv.score(model, SHOWN, bank, 1, allow_weak=True)._repr_html_()
