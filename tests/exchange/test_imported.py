"""CAVs of captum and tensorflow/tcav: files as these write them, and the maps of what is read."""

import pickle
import sys
from collections import OrderedDict
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from conftest import SmallNet
from torch import nn

import sacv
from sacv.errors import CorruptFileError, ImageSetError, LayerError, MismatchError
from sacv.exchange import captum_cavs, captum_images, tcav_cavs
from sacv.exchange.pickles import read_pickle

LAYER, CHANNELS, GRID = "features.2", 8, (12, 10)


@pytest.fixture
def model():
    return sacv.VisionModel(SmallNet(), sacv.ImageTransform(resize=GRID))


@pytest.fixture
def inputs():
    return torch.rand(5, 3, *GRID, generator=torch.Generator().manual_seed(1))


def weights_like(shape, seed=0):
    return np.random.default_rng(seed).normal(size=(2, *shape))


def captum_file(file, given, **stats):
    named = {"concept_ids": [0, 7], "concept_names": ["striped", "random"], "layer": LAYER}
    torch.save(named | {"stats": {"weights": torch.tensor(given).flatten(1)} | stats}, file)
    return file


def tcav_file(file, weights, protocol=4, kind="tensorflow.contrib.training", **more):
    """Write what `CAV._save_cavs` writes, with hyperparameters of a class that is not installed here."""
    module = ModuleType(kind)
    hparams = type("HParams", (), {"__module__": kind})
    module.HParams = hparams
    settings = hparams()
    settings.alpha, settings.kinds = 0.01, {"alpha": float}
    found = {
        "concepts": ["striped", "random500_1"], "bottleneck": "mixed4c", "hparams": settings,
        "accuracies": {"striped": np.float64(0.9), "random500_1": 0.8, "overall": 0.85},
        "cavs": [one.ravel() for one in weights], "saved_path": "cavs/a.pkl",
    }  # fmt: skip
    parts = kind.split(".")
    made = {".".join(parts[: end + 1]): ModuleType(kind) for end in range(len(parts))} | {kind: module}
    sys.modules.update({name: one for name, one in made.items() if name != "__main__"})
    try:
        file.write_bytes(pickle.dumps(found | more, protocol=protocol))
    finally:
        for name in made.keys() - {"__main__"}:
            del sys.modules[name]
    return file


def sensitivity(model, inputs, weights, target):
    """Give the derivative of the logit along weights `(channels, height, width)`, as both libraries take it."""
    cells = model.net.features[:3](inputs).detach().requires_grad_()
    logits = model.net.head(model.net.pool(model.net.features[3](cells.clone())).flatten(1))
    (gradients,) = torch.autograd.grad(logits[:, target].sum(), cells)
    return (gradients.double().numpy() * weights).sum((1, 2, 3)), (cells.detach().double().numpy() * weights).sum(1)


def test_captum_weights_lie_as_layer_output_them(model, inputs, tmp_path):
    weights = weights_like((CHANNELS, *GRID))
    file = captum_file(tmp_path / "a.pkl", weights, classes=np.array([7, 0]), accs=torch.tensor(0.75))
    random, striped = captum_cavs(file, model)
    assert (striped.concept, striped.against, striped.accuracy) == ("striped", ("random",), 0.75)
    norm = np.linalg.norm(weights[1])
    np.testing.assert_allclose(np.moveaxis(striped.weights, -1, 0), weights[1] / norm)
    assert striped.norm == pytest.approx(norm) and striped.elsewhere == pytest.approx(0, abs=1e-12)
    maps = striped.maps(model, list(inputs), 2, batch_size=2)
    want, evidence = sensitivity(model, inputs, weights[1] / norm, 2)
    np.testing.assert_allclose(maps.sensitivity, want, rtol=1e-5, atol=1e-8)
    np.testing.assert_allclose(maps.evidence, evidence, rtol=1e-5, atol=1e-7)
    assert maps.contribution.shape == (5, *GRID) and maps.tcav_score == (want > 0).mean() and len(maps.images) == 5
    held = SimpleNamespace(
        concepts=[SimpleNamespace(id=0, name="striped"), SimpleNamespace(id=7, name="random")], layer=LAYER,
        stats={"weights": torch.tensor(weights).flatten(1), "classes": [7, 0], "accs": None},
    )  # fmt: skip
    np.testing.assert_array_equal(captum_cavs(held, model)[0].weights, random.weights)


