"""Banks on the Hub, against a stand-in that holds every call to the signatures of the real package."""

import sys
from dataclasses import replace

import pytest

import sacv
from cli.test_cli import run  # noqa: F401
from sacv.errors import CorruptFileError, MissingExtraError, OptionError, StorageError
from sacv.exchange import card, pull_bank, push_bank

pytest.importorskip("huggingface_hub")
yaml = pytest.importorskip("yaml")


@pytest.fixture
def hub(tmp_path, monkeypatch):
    from exchange.hub import LocalHub

    return LocalHub(tmp_path / "hub").install(monkeypatch)


def test_a_bank_comes_back_as_it_was(small_bank, hub, tmp_path):
    url = push_bank(small_bank, "me/stripes", token="secret")
    assert url == "https://huggingface.co/me/stripes/commit/1" and hub.private == {"me/stripes": True}
    assert hub.tokens == ["secret"]
    assert pull_bank("me/stripes").fingerprint == small_bank.fingerprint
    assert {file.name for file in (hub.root / "me/stripes").iterdir()} == (
        {"bank.json", "cavs.safetensors", "moments.safetensors", "README.md"}
    )
    assert (hub.root / "me/stripes/README.md").read_text() == card(small_bank, "me/stripes")
    small_bank.save(tmp_path / "bank")
    push_bank(tmp_path / "bank", "me/open", private=False)
    assert hub.private["me/open"] is False and pull_bank("me/open", revision="main").concepts == ["bright"]


def test_errors_are_one_line_of_ours(small_bank, hub, tmp_path, monkeypatch):
    for call, kind, told in (
        (lambda: push_bank(small_bank, "a b"), OptionError, "'a b' is no repository of the Hub"),
        (lambda: pull_bank("a/b/c"), OptionError, "give USER/NAME"),
        (
            lambda: pull_bank("me/none"),
            StorageError,
            "me/none on the Hugging Face Hub: 404 Client Error. Repository Not",
        ),
        (lambda: push_bank(tmp_path, "me/none"), CorruptFileError, "not a sacv concept bank"),
    ):
        with pytest.raises(kind, match=told) as caught:
            call()
        assert "\n" not in str(caught.value)
    push_bank(small_bank, "me/stripes")
    file = hub.root / "me/stripes/cavs.safetensors"
    file.write_bytes(file.read_bytes()[:-8])
    with pytest.raises(CorruptFileError):
        pull_bank("me/stripes")
    hub.down = True
    with pytest.raises(StorageError, match=r"me/stripes on the Hugging Face Hub: .* Name or service not known"):
        push_bank(small_bank, "me/stripes")
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'sacv\[hub\]'"):
        pull_bank("me/stripes")


def head_of(text):
    _, head, body = text.split("---\n", 2)
    return yaml.safe_load(head), body


def test_the_card_has_the_figures_and_names_no_image(small_bank):
    head, body = head_of(card(small_bank, "me/stripes"))
    assert head["library_name"] == "sacv" and "concept-activation-vectors" in head["tags"] and "base_model" not in head
    cav = small_bank.cavs[0]
    low, high = cav.quality.auroc_interval
    assert f"| features.2 | bright | {cav.quality.auroc:.3f} ({low:.2f} to {high:.2f}) |" in body
    assert 'sacv.exchange.pull_bank("me/stripes")' in body and "Images of bright: 6." in body
    assert "brightness 1.00 |" in body and "Too weak" not in body
    assert not any(image.name in body for entry in small_bank.sets for image in entry.images)


def test_the_card_says_what_is_weak_and_what_is_missing(small_bank):
    cav = small_bank.cavs[0]
    weak = replace(cav, concept="a|b", quality=replace(cav.quality, auroc=0.55, auroc_interval=(0.4, 0.7)))
    body = card(replace(small_bank, cavs=(weak,), nulls=0))
    assert "## Too weak to explain with" in body and "- a\\|b at features.2: its held-out AUROC is 0.55" in body
    assert "Null distribution: none" in body


@pytest.mark.parametrize(
    ("spec", "base", "shown"),
    [("hf:google/vit-base", "google/vit-base", True), ("timm:resnet50.a1_in1k", "timm/resnet50.a1_in1k", True),
     ("demo", None, True), ("timm:resnet50@random", None, True), ("torchvision:vgg19@IMAGENET1K_V1", None, True),
     ("hf:./mine", None, False), ("hf:/home/me/mine", None, False), ("hf:a/b/c", None, False),
     ("hf:google/vit@mine.safetensors", None, False), ("timm:resnet50@/home/me/w", None, False),
     ("/home/me/mine.py:load", None, False), ("package:load", None, False), (None, None, False)],
)  # fmt: skip
def test_the_model_is_named_where_others_have_it_too(small_bank, spec, base, shown):
    head, body = head_of(card(replace(small_bank, model={**small_bank.model, "spec": spec})))
    assert head.get("base_model") == base
    assert (f'sacv.load_model("{spec}")' in body) is shown
    assert shown or ("net: SmallNet" in body and str(spec) not in body)


def test_the_command_line_pushes_and_pulls(run, small_bank, hub, tmp_path):  # noqa: F811
    small_bank.save(tmp_path / "bank")
    status, out, _ = run("bank", "push", tmp_path / "bank", "me/stripes", "--public")
    assert status == 0 and "https://huggingface.co/me/stripes/commit/1" in out and hub.private["me/stripes"] is False
    status, out, _ = run("bank", "pull", "me/stripes", "--out", tmp_path / "again")
    assert status == 0 and "The bank is in" in out
    assert sacv.ConceptBank.load(tmp_path / "again").fingerprint == small_bank.fingerprint
    status, _, err = run("bank", "pull", "me/none", "--out", tmp_path / "none")
    assert status == 2 and "Repository Not Found" in err and err.count("\n") == 1
