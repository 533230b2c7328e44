"""Results as arrays, in TensorBoard and in Weights & Biases."""

import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

import sacv
from cli.test_cli import run  # noqa: F401
from sacv.errors import MissingExtraError, StorageError
from sacv.exchange import log_tensorboard, log_wandb, save_npz, to_arrays

LAYER = "features.2"


@pytest.fixture
def explained(small_model, small_bank, guidance):
    return sacv.explain(small_model, [guidance[0]], small_bank, target="bee")


class Written(list):
    """Takes the place of a writer, and notes what it is given."""

    def add_scalar(self, tag, scalar_value, global_step=None):
        self.append((tag, scalar_value, global_step))

    def add_image(self, tag, img_tensor, global_step=None, *, dataformats):
        self.append((tag, img_tensor.shape, dataformats))


def test_arrays_of_a_bank_are_its_vectors(small_bank, tmp_path):
    save_npz(small_bank, tmp_path / "bank.npz")
    found, cav = np.load(tmp_path / "bank.npz"), small_bank.cavs[0]
    assert list(found["layers"]) == [LAYER] and list(found["concepts"]) == ["bright"]
    np.testing.assert_array_equal(found[f"{LAYER}/bright/vector"], cav.vector)
    np.testing.assert_array_equal(found[f"{LAYER}/bright/detector"], cav.detector)
    assert found[f"{LAYER}/bright/threshold"] == cav.threshold and found[f"{LAYER}/bright/auroc"] == cav.quality.auroc
    assert found.files == list(to_arrays(small_bank))


def test_arrays_of_an_explanation_are_its_maps(explained, tmp_path):
    save_npz(explained, tmp_path / "maps")
    found = np.load(tmp_path / "maps")
    assert [name.rsplit("/")[-1] for name in found["images"]] == [f"{n}.png" for n in range(6)]
    np.testing.assert_array_equal(found[f"{LAYER}/relevance"], explained.maps[LAYER].relevance)
    np.testing.assert_array_equal(found[f"{LAYER}/contribution"][:, 0], explained.contribution(LAYER, "bright"))
    assert found[f"{LAYER}/relevance_significant"].dtype == bool


def test_a_file_that_cannot_be_written_is_an_error(small_bank, tmp_path):
    with pytest.raises(StorageError, match="cannot be written: No such file"):
        save_npz(small_bank, tmp_path / "none" / "bank.npz")


def test_the_command_line_exports(run, small_bank, tmp_path):  # noqa: F811
    small_bank.save(tmp_path / "bank")
    status, out, _ = run("bank", "export", tmp_path / "bank", "--npz", tmp_path / "a.npz")
    assert status == 0 and "a.npz" in out and "layers" in np.load(tmp_path / "a.npz")


def test_tensorboard_gets_figures_and_maps(small_bank, small_model, explained, guidance):
    written = Written()
    log_tensorboard(written, small_bank, 3)
    cav = small_bank.cavs[0]
    assert written[0] == (f"sacv/auroc/{LAYER}/bright", cav.quality.auroc, 3)
    assert [tag.split("/")[1] for tag, _, _ in written] == ["auroc", "image_auroc", "accuracy"]
    written = Written()
    log_tensorboard(written, explained, 1, name="epoch", images=2)
    figures = {tag: value for tag, value, third in written if third == 1}
    pictures = {tag: shape for tag, shape, third in written if third == "HWC"}
    assert figures[f"epoch/sacv_score/{LAYER}/bright"] == pytest.approx(explained.scores()["sacv_score"].mean())
    kinds = ("relevance", "contribution")
    assert list(pictures) == [f"epoch/{kind}/{n} {n}.png" for n in range(2) for kind in kinds]
    assert all(len(shape) == 3 and shape[2] == 3 for shape in pictures.values())
    scores = sacv.score(small_model, [guidance[0]], small_bank, target="bee")
    written = Written()
    log_tensorboard(written, scores)
    values = scores.table.set_index("score")["value"]
    assert {tag: value for tag, value, _ in written} == (
        {f"sacv/{kind}/bee/{LAYER}/bright": value for kind, value in values.items()}
    )


def test_what_is_not_finite_is_not_logged(small_bank):
    from dataclasses import replace

    cav = small_bank.cavs[0]
    written = Written()
    log_tensorboard(written, replace(small_bank, cavs=(replace(cav, quality=replace(cav.quality, auroc=np.nan)),)))
    assert [tag.split("/")[1] for tag, _, _ in written] == ["image_auroc", "accuracy"]


@pytest.mark.filterwarnings("ignore")
def test_the_real_writer_writes_it(explained, tmp_path):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from torch.utils.tensorboard import SummaryWriter

    with SummaryWriter(str(tmp_path)) as writer:
        log_tensorboard(writer, explained, 5, images=1)
    found = EventAccumulator(str(tmp_path))
    found.Reload()
    (scalar,) = found.Scalars(f"sacv/relevant/{LAYER}/bright")
    assert scalar.step == 5 and scalar.value == pytest.approx(explained.scores()["relevant"].mean())
    assert len(found.Tags()["images"]) == 2 and found.Images("sacv/relevance/0 0.png")[0].width > 50


def test_a_run_gets_figures_table_and_maps_in_one_step(small_bank, explained, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sacv\[wandb\]'"):
        log_wandb(SimpleNamespace(log=None), small_bank)
    stand_in = SimpleNamespace(Table=lambda dataframe: dataframe, Image=lambda pixels, caption: (pixels.shape, caption))
    monkeypatch.setitem(sys.modules, "wandb", stand_in)
    steps = []
    one = SimpleNamespace(log=lambda data, step=None: steps.append((data, step)))
    found = log_wandb(one, explained, 7, images=1)
    assert steps == [(found, 7)]
    pd.testing.assert_frame_equal(found["sacv/scores"], explained.scores())
    assert found["sacv/relevance/0 0.png"][1] == "relevance/0 0.png"
    assert found[f"sacv/relevant/{LAYER}/bright"] == pytest.approx(explained.scores()["relevant"].mean())
    assert set(log_wandb(one, small_bank)) == (
        {f"sacv/{name}/{LAYER}/bright" for name in ("auroc", "image_auroc", "accuracy")} | {"sacv/quality"}
    )