def test_tcav_weights_have_the_channels_of_a_location_together(model, inputs, tmp_path):
    weights = weights_like((*GRID, CHANNELS))
    striped, random = tcav_cavs(tcav_file(tmp_path / "a.pkl", weights), model, LAYER)
    assert (striped.concept, random.concept, striped.accuracy) == ("striped", "random500_1", 0.85)
    assert "mixed4c" in striped.source
    as_channels_first = np.moveaxis(weights[0], -1, 0) / np.linalg.norm(weights[0])
    want, _ = sensitivity(model, inputs, as_channels_first, 1)
    np.testing.assert_allclose(striped.maps(model, list(inputs), 1).sensitivity, want, rtol=1e-5, atol=1e-8)


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("kind", ["tensorflow.contrib.training", "tcav.utils", "made"])
def test_files_of_every_protocol_are_read(protocol, kind, tmp_path):
    weights = weights_like((2, 3))
    found = read_pickle(tcav_file(tmp_path / "a.pkl", weights, protocol, kind))
    np.testing.assert_array_equal(found["cavs"][1], weights[1].ravel())
    assert found["accuracies"]["striped"] == 0.9 and vars(found["hparams"]) == {}


class Runs:
    """Runs code when it is unpickled."""

    def __init__(self, function, *given):
        self.function, self.given = function, given

    def __reduce__(self):
        return self.function, self.given


