import json

import numpy as np
import pytest
import torch
from conftest import SmallNet, make_pictures
from safetensors.numpy import load_file

import sacv
from reference import naive, reading
from sacv.errors import ActivationError, LayerError, MismatchError, OptionError, StorageError, TargetError
from sacv.solvers import DEFAULT, LDA, MeanDifference, UnitLength
from viewer import shown


@pytest.fixture
def found(small_model, small_bank, tmp_path):
    return sacv.explain(small_model, make_pictures(tmp_path / "shown", 3, 9, (30, 40)), small_bank, "cat")


def test_shapes_labels_and_logits(found, small_model):
    assert found.layers == ["features.2"] and found.concepts == ("bright",)
    assert found.relevance("features.2", "bright").shape == (3, 12, 10)
    assert found.contribution("features.2", "bright").dtype == np.float32
    assert [image.size for image in found.images] == [(40, 30)] * 3
    logits = small_model.logits(small_model.inputs([item.load() for item in found.image_set]))
    for image, row in zip(found.images, logits, strict=True):
        assert (image.target, image.target_name) == (2, "cat")
        assert image.logit == pytest.approx(float(row[2]), abs=1e-5)
        assert image.predicted == int(row.argmax())
        assert image.probability == pytest.approx(float(row.softmax(0).max()), abs=1e-5)


def test_scores_add_up(found):
    table = found.scores()
    assert len(table) == 3
    relevance, contribution = found.relevance("features.2", "bright"), found.contribution("features.2", "bright")
    for index, row in table.iterrows():
        gate = relevance[index] > 0
        assert row["relevant"] == pytest.approx(gate.mean())
        assert row["sacv_score"] == pytest.approx(contribution[index][gate].sum(), abs=1e-6)
        assert row["sacv_positive"] + row["sacv_negative"] == pytest.approx(row["sacv_score"], abs=1e-9)
        assert row["sacv_negative"] <= 0 <= row["sacv_positive"]
        assert row["contribution_sum"] == pytest.approx(contribution[index].sum(), abs=1e-5)


def test_the_default_method_is_recorded(found, tmp_path):
    assert sacv.methods.DEFAULT == sacv.methods.IntegratedGradients(steps=3, budget=2.4)
    parameters = {"steps": 3, "baseline": "mean", "budget": 2.4}
    want = {"name": "IntegratedGradients", "parameters": parameters, "unit": "logits"}
    assert found.settings["method"] == want | {"meaning": sacv.methods.DEFAULT.meaning}
    found.save(tmp_path / "out")
    labels = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert labels["settings"]["method"] == found.settings["method"]
    assert "IntegratedGradients(steps=3, " in (tmp_path / "out" / "index.html").read_text()


