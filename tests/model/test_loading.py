import importlib
import os
import sys

import pytest
import torch

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


def test_a_file_changed_within_the_second_is_read_anew(code, monkeypatch):
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    for width in (2, 4):  # bytecode cached for a file is taken for another of its size and second
        code.write_text(CODE.replace("Conv2d(3, 2, 1)", f"Conv2d(3, {width}, 1)"))
        os.utime(code, (1e9, 1e9))
        assert sacv.load_model(f"{code}:net").net.out_channels == width


def test_from_a_module(code, monkeypatch):
    monkeypatch.syspath_prepend(str(code.parent))
    assert sacv.load_model("mine:model").class_names == ["a", "b"]


def test_demo():
    model = sacv.load_model("demo")
    assert model.class_names[0] == "striped" and model.transform.size == (128, 128)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("mine", "the model name 'mine' is not valid; legal are"),
        ("no_such_module:net", "cannot import 'no_such_module'"),
        ("gone.py:net", "there is no file gone.py"),
    ],
)
def test_names_that_lead_nowhere(spec, words):
    with pytest.raises(ModelSpecError, match=words):
        sacv.load_model(spec)


def test_what_the_users_code_does_wrong_is_an_error(code):
    with pytest.raises(ModelSpecError, match=r"has no function 'nets'; it has net, model, number, broken"):
        sacv.load_model(f"{code}:nets")
    with pytest.raises(ModelSpecError, match="returned int"):
        sacv.load_model(f"{code}:number")
    with pytest.raises(ModelSpecError, match="failed with KeyError: 'weights'"):
        sacv.load_model(f"{code}:broken")
    code.write_text("import no_such_thing")
    with pytest.raises(ModelSpecError, match="no_such_thing"):
        sacv.load_model(f"{code}:net")


# Modules beside the file

HELPED = """
import torch
from helpers import WIDTH
from parts.block import Block
def net():
    import later
    return torch.nn.Sequential(Block(3, WIDTH), torch.nn.Conv2d(WIDTH, later.CLASSES, 1))
"""


def helped(folder, width, classes):
    """A file that imports a module and a package at once, and a module while its function runs."""
    (folder / "parts").mkdir(parents=True)
    (folder / "parts" / "__init__.py").write_text("")
    (folder / "parts" / "block.py").write_text(
        f"import torch\nfrom helpers import WIDTH\nclass Block(torch.nn.Conv2d):\n"
        f"    def __init__(self, a, b):\n        super().__init__(a, b, 1)\n"
        f"    def forward(self, x):\n        return super().forward(x) * 0 + WIDTH + {classes} / 100\n"
    )
    (folder / "helpers.py").write_text(f"WIDTH = {width}")
    (folder / "later.py").write_text(f"import helpers\nCLASSES = {classes} + helpers.WIDTH")
    (folder / "mine.py").write_text(HELPED)
    return f"{folder / 'mine.py'}:net"


def sides(model):
    return model.net[0].out_channels, model.net[1].out_channels


def test_modules_beside_the_file_can_be_imported(tmp_path, monkeypatch):
    one, two = helped(tmp_path / "one", 4, 1), helped(tmp_path / "two", 5, 2)
    before, known = list(sys.path), {"helpers", "parts", "later"} & set(sys.modules)
    first, second = sacv.load_model(one), sacv.load_model(two)
    assert (sides(first), sides(second), sides(sacv.load_model(one))) == ((4, 5), (5, 7), (4, 5))
    assert [round(model.net[0](torch.zeros(1, 3, 1, 1)).mean().item(), 6) for model in (first, second)] == [4.01, 5.02]
    assert sys.path == before and not known and not {"helpers", "parts", "parts.block", "later"} & set(sys.modules)
    monkeypatch.chdir(tmp_path / "two")
    assert sides(sacv.load_model("mine.py:net")) == (5, 7)


def test_classes_of_two_files_of_one_name_find_their_own_module(tmp_path):
    for folder in ("one", "two"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "mine.py").write_text("import torch\nclass Net(torch.nn.Identity):\n    pass")
    kinds = [type(sacv.load_model(f"{tmp_path / folder / 'mine.py'}:Net").net) for folder in ("one", "two")]
    assert [sys.modules[kind.__module__].Net is kind for kind in kinds] == [True, True]


def test_what_was_imported_before_is_neither_taken_nor_lost(tmp_path, monkeypatch):
    """A `helpers` of the caller's own, and one of the same folder that the caller has imported."""
    spec = helped(tmp_path / "one", 4, 1)
    (tmp_path / "caller").mkdir()
    (tmp_path / "caller" / "helpers.py").write_text("WIDTH = 9")
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path / "caller"))
        for name in ("helpers", "later"):
            patch.delitem(sys.modules, name, raising=False)
        helpers = importlib.import_module("helpers")
        assert sides(sacv.load_model(spec)) == (4, 5)
        assert sys.modules["helpers"] is helpers and helpers.WIDTH == 9
        del sys.modules["helpers"]
        patch.syspath_prepend(str(tmp_path / "one"))
        helpers = importlib.import_module("helpers")
        helpers.WIDTH = 6
        assert sides(sacv.load_model(spec)) == (6, 7) and sys.modules.pop("helpers") is helpers


def test_what_is_installed_stays(tmp_path):
    """A folder or file of the name of a package, beside the model, does not load the package again."""
    (tmp_path / "torch").mkdir()
    (tmp_path / "numpy.py").write_text("raise KeyError")
    (tmp_path / "sacv.py").write_text("raise KeyError")
    (tmp_path / "mine.py").write_text("import torch, numpy, sacv\nclass Net(torch.nn.Identity):\n    pass")
    assert isinstance(sacv.load_model(f"{tmp_path / 'mine.py'}:Net").net, torch.nn.Identity)
    assert sys.modules["sacv"] is sacv and sys.modules["torch"] is torch


@pytest.mark.parametrize(
    "broken", ["raise KeyError(1)", "import sys\nsys.path.append('x')\ndef net():\n    raise KeyError"]
)
def test_the_path_is_restored_after_a_failure(tmp_path, broken):
    (tmp_path / "helpers.py").write_text("")
    (tmp_path / "mine.py").write_text(f"import helpers\n{broken}")
    before = list(sys.path)
    with pytest.raises(ModelSpecError, match="failed with KeyError"):
        sacv.load_model(f"{tmp_path / 'mine.py'}:net")
    assert sys.path == before and "helpers" not in sys.modules


def test_a_model_must_be_a_module():
    with pytest.raises(OptionError, match=r"must be a torch\.nn\.Module, not str"):
        sacv.VisionModel("resnet50")


@pytest.mark.parametrize("text", ["ant\nbee\n\ncat\ndog\n", '["ant", "bee", "cat", "dog"]'])
def test_class_names_are_read_from_a_file(tmp_path, text):
    (tmp_path / "names").write_text(text)
    for given in (tmp_path / "names", str(tmp_path / "names")):
        assert sacv.load_model("demo", class_names=given).class_names == ["ant", "bee", "cat", "dog"]


def test_class_names_that_are_one_text_are_an_error():
    with pytest.raises(OptionError, match=r"sequence of names, not the text 'names.json'; sacv.load_model reads files"):
        sacv.VisionModel(torch.nn.Identity(), class_names="names.json")
    with pytest.raises(OptionError, match=r"gone.txt cannot be read"):
        sacv.load_model("demo", class_names="gone.txt")