@pytest.mark.parametrize(
    "bad",
    [Runs(eval, "open('ran', 'w')"), Runs(np.load, "x"), Runs(getattr, "a", "upper"), Runs(OrderedDict.fromkeys, "a")],
)
def test_nothing_else_that_a_file_names_is_run(bad, model, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    file = tcav_file(tmp_path / "a.pkl", weights_like((*GRID, CHANNELS)), extra=bad)
    with pytest.raises(CorruptFileError, match=r"it names .*; no code of it was run") as caught:
        tcav_cavs(file, model, LAYER)
    assert "\n" not in str(caught.value)
    file = captum_file(tmp_path / "b.pkl", weights_like((CHANNELS, *GRID)), extra=bad)
    with pytest.raises(CorruptFileError, match="holds more than arrays") as caught:
        captum_cavs(file, model)
    assert "\n" not in str(caught.value) and not (tmp_path / "ran").exists()


def test_what_is_no_cav_is_refused(model, tmp_path):
    file = tmp_path / "a.pkl"
    for content in (b"", b"no pickle", pickle.dumps([1]), pickle.dumps({"concepts": ["a"]})):
        file.write_bytes(content)
        for read in (lambda: tcav_cavs(file, model, LAYER), lambda: captum_cavs(file, model)):
            with pytest.raises(CorruptFileError, match=r"a\.pkl"):
                read()
    for read in (lambda: tcav_cavs("none.pkl", model, LAYER), lambda: captum_cavs("none.pkl", model)):
        with pytest.raises(CorruptFileError, match=r"none\.pkl cannot be read: No such file"):
            read()
    for damaged in ({"cavs": "ab"}, {"cavs": [["a"], ["b"]]}, {"accuracies": 3}, {"concepts": 3}):
        with pytest.raises(CorruptFileError, match="damaged CAV"):
            tcav_cavs(tcav_file(file, weights_like((*GRID, CHANNELS)), **damaged), model, LAYER)
    for stats, wrong in (
        ({"weights": None}, "no weights"),
        ({"classes": [0, 1]}, "classes"),
        ({"classes": ["a", "b"]}, "statistics"),
    ):
        with pytest.raises(CorruptFileError, match=wrong):
            captum_cavs(captum_file(file, weights_like((CHANNELS, *GRID)), **stats), model)


def test_weights_that_do_not_belong_to_the_layer_are_refused(model, inputs, tmp_path):
    file = tmp_path / "a.pkl"
    with pytest.raises(MismatchError, match=r"has 90 weights for each concept, .*960 values, 12 x 10 x 8"):
        tcav_cavs(tcav_file(file, weights_like((90,))), model, LAYER)
    with pytest.raises(MismatchError, match=r"has 90 weights for each concept, .*960 values, 8 x 12 x 10"):
        captum_cavs(captum_file(file, weights_like((90,))), model)
    with pytest.raises(MismatchError, match="norm nan"):
        captum_cavs(captum_file(file, np.full((2, CHANNELS, *GRID), np.nan)), model)
    with pytest.raises(MismatchError, match="one row of weights is needed for each"):
        captum_cavs(captum_file(file, weights_like((CHANNELS, *GRID))[:1]), model)
    with pytest.raises(LayerError, match="nearest names"):
        tcav_cavs(tcav_file(file, weights_like((90,))), model, "feature")
    with pytest.raises(LayerError, match="a CAV is taken where activations have locations"):
        tcav_cavs(tcav_file(file, weights_like((90,))), model, "head")
    (found, _) = captum_cavs(captum_file(file, weights_like((CHANNELS, *GRID))), model)
    with pytest.raises(MismatchError, match="resize the images"):
        found.maps(model, [torch.rand(3, 20, 20)], 0)


def test_a_class_token_is_counted_and_stands_in_no_map(tmp_path):
    class Tokens(nn.Module):
        def __init__(self):
            super().__init__()
            self.patches, self.block, self.head = nn.Conv2d(3, 4, 4, 4), nn.Identity(), nn.Linear(4, 2)

        def forward(self, x):
            places = self.patches(x).flatten(2).transpose(1, 2)
            return self.head(self.block(torch.cat([places.mean(1, keepdim=True), places], 1))[:, 0])

    model = sacv.VisionModel(Tokens(), sacv.ImageTransform(resize=(8, 12)))
    weights = weights_like((7, 4))
    file = captum_file(tmp_path / "a.pkl", weights)
    torch.save(torch.load(file) | {"layer": "block"}, file)
    found = captum_cavs(file, model)[0]
    assert found.weights.shape == (2, 3, 4)
    assert found.elsewhere == pytest.approx((weights[0, 0] ** 2).sum() / (weights[0] ** 2).sum())
    np.testing.assert_allclose(found.weights.reshape(6, 4), weights[0, 1:] / np.linalg.norm(weights[0, 1:]), rtol=1e-6)


def test_the_cosine_is_that_of_the_flattened_vectors(model, guidance, tmp_path):
    bank = sacv.fit(model, [LAYER, "features.0"], {"bright": guidance[0]}, [guidance[1]])
    cav, other = bank.cav(LAYER, "bright"), bank.cav("features.0", "bright")
    weights = weights_like((CHANNELS, *GRID)) + 2 * cav.vector[:, None, None]
    found = captum_cavs(captum_file(tmp_path / "a.pkl", weights), model)[0]
    tiled = np.broadcast_to(cav.vector[:, None, None], weights[0].shape)
    want = (tiled * weights[0]).sum() / np.linalg.norm(tiled) / np.linalg.norm(weights[0])
    assert found.cosine(cav) == pytest.approx(want)
    flat = captum_cavs(captum_file(tmp_path / "b.pkl", np.stack([tiled, -tiled])), model)
    assert [one.cosine(cav) for one in flat] == pytest.approx([1, -1]) and flat[0].uniformity == pytest.approx(1)
    np.testing.assert_allclose(flat[0].direction, cav.vector)
    with pytest.raises(MismatchError, match="compare CAVs of one layer"):
        found.cosine(other)


def test_captum_images_are_guidance(model):
    rng = torch.Generator().manual_seed(3)
    batches = {name: [torch.rand(4, 3, *GRID, generator=rng) + low for _ in range(2)] for name, low in
               (("bright", 1.0), ("random_0", 0.0))}  # fmt: skip
    found = captum_images([SimpleNamespace(id=n, name=name, data_iter=batches[name]) for n, name in enumerate(batches)])
    bank = sacv.fit(model, [LAYER], {"bright": found["bright"]}, found["random_0"])
    same = sacv.fit(model, [LAYER], {"bright": torch.cat(batches["bright"])}, torch.cat(batches["random_0"]))
    np.testing.assert_array_equal(bank.cavs[0].vector, same.cavs[0].vector)
    assert bank.cavs[0].quality.images == 8


def test_concepts_without_images_are_refused():
    def named(images):
        return SimpleNamespace(id=0, name="a", data_iter=images)

    for concepts, wrong in (
        ([named(None)], "no data_iter"),
        ([named([])], "yields no images"),
        ([named([(torch.zeros(1, 3, 2, 2), 0)])], "yields tuple; it must yield tensors"),
        ([named([torch.zeros(1, 3, 2, 2)])] * 2, "two concepts are named 'a'"),
    ):
        with pytest.raises(ImageSetError, match=wrong):
            captum_images(concepts)