@pytest.mark.parametrize(
    "solver", [MeanDifference(), UnitLength(MeanDifference()), DEFAULT, UnitLength(LDA(0.3), 2.0)], ids=repr
)
def test_relevance_is_along_what_the_bank_reads(solver):
    """r(p) = v . a'(p) - t, with a' the activation as it is, at unit length, or averaged over neighbours too."""
    generator = torch.Generator().manual_seed(0)
    concept, random, shown = (torch.randn(n, 3, 7, 6, generator=generator, dtype=torch.float64) for n in (6, 8, 3))
    net = SmallNet().double()
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, ["features.2"], {"c": concept + 0.7}, [random], solver=solver, nulls=0)
    found = sacv.explain(model, shown, bank, 1, batch_size=2, checks=False, allow_weak=True)
    cav, copy = bank.cavs[0], naive.prepared(net)
    for image, values in zip(shown, found.relevance("features.2", "c"), strict=True):
        cells = naive.activation(copy, "features.2", image).permute(1, 2, 0).numpy()
        read = reading.read(cells, solver.smoothing) if isinstance(solver, UnitLength) else cells
        np.testing.assert_allclose(values, read @ cav.detector - cav.threshold, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("solver", [DEFAULT, LDA(0.3)], ids=repr)
def test_the_page_tells_the_solver_in_full(small_model, guidance, tmp_path, solver):
    bank = sacv.fit(small_model, ["features.2"], {"bright": guidance[0]}, [guidance[1]], solver=solver, nulls=0)
    found = sacv.explain(small_model, guidance[0], bank, 0, method=sacv.methods.Gradient(), checks=False)
    found.save(tmp_path / "out")
    told = repr(solver).replace("'", "")  # words stand there without quotes
    assert shown.facts(tmp_path / "out")["solver"] == told


def test_predicted_explains_each_images_own_class(small_model, small_bank, tmp_path):
    folder = make_pictures(tmp_path / "shown", 4, 9)
    own = sacv.explain(small_model, folder, small_bank, "predicted")
    for index, image in enumerate(own.images):
        assert image.target == image.predicted
        fixed = sacv.explain(small_model, folder, small_bank, image.predicted)
        np.testing.assert_allclose(
            own.contribution("features.2", "bright")[index], fixed.contribution("features.2", "bright")[index]
        )


@pytest.mark.parametrize("checks", [True, False])
def test_progress_counts_batches(small_model, small_bank, tmp_path, checks):
    told = []
    folder = make_pictures(tmp_path / "shown", 5, 9)
    options = {"batch_size": 2, "checks": checks, "progress": lambda done, total: told.append((done, total))}
    sacv.explain(small_model, folder, small_bank, 0, **options)
    assert told == [(1, 3), (2, 3), (3, 3)]


@pytest.mark.parametrize(
    ("target", "words"), [("cow", "no class 'cow'"), (4, "out of range; the model's classes go from 0 to 3")]
)
def test_unknown_targets(small_model, small_bank, tmp_path, target, words):
    with pytest.raises(TargetError, match=words):
        sacv.explain(small_model, make_pictures(tmp_path / "shown", 1, 9), small_bank, target)


def test_unknown_layer_and_concept(found):
    with pytest.raises(LayerError, match="no layer 'x'"):
        found.relevance("x", "bright")
    with pytest.raises(OptionError, match="no concept 'x'"):
        found.contribution("features.2", "x")
    with pytest.raises(LayerError, match="no layer 'x'"):
        found.significant("x", "bright")
    with pytest.raises(OptionError, match="no concept 'x'"):
        found.significant("features.2", "x")


def test_a_bank_of_another_model(small_bank, small_model, tmp_path):
    other = sacv.VisionModel(SmallNet(3), small_model.transform)
    with pytest.raises(MismatchError):
        sacv.explain(other, make_pictures(tmp_path / "shown", 1, 9), small_bank, 0)


def test_values_that_are_not_finite_name_the_image(small_model, small_bank):
    images = torch.zeros(3, 3, 12, 10)
    images[1, 0, 0, 0] = torch.inf
    with pytest.raises(ActivationError, match=r"not finite for the images to explain\[1\]"):
        sacv.explain(small_model, images, small_bank, 0)


def test_a_grid_that_changes_between_batches_is_told(small_model, small_bank):
    images = [torch.rand(1, 3, 12, 10), torch.rand(1, 3, 14, 10)]
    with pytest.raises(LayerError, match=r"a grid of \(14, 10\) for .*, but of \(12, 10\) for the images before"):
        sacv.explain(small_model, images, small_bank, 0, batch_size=1)


def test_the_saved_folder(found, tmp_path):
    found.save(tmp_path / "out")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == [
        "explanation.json", "images.parquet", "index.html", "maps.safetensors", "pictures", "scores.parquet",
    ]  # fmt: skip
    labels = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert labels["format_version"] == 8 and labels["count"] == 3 and labels["numbers"] == [0, 1, 2]
    assert [image["path"] for image in labels["images"]] == [image.path for image in found.images]
    assert labels["concepts"] == ["bright"] and list(labels["layers"]) == ["features.2"]
    maps = load_file(tmp_path / "out" / "maps.safetensors")
    assert {name: (value.shape, value.dtype) for name, value in maps.items()} == {
        "features.2/relevance": ((3, 1, 12, 10), np.float32),
        "features.2/contribution": ((3, 1, 12, 10), np.float32),
        "features.2/relevance_significant": ((3, 1, 12, 10), np.bool_),
        "features.2/contribution_significant": ((3, 1, 12, 10), np.bool_),
    }
    seen, given = found.significant("features.2", "bright")
    wanted = {
        "relevance": found.relevance("features.2", "bright"),
        "contribution": found.contribution("features.2", "bright"),
        "relevance_significant": seen,
        "contribution_significant": given,
    }
    for kind, values in wanted.items():
        np.testing.assert_array_equal(maps[f"features.2/{kind}"][:, 0], values)
    header = shown.header(tmp_path / "out")
    assert header["concepts"] == ["bright"] and [layer["name"] for layer in header["layers"]] == ["features.2"]
    assert "5 x 5 px" in header["layers"][0]["field"]
    pictures = sorted(file.name for file in (tmp_path / "out" / "pictures").iterdir())
    assert pictures == ["000000.jpg", "000001.jpg", "000002.jpg"]
    found.save(tmp_path / "out")  # its own folder may be written again
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "x").touch()
    with pytest.raises(StorageError):
        found.save(tmp_path / "mine")


