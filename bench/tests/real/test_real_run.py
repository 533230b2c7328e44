"""The experiments on made photographs and an untrained network, and what is written of them."""

import json

import numpy as np
import pandas as pd
import pytest

import sacv
from real.made import TINY, TOY
from sacv.cli import main
from sacv.errors import ImageSetError, OptionError
from sacv_bench.localisation import OURS, PAPER
from sacv_bench.real import absent as absences
from sacv_bench.real.annotated import AnnotatedConcept
from sacv_bench.real.lesions import FOLDS, folds
from sacv_bench.real.material import NEEDS, read_material
from sacv_bench.real.methods import MEAN_DIFFERENCE, METHODS, NET2VEC, directions
from sacv_bench.real.networks import NETWORKS, chosen
from sacv_bench.real.observed import ADVISED, IMAGE, LOCATIONS, ROWS, SIGN, SPEARMAN
from sacv_bench.real.run import EXPERIMENTS, RealResult, run_real
from sacv_bench.real.setup import Lab
from sacv_bench.real.streets import streets
from sacv_bench.real.writing import in_short, records, summary, tables, write_real

SEED = 3


@pytest.fixture(scope="module")
def result(folder):
    said = []
    found = run_real(folder, list(EXPERIMENTS), [TOY], TINY, SEED, said.append)
    assert said == [*(f"toy: {name}" for name in EXPERIMENTS), "intervals"]
    return found


@pytest.fixture
def lab(folder):
    return Lab(TOY, read_material(folder, list(NEEDS), []), TINY, SEED)


def test_every_experiment_has_rows_in_range(result):
    rows = result.rows
    assert tuple(rows.columns) == ROWS and list(dict.fromkeys(rows["experiment"])) == list(EXPERIMENTS)
    signed = rows["metric"] == SPEARMAN
    assert (
        rows.loc[~signed, "value"].dropna().between(0, 1).all()
        and rows.loc[signed, "value"].dropna().between(-1, 1).all()
    )
    known = rows.dropna()
    assert (known["low"] <= known["high"]).all() and (rows["images"] >= 1).all()
    assert not rows.duplicated(list(ROWS[:7])).any()
    for name, part in rows.groupby("experiment"):
        assert set(part["layer"]) == {*TOY.layers, ADVISED}, name


def test_methods_stand_beside_ours(result):
    place = result.rows[result.rows["metric"] == LOCATIONS]
    assert set(place["method"]) == set(METHODS)
    for _, part in place.groupby(["experiment", "concept", "n", "layer"]):
        assert set(METHODS) - {NET2VEC} <= set(part["method"])  # which needs masks
    marked = place[place["experiment"].isin(["streets", "horses"])]
    assert (marked.groupby(["experiment", "concept", "n", "layer"])["method"].nunique() == len(METHODS)).all()
    veil = result.rows[result.rows["metric"] == IMAGE]
    assert set(veil["concept"]) == {"veil"} and NET2VEC not in set(veil["method"])
    given = result.rows[result.rows["metric"].isin([SPEARMAN, SIGN])]
    assert {OURS, f"{OURS}, whole image", f"{OURS}, gradient", PAPER, "area of the paste"} < set(given["method"])


def test_a_colour_is_found_where_it_is(result):
    rows = result.rows[(result.rows["metric"] == LOCATIONS) & (result.rows["layer"] == "features.1")]
    own = rows[rows["method"] == OURS].set_index(["experiment", "concept", "n"])["value"]
    assert own["streets", "all", 3] > 0.9 and own["horses", "horse", 3] > 0.9 and own["pasted", "horse", 4] > 0.9
    assert own["patterns", "striped, textures", 6] > 0.9 and own["lesions", "lesion", 3] > 0.9


