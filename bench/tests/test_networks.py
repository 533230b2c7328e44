from functools import cache
from importlib.resources import files

import numpy as np
import pytest
import torch
from safetensors.torch import load

import sacv
from sacv.errors import OptionError
from sacv.model.transform import IMAGENET_MEAN, IMAGENET_STD
from sacv.synthetic.scenes import SIZE, render
from sacv_bench.networks import (
    NETWORKS,
    PlainNetwork,
    PowerMean,
    ResidualNetwork,
    Trained,
    TransformerNetwork,
    trained,
)
from sacv_bench.worlds import DEVELOPMENT, HELD_OUT, LESIONS, WORLDS

SEED = 90210  # no seed of the training or of its held-out scenes

every_network = pytest.mark.parametrize("network", NETWORKS.values(), ids=NETWORKS)

# What the docstrings promise: locations a side of each block.
GRIDS = {
    PlainNetwork: [32, 32, 32, 16, 16, 16],
    ResidualNetwork: [32, 32, 16, 16],
    TransformerNetwork: [16, 16, 16],
}


def fresh(kind: type[torch.nn.Module], questions: int = 3) -> torch.nn.Module:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(SEED)
        return kind(questions).eval()


def prepared(images: np.ndarray) -> torch.Tensor:
    mean, std = torch.tensor(IMAGENET_MEAN)[:, None, None], torch.tensor(IMAGENET_STD)[:, None, None]
    return (torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255 - mean) / std


def noise(count: int) -> torch.Tensor:
    return torch.randn(count, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(SEED))


@cache
def fresh_scenes(world: str) -> tuple[torch.Tensor, np.ndarray]:
    """Two hundred scenes that no training saw, and their answers `(200, questions)`."""
    specs = [WORLDS[world].random_scene(np.random.default_rng((SEED, index))) for index in range(200)]
    images = np.stack([render(spec).image for spec in specs])
    return prepared(images), np.stack([WORLDS[world].answers(spec) for spec in specs])


def require_weights(network: Trained) -> bytes:
    path = files("sacv_bench") / "data" / f"{network.name}.safetensors"
    if not path.is_file():
        pytest.fail(f"no weights of {network.name}: run scripts/train_bench.py {network.name}")
    return path.read_bytes()


# Architectures


@pytest.mark.parametrize("kind", GRIDS)
@pytest.mark.parametrize("questions", [2, 4])
def test_a_fresh_network_gives_a_logit_for_each_question(kind: type[torch.nn.Module], questions: int) -> None:
    with torch.no_grad():
        logits = fresh(kind, questions)(noise(3))
    assert logits.shape == (3, questions)
    assert logits.dtype == torch.float32
    assert torch.isfinite(logits).all()
    # every image has logits of its own
    assert (logits[0] != logits[1]).all()


@pytest.mark.parametrize("kind", GRIDS)
def test_blocks_have_the_grids_that_are_told_of(kind: type[torch.nn.Module]) -> None:
    found = sacv.VisionModel(fresh(kind)).survey(noise(1))
    blocks = [info for name, info in found.items() if name.startswith("blocks.") and name.count(".") == 1]
    assert [info.warning for info in blocks] == [""] * len(blocks)
    assert [info.grid for info in blocks] == [(side, side) for side in GRIDS[kind]]
    assert [info.name for info in blocks] == [f"blocks.{number}" for number in range(len(blocks))]


def test_the_stem_of_the_residual_network_has_the_grid_that_is_told_of() -> None:
    stem = sacv.VisionModel(fresh(ResidualNetwork)).survey(noise(1))["stem"]
    assert stem.usable
    assert stem.grid == (32, 32)


def test_tokens_of_the_transformer_are_patches_after_a_class_token() -> None:
    found = sacv.VisionModel(fresh(TransformerNetwork)).survey(noise(1))
    for number in range(len(GRIDS[TransformerNetwork])):
        assert found[f"blocks.{number}"].layout.name == "tokens 16x16+1"


def test_the_head_of_the_transformer_reads_the_class_token_only() -> None:
    network, inputs = fresh(TransformerNetwork), noise(2)

    def spoil(keep: slice):
        def hook(_module: torch.nn.Module, _inputs: object, tokens: torch.Tensor) -> torch.Tensor:
            spoiled = torch.full_like(tokens, 7.0)
            spoiled[:, keep] = tokens[:, keep]
            return spoiled

        return hook

    with torch.no_grad():
        before = network(inputs)
        with network.blocks[-1].register_forward_hook(spoil(slice(0, 1))):
            assert torch.equal(network(inputs), before)
        with network.blocks[-1].register_forward_hook(spoil(slice(1, None))):
            assert (network(inputs) != before).all()


