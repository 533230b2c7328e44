import pytest

import sacv
from sacv.errors import ModelSpecError, OptionError

CODE = """
import torch, sacv
def net():
    return torch.nn.Conv2d(3, 2, 1)
def model():
    return sacv.VisionModel(net(), class_names=["a", "b"])
def number():
    return 7
def broken():
    raise KeyError("weights")
"""


@pytest.fixture
def code(tmp_path):
    (tmp_path / "mine.py").write_text(CODE)
    return tmp_path / "mine.py"


def test_from_a_file(code):
    assert type(sacv.load_model(f"{code}:net").net).__name__ == "Conv2d"
    model = sacv.load_model(f"{code}:model")
    assert model.class_names == ["a", "b"] and model.spec == f"{code}:model"
    assert sacv.load_model(f"{code}:model", class_names=["x", "y"]).class_names == ["x", "y"]


def test_from_a_module(code, monkeypatch):
    monkeypatch.syspath_prepend(str(code.parent))
    assert sacv.load_model("mine:model").class_names == ["a", "b"]


def test_demo():
    model = sacv.load_model("demo")
    assert model.class_names[0] == "striped" and model.transform.size == (128, 128)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("mine", "cannot read the model name 'mine'; legal are"),
        ("no_such_module:net", "cannot import 'no_such_module'"),
        ("gone.py:net", "there is no file gone.py"),
    ],
)
def test_names_that_lead_nowhere(spec, words):
    with pytest.raises(ModelSpecError, match=words):
        sacv.load_model(spec)


def test_what_the_users_code_does_wrong_is_told(code):
    with pytest.raises(ModelSpecError, match=r"has no function 'nets'; it has net, model, number, broken"):
        sacv.load_model(f"{code}:nets")
    with pytest.raises(ModelSpecError, match="gave int"):
        sacv.load_model(f"{code}:number")
    with pytest.raises(ModelSpecError, match="failed with KeyError: 'weights'"):
        sacv.load_model(f"{code}:broken")
    code.write_text("import no_such_thing")
    with pytest.raises(ModelSpecError, match="no_such_thing"):
        sacv.load_model(f"{code}:net")


def test_a_model_must_be_a_module():
    with pytest.raises(OptionError, match=r"must be a torch\.nn\.Module, not str"):
        sacv.VisionModel("resnet50")