def test_the_advised_rows_are_those_of_the_layers_it_names(result):
    rows, advice = result.rows, result.advice
    assert set(advice["layer"]) <= set(TOY.layers) and set(advice["experiment"]) == set(EXPERIMENTS)
    # One fit, one layer: the row is that layer's.
    once = advice[(advice["experiment"] == "patterns") & (advice["concept"] == "striped, textures")]
    assert len(once) == 1 and once["times"].tolist() == [1]
    part = rows[
        (rows["experiment"] == "patterns") & (rows["concept"] == "striped, textures") & (rows["method"] == OURS)
    ]
    by_layer = part.set_index("layer")["value"]
    assert by_layer[ADVISED] == by_layer[once["layer"].iloc[0]]
    turns = advice[(advice["experiment"] == "streets") & (advice["concept"] == "car") & (advice["n"] == 2)]
    assert turns["times"].sum() == 3  # each drive is left out once


def test_the_same_seed_gives_the_same(folder, result):
    again = run_real(folder, ["horses"], [TOY], TINY, SEED, lambda text: None)
    first = result.rows[result.rows["experiment"] == "horses"].reset_index(drop=True)
    pd.testing.assert_frame_equal(again.rows, first)


@pytest.mark.parametrize("name", ["streets", "horses", "patterns", "lesions"])
def test_nothing_is_trained_on_and_tested(lab, monkeypatch, name):
    rounds = []

    def record(self, trained, tested, **rest):
        rounds.append((self, list(trained), list(tested)))
        return []

    monkeypatch.setattr(AnnotatedConcept, "round", record)
    EXPERIMENTS[name](lab)
    assert len(rounds) >= 2
    for annotated, trained, tested in rounds:
        assert trained and tested and not set(trained) & set(tested)
        assert len(set(trained)) == len(trained) >= 2
        if name == "streets":
            drives = [{annotated.photos[number].drive for number in part} for part in (trained, tested)]
            assert len(drives[1]) == 1 and not drives[0] & drives[1]


def test_too_few_frames_are_no_round(lab, monkeypatch):
    sizes = []
    monkeypatch.setattr(AnnotatedConcept, "round", lambda self, trained, tested: sizes.append(len(trained)) or [])
    big = Lab(TOY, lab.material, TINY.__class__(**{**vars(TINY), "marked": (2, 5)}), SEED)
    streets(big)
    # Six frames of two other drives show a car, four the sky.
    assert sizes.count(5) == 3 * 3 and sizes.count(2) == 4 * 3


def test_the_mean_difference_beside_ours_is_the_packages_own(lab):
    photos = lab.material.horses[:3]
    annotated = AnnotatedConcept(lab, "horses", "horse", photos, lab.see(photos))
    region = sacv.Region([str(photo.path) for photo in photos], [photo.mask("horse") for photo in photos])
    bank = sacv.fit(
        lab.model, list(lab.layers), regions={"horse": region}, rest=True,
        solver=sacv.solvers.MeanDifference(), runs=1, nulls=0,
    )  # fmt: skip
    for layer in lab.layers:
        marked = lab.annotated_samples(
            annotated.seen, layer, annotated.legal, [annotated.shares[layer, one] for one in annotated.legal]
        )
        found = directions(marked)
        assert found[MEAN_DIFFERENCE] == pytest.approx(bank.cav(layer, "horse").vector, abs=1e-5)
        assert all(np.linalg.norm(vector) == pytest.approx(1) for vector in found.values())


def test_folds_share_both_labels():
    labels = np.arange(30) % 3 == 0
    found = folds(labels, np.random.default_rng(0))
    assert set(found) == set(range(FOLDS))
    for side in (True, False):
        counts = np.bincount(found[labels == side], minlength=FOLDS)
        assert counts.max() - counts.min() <= 1


def test_too_few_veils_are_told(fresh):
    table = fresh / "lesions/lesions.csv"
    table.write_text(table.read_text().replace(",P", ",A"))
    with pytest.raises(ImageSetError, match="0 images with a veil and 18 without one; at least 8"):
        run_real(fresh, ["lesions"], [TOY], TINY, 0, lambda text: None)