@pytest.mark.parametrize("kind", [PlainNetwork, ResidualNetwork])
def test_a_convolutional_head_reads_the_power_mean_over_places(kind: type[torch.nn.Module]) -> None:
    # inputs so large that the floor of the pooling, for channels that are silent, does not show
    network, inputs = fresh(kind), noise(2) * 1000
    seen = []
    with torch.no_grad(), network.blocks.register_forward_hook(lambda _module, _inputs, output: seen.append(output)):
        logits = network(inputs)
        places = seen[0].double().flatten(2).numpy()
        pooled = np.array([[np.cbrt((channel**3).mean()) for channel in image] for image in places])
        assert np.median(pooled) > 1
        assert torch.allclose(network.head(torch.from_numpy(pooled).float()), logits, atol=1e-3, rtol=1e-3)
        of_the_mean = network.head(torch.from_numpy(places.mean(axis=2)).float())
        assert not torch.allclose(of_the_mean, logits, atol=1e-2, rtol=1e-2)


def test_the_power_mean_of_nothing_can_be_differentiated() -> None:
    activations = torch.zeros(2, 3, 4, 4, requires_grad=True)
    pooled = PowerMean()(activations)
    assert pooled.shape == (2, 3)
    assert pooled.max() < 1e-3
    (gradient,) = torch.autograd.grad(pooled.sum(), activations)
    assert torch.isfinite(gradient).all()


# Names


def test_the_networks_are_those_that_the_bench_is_of() -> None:
    assert {name: (found.name, found.kind, found.world) for name, found in NETWORKS.items()} == {
        "plain-development": ("plain-development", PlainNetwork, DEVELOPMENT),
        "residual-development": ("residual-development", ResidualNetwork, DEVELOPMENT),
        "residual-held-out": ("residual-held-out", ResidualNetwork, HELD_OUT),
        "transformer-held-out": ("transformer-held-out", TransformerNetwork, HELD_OUT),
        "plain-lesions": ("plain-lesions", PlainNetwork, LESIONS),
    }
    assert all(trained(name) is found for name, found in NETWORKS.items())


def test_an_unknown_network_is_refused_with_those_that_there_are() -> None:
    with pytest.raises(OptionError) as caught:
        trained("tartan")
    assert all(name in str(caught.value) for name in ("'tartan'", *NETWORKS))


@every_network
def test_a_new_network_is_of_its_kind_with_a_logit_for_each_question(network: Trained) -> None:
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        made = network.new().eval()
        logits = made(noise(1))
    assert type(made) is network.kind
    assert logits.shape == (1, len(network.world.questions))


# Trained weights


@every_network
def test_weights_are_small_and_stored_as_half_precision(network: Trained) -> None:
    stored = require_weights(network)
    assert len(stored) < 1_000_000
    kinds = {value.dtype for value in load(stored).values() if value.is_floating_point()}
    assert kinds == {torch.float16}


@every_network
def test_a_trained_network_loads_ready_for_use(network: Trained) -> None:
    require_weights(network)
    first, second = network.load(), network.load()
    assert type(first) is network.kind
    assert not any(module.training for module in first.modules())
    floating = [value for value in first.state_dict().values() if value.is_floating_point()]
    assert {value.dtype for value in floating} == {torch.float32}
    assert all(bool(torch.isfinite(value).all()) for value in floating)
    with torch.no_grad():
        assert torch.equal(first(noise(2)), second(noise(2)))


@every_network
def test_figures_describe_the_weights(network: Trained) -> None:
    require_weights(network)
    figures, names = network.figures(), [question.name for question in network.world.questions]
    assert figures["world"] == network.world.name
    assert figures["questions"] == names
    assert figures["parameters"] == sum(parameter.numel() for parameter in network.load().parameters())
    assert figures["held_out_accuracy"] > 0.99
    by_question = figures["held_out_accuracy_by_question"]
    assert list(by_question) == names
    assert abs(np.mean(list(by_question.values())) - figures["held_out_accuracy"]) < 2e-4  # each is rounded
    least, most = network.world.area
    bins = [tuple(map(float, name.split("-"))) for name in figures["held_out_accuracy_by_least_area"]]
    assert bins[0][0] <= least < bins[0][1]
    assert bins[-1][0] < most <= bins[-1][1]


@every_network
def test_it_answers_of_scenes_that_it_never_saw(network: Trained) -> None:
    require_weights(network)
    images, answers = fresh_scenes(network.world.name)
    trained_network = network.load()
    with torch.no_grad():
        said = torch.cat([trained_network(part) > 0 for part in torch.split(images, 50)]).numpy()
    right = (said == answers).mean(axis=0)
    assert right.shape == (len(network.world.questions),)
    assert right.mean() > 0.98