def test_without_a_null_no_mask_is_saved(small_model, guidance, tmp_path):
    bank = sacv.fit(small_model, ["features.2"], {"bright": guidance[0]}, [guidance[1]], nulls=0)
    sacv.explain(small_model, guidance[0], bank, 0).save(tmp_path / "out")
    assert sorted(load_file(tmp_path / "out" / "maps.safetensors")) == [
        "features.2/contribution", "features.2/relevance",
    ]  # fmt: skip
    labels = json.loads((tmp_path / "out" / "explanation.json").read_text())
    assert [(note["layer"], note["kind"]) for note in labels["notes"]] == [(None, "no null")]


def test_the_label_file_holds_the_trust_lines(found, tmp_path):
    found.save(tmp_path / "out")
    rows = json.loads((tmp_path / "out" / "explanation.json").read_text())["scores"]
    for (line,), row in zip(found.checks["features.2"], rows, strict=True):
        assert row["evidence"] == line.evidence and row["ablation"] == line.ablation
        assert row["neighbours"] is None and row["doubts"] == "; ".join(line.warnings)
        assert row["beyond"] is line.beyond and row["weak"] is False


def test_a_constant_contribution_is_told_and_not_drawn(guidance, tmp_path):
    model = sacv.VisionModel(SmallNet(), sacv.ImageTransform((12, 10)))
    bank = sacv.fit(model, ["features.3"], {"bright": guidance[0]}, [guidance[1]])
    found = sacv.explain(model, guidance[0], bank, 1, method=sacv.methods.Gradient())
    assert [note.kind for note in found.notes] == ["constant contribution"]
    found.save(tmp_path / "out")
    (layer,) = shown.header(tmp_path / "out")["layers"]
    assert "only global average pooling and a linear head follow" in layer["notes"][0][0] and layer["silent"] == [True]
    # The default takes the amount of the concept into account, which differs between places.
    default = sacv.explain(model, guidance[0], bank, 1)
    assert [note.kind for note in default.notes] == ["constant derivative"]
    default.save(tmp_path / "out")
    assert shown.header(tmp_path / "out")["layers"][0]["silent"] == [False]


def test_a_zero_contribution_is_told(guidance):
    class Corner(SmallNet):
        """Reads a detached copy of the features, and the layer only times zero."""

        def forward(self, x):
            features = self.features(x)
            return self.head(features.detach().mean((2, 3)) + 0 * features.mean((2, 3)))

    model = sacv.VisionModel(Corner(), sacv.ImageTransform((12, 10)))
    bank = sacv.fit(model, ["features.2"], {"bright": guidance[0]}, [guidance[1]])
    assert [note.kind for note in sacv.explain(model, guidance[0], bank, 1).notes] == ["zero contribution"]


def test_no_note_where_the_contribution_varies(found):
    assert found.notes == ()


def test_users_own_transform_is_drawn_over_the_input(guidance, tmp_path):
    def transform(picture):
        small = np.asarray(picture.resize((10, 12)), dtype=np.float32) / 255
        return torch.from_numpy(small).permute(2, 0, 1)

    model = sacv.VisionModel(SmallNet(), transform)
    bank = sacv.fit(model, ["features.2"], {"bright": guidance[0]}, [guidance[1]])
    found = sacv.explain(model, guidance[0], bank, 1)
    assert found.images[0].region is None
    found.save(tmp_path / "out")
    assert (tmp_path / "out" / "index.html").exists()


def test_skipped_files_are_listed(small_model, small_bank, guidance, tmp_path):
    (guidance[0] / "notes.txt").write_text("no image")
    found = sacv.explain(small_model, guidance[0], small_bank, 0, skip_unreadable=True)
    assert len(found.images) == 6
    found.save(tmp_path / "out")
    assert "notes.txt" in (tmp_path / "out" / "index.html").read_text()
    assert "notes.txt" in json.loads((tmp_path / "out" / "explanation.json").read_text())["skipped"][0]["name"]