def test_what_a_mask_marks_is_counted(lab, monkeypatch):
    def left(found, layer, concept):
        marks = np.zeros(found.relevance(layer, concept).shape, bool)
        marks[:, :, : marks.shape[2] // 4] = True
        return marks

    def nothing(found, layer, concept):
        return np.zeros(found.relevance(layer, concept).shape, bool)

    monkeypatch.setattr(absences, "MASKS", {"left": left, "nothing": nothing})
    found = pd.DataFrame(absences.absent(lab))
    values = found.groupby(["method", "metric"])["value"].mean()
    assert values[f"{OURS}, left", "absent: images with a mask"] == 1
    assert (
        values[f"{OURS}, left", "absent: locations masked"]
        == values[f"{OURS}, left", "present: locations masked"]
        == 0.25
    )
    horses = found[(found["concept"] == "horse") & (found["method"] == f"{OURS}, left")]
    sides = horses.groupby("metric")["value"].mean()
    # Horses lie more to the middle than what is marked.
    assert (
        sides["present: locations masked inside the concept"]
        < 0.25
        < sides["present: locations masked outside the concept"]
    )
    assert (found.loc[found["method"] == f"{OURS}, nothing", "value"] == 0).all()
    assert set(found["concept"]) == {"horse", "car", "lesion", "striped"}


def test_what_is_written(result, tmp_path):
    settings = {"real": "there", "seed": 0}
    write_real(tmp_path / "out", result, settings)
    kept = pd.read_csv(tmp_path / "out" / "rows.csv")
    assert tuple(kept.columns) == ROWS and len(kept) == len(result.rows)
    listed = json.loads((tmp_path / "out" / "rows.json").read_text())
    assert len(listed["rows"]) == len(kept) and listed["settings"] == settings and listed["advice"]
    page = (tmp_path / "out" / "index.html").read_text()
    assert "<title>The truth bench" in page and 'id="streets-toy"' in page and "car, 2, features.1" in page
    assert len(tables(result)) == len(EXPERIMENTS) == len(list((tmp_path / "out").glob("*.parquet")))
    text = (tmp_path / "out" / "summary.md").read_text()
    assert text == summary(result) and "**Masks**" in text and "nan" not in text
    row = result.rows.set_index(["experiment", "concept", "n", "layer", "method", "metric"]).loc[
        ("streets", "all", 2, ADVISED, OURS, LOCATIONS)
    ]
    line = next(line for line in text.splitlines() if line.startswith("| streets | toy | all | 2 |"))
    assert f"| {row['value']:.3f} [{row['low']:.2f}, {row['high']:.2f}] |" in line
    widths = [line.count("|") for line in text.split("\n\n")[1].splitlines()]
    assert len(set(widths)) == 1


def test_in_short_networks_stand_side_by_side(result):
    other = result.rows.assign(network="other", value=0.25)
    text = in_short(RealResult(pd.concat([result.rows, other]), result.advice))
    assert text.startswith("**In short**, at the layer advised: toy / other\n")
    lines = [line.strip("| ").split(" | ") for line in text.splitlines()[2:]]
    own = lines[0].index(OURS)
    streets = [line for line in lines if line[0] == "streets"]
    value = result.rows.set_index(["experiment", "concept", "n", "layer", "method", "metric"]).loc[
        ("streets", "all", 3, ADVISED, OURS, LOCATIONS), "value"
    ]
    # All classes together, of the number nearest to 5.
    assert [line[:4] for line in streets] == [["streets", "all", "3", LOCATIONS]]
    assert streets[0][own] == f"{value:.2f} / .25".replace("0.", ".")
    assert [line[1] for line in lines if line[0] == "lesions"] == ["veil", "lesion"]


def test_missing_numbers_are_null():
    rows = pd.DataFrame([("toy", "a", "horses", "horse", 2, OURS, LOCATIONS, 0.5, np.nan, np.nan, 1)], columns=ROWS)
    assert records(rows)[0]["low"] is None and records(rows)[0]["value"] == 0.5


def test_networks_and_layers_are_chosen():
    assert [network.name for network in chosen(NETWORKS, (), (), False)] == ["squeezenet", "mobilenet", "dinov2"]
    assert [network.layers for network in chosen(NETWORKS, ("dinov2",), (), True)] == [("blocks.5", "blocks.8")]
    # A layer takes the networks that have it, also one that a quick run does not ask.
    (only,) = chosen(NETWORKS, (), ("features.5",), True)
    assert (only.name, only.layers) == ("squeezenet", ("features.5",))
    with pytest.raises(OptionError, match="there is no network 'vgg'; give one of squeezenet, mobilenet, dinov2"):
        chosen(NETWORKS, ("vgg",), (), False)
    with pytest.raises(OptionError, match=r"no network asks layer 'head'; there are squeezenet: features\.5"):
        chosen(NETWORKS, ("squeezenet",), ("head",), False)


def bench(capsys, *arguments):
    with pytest.raises(SystemExit) as left:
        main(["bench", *arguments])
    out, err = capsys.readouterr()
    return left.value.code, out, err


def test_the_command(folder, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sacv_bench.real.networks.NETWORKS", (TOY,))
    monkeypatch.setattr("sacv_bench.real.sizes.QUICK", TINY)
    monkeypatch.chdir(tmp_path)
    status, out, err = bench(capsys, "--real", str(folder), "--quick", "--layer", "features.1", "--json", "Horses")
    found = json.loads(out)
    assert status == 0 and err == "" and {row["layer"] for row in found["rows"]} == {"features.1", ADVISED}
    assert found["settings"]["experiments"] == ["horses"] and found["settings"]["layers"] == {"toy": ["features.1"]}
    status, out, err = bench(capsys, "--real", str(folder), "--quick", "horses", "--out", "there")
    assert status == 0 and out.startswith("**In short**") and "| horses | toy | horse | 2 |" in out
    assert "there/index.html" in err and (tmp_path / "there" / "summary.md").read_text().strip() == out.strip()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--real", "nowhere"], "there is no folder nowhere of real photographs"),
        (["--real", "nowhere", "T2"], "there is no experiment 'T2'; give one of streets"),
        (["--real", "nowhere", "--network", "vgg"], "there is no network 'vgg'"),
        (["--real", "nowhere", "--split", "lesions"], "--split names made scenes"),
        (["--layer", "features.5"], "--network and --layer choose among those of --real"),
    ],
)
def test_errors_are_one_line(capsys, tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    status, out, err = bench(capsys, *arguments)
    assert status == 2 and out == "" and err.count("\n") == 1 and words in err


def test_tables_have_the_advised_layer_first_and_layers_from_shallow_to_deep():
    """Whichever of the layers is the advised one, and in whatever order draws gave the rows."""
    seen = [("car", 5, "deep"), ("car", 5, ADVISED), ("tree", 2, "shallow"), ("car", 2, "shallow"), ("car", 2, ADVISED),
            ("car", 2, "deep"), ("tree", 2, "deep"), ("tree", 2, ADVISED), ("car", 5, "shallow")]  # fmt: skip
    rows = pd.DataFrame([{"layer": "shallow", "concept": "car", "n": 2}])
    rows = pd.concat([rows, pd.DataFrame([{"concept": c, "n": n, "layer": layer} for c, n, layer in seen])])
    rows = rows.assign(
        network="toy", experiment="streets", method=OURS, metric=LOCATIONS, value=0.5, low=0.4, high=0.6, images=3
    )
    rows = rows.reset_index(drop=True).drop_duplicates(["concept", "n", "layer"])
    (found,) = tables(RealResult(rows, pd.DataFrame()))
    want = [
        f"{c}, {n}, {layer}" for c, n in (("car", 2), ("car", 5), ("tree", 2)) for layer in (ADVISED, "shallow", "deep")
    ]
    assert list(dict.fromkeys(found.rows["condition"])) == want
