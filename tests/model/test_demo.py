import json
from importlib.resources import files

import numpy as np
import pytest
import torch
from safetensors.torch import load

from sacv.model.demo import DEMO_CLASSES, DEMO_SIZE, DemoNetwork, load_demo
from sacv.model.transform import IMAGENET_MEAN, IMAGENET_STD
from sacv.synthetic.scenes import Scene, random_spec, render

SEED = 90210  # no seed of the training or of its held-out scenes


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    rng = np.random.default_rng(SEED)
    return [render(random_spec(rng, object_textures=DEMO_CLASSES), DEMO_SIZE) for _ in range(200)]


@pytest.fixture(scope="module")
def inputs(scenes: list[Scene]) -> torch.Tensor:
    images = torch.from_numpy(np.stack([scene.image for scene in scenes])).permute(0, 3, 1, 2).float() / 255
    mean, std = torch.tensor(IMAGENET_MEAN), torch.tensor(IMAGENET_STD)
    return (images - mean[:, None, None]) / std[:, None, None]


def test_the_weights_are_small_and_stored_as_half_precision() -> None:
    stored = (files("sacv.model") / "data" / "demo.safetensors").read_bytes()
    assert len(stored) < 1_000_000
    kinds = {value.dtype for value in load(stored).values() if value.is_floating_point()}
    assert kinds == {torch.float16}


def test_it_loads_ready_for_use() -> None:
    network = load_demo()
    assert not any(module.training for module in network.modules())
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    assert all(bool(torch.isfinite(parameter).all()) for parameter in network.parameters())


def test_its_blocks_can_be_named() -> None:
    names = dict(load_demo().named_modules())
    assert [f"blocks.{index}" in names for index in range(7)] == [True] * 6 + [False]


def test_it_gives_a_logit_for_each_class(inputs: torch.Tensor) -> None:
    with torch.no_grad():
        logits = load_demo()(inputs[:3])
    assert logits.shape == (3, len(DEMO_CLASSES))
    assert logits.dtype == torch.float32


def test_middle_blocks_have_sixteen_by_sixteen_locations(inputs: torch.Tensor) -> None:
    network = load_demo()
    with torch.no_grad():
        assert network.blocks[:3](inputs[:1]).shape[2:] == (16, 16)
        assert network.blocks(inputs[:1]).shape[2:] == (16, 16)


def test_it_names_the_texture_of_objects_that_it_never_saw(scenes: list[Scene], inputs: torch.Tensor) -> None:
    truth = np.array([DEMO_CLASSES.index(scene.spec.elements[0].texture) for scene in scenes])
    with torch.no_grad():
        named = load_demo()(inputs).argmax(dim=1).numpy()
    assert (named == truth).mean() > 0.9


def test_two_loads_give_the_same_bits(inputs: torch.Tensor) -> None:
    with torch.no_grad():
        first, second = (load_demo()(inputs[:8]) for _ in range(2))
    assert torch.equal(first, second)


def test_its_figures_describe_these_weights() -> None:
    figures = json.loads((files("sacv.model") / "data" / "demo.json").read_text(encoding="utf-8"))
    assert tuple(figures["classes"]) == DEMO_CLASSES
    assert figures["parameters"] == sum(parameter.numel() for parameter in DemoNetwork().parameters())
    assert figures["held_out_accuracy"] > 0.9
    assert figures["seconds"] > 0
