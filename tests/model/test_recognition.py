"""Layouts told from one forward pass, on small networks of every kind; real zoos are in tests/zoo."""

import numpy as np
import pytest
import torch
from torch import nn

import sacv
from sacv.errors import LayerError, OptionError
from sacv.model.gradient_locality import gradient_kinds
from viewer import shown


class Transformer(nn.Module):
    """Patches of 4 pixels, class and register tokens, two blocks; reads the class token."""

    def __init__(self, prefix=1, grid=(6, 5), width=12, read="class"):
        super().__init__()
        torch.manual_seed(0)
        self.read = read
        self.patches = nn.Conv2d(3, width, 4, 4)
        self.first = nn.Parameter(torch.randn(1, prefix, width))
        self.place = nn.Parameter(torch.randn(1, prefix + grid[0] * grid[1], width))
        self.blocks = nn.Sequential(
            *(nn.TransformerEncoderLayer(width, 2, 24, batch_first=True, dropout=0.0) for _ in range(2))
        )
        self.head = nn.Linear(width, 4)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.first.expand(len(x), -1, -1), tokens], dim=1) + self.place
        tokens = self.blocks(tokens)
        return self.head(tokens[:, 0] if self.read == "class" else tokens.mean(1))


class Last(nn.Module):
    """Channels last between two convolutions; windows of 2 x 2 inside."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem, self.norm, self.mix = nn.Conv2d(3, 10, 2, 2), nn.LayerNorm(10), nn.Linear(10, 10)
        self.windows, self.head = nn.Linear(10, 10), nn.Linear(10, 4)

    def forward(self, x):
        cells = self.mix(self.norm(self.stem(x).permute(0, 2, 3, 1)))
        n, h, w, c = cells.shape
        parts = cells.reshape(n, h // 2, 2, w // 2, 2, c).transpose(2, 3).reshape(-1, 4, c)
        parts = self.windows(parts).relu()
        cells = parts.reshape(n, h // 2, w // 2, 2, 2, c).transpose(2, 3).reshape(n, h, w, c)
        return self.head(cells.square().mean((1, 2)))


class Signal(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.act, self.last = nn.Conv1d(2, 6, 5), nn.ReLU(), nn.Conv1d(6, 6, 3)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.last(self.act(self.first(x))).relu().square().mean(2))


class Volume(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.first, self.act, self.last = nn.Conv3d(2, 6, 3), nn.ReLU(), nn.Conv3d(6, 6, 2, 2)
        self.head = nn.Linear(6, 3)

    def forward(self, x):
        return self.head(self.last(self.act(self.first(x))).relu().square().mean((2, 3, 4)))


CASES = {
    "tokens": (Transformer(), "blocks.0", (3, 24, 20), "tokens 6x5+1", (6, 5)),
    "registers": (Transformer(prefix=5), "blocks.0", (3, 24, 20), "tokens 6x5+5", (6, 5)),
    "channels last": (Last(), "mix", (3, 16, 12), "NHWC", (8, 6)),
    "signal": (Signal(), "act", (2, 30), "NCL", (26,)),
    "volume": (Volume(), "act", (2, 6, 9, 8), "NCDHW", (4, 7, 6)),
}


def given(count, shape, seed, offset=0.0):
    """Volumes as a batch, others one by one, since a batch of signals would be taken for an image."""
    made = inputs(count, shape, seed) + offset
    return made if made.ndim == 5 else list(made)


def inputs(count, shape, seed=0):
    return torch.randn(count, *shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("case", CASES)
def test_layouts_are_named_and_every_part_answers(case, tmp_path):
    net, layer, shape, layout, grid = CASES[case]
    model = sacv.VisionModel(net)
    info = model.survey(inputs(1, shape))[layer]
    assert (info.layout.name, info.grid) == (layout, grid)
    bank = sacv.fit(model, [layer], {"c": given(5, shape, 1, 1.0)}, given(6, shape, 2), nulls=19)
    found = sacv.explain(model, given(2, shape, 3), bank, 1, allow_weak=True)
    assert found.relevance(layer, "c").shape == (2, *grid) and np.ptp(found.contribution(layer, "c")) > 0
    assert found.checks[layer][0][0].sign_agreement is not None
    found.save(tmp_path / "out")
    assert shown.header(tmp_path / "out")["concepts"] == ["c"]
    assert repr(sacv.Explanation.load(tmp_path / "out")) == repr(found)
    table = sacv.score(model, given(3, shape, 4), bank, 1, allow_weak=True).table
    assert np.isfinite(table["value"]).all()


@pytest.mark.parametrize("case", CASES)
def test_a_location_stands_where_the_input_that_it_sees_stands(case):
    """Only the locations whose receptive field holds what was changed change: the sentinel of every layout."""
    net, layer, shape, _, grid = CASES[case]
    model = sacv.VisionModel(net)
    layer = {"tokens": "patches", "registers": "patches"}.get(case, layer)
    fields = model.receptive_fields(shape, [layer])[layer]
    before = inputs(1, shape)
    place = tuple(side // 2 for side in grid)
    after = before.clone()
    corner = tuple(int(lines[at][0]) for lines, at in zip(fields.axes, place, strict=True))
    after[(0, slice(None), *corner)] += 1
    one, other = (model.activations(x, [layer])[layer].cells[0] for x in (before, after))
    changed = ((one - other).abs() > 1e-6).any(-1)
    want = torch.ones(grid, dtype=torch.bool)
    for axis, lines in enumerate(fields.axes):
        inside = torch.from_numpy((lines[:, 0] <= corner[axis]) & (corner[axis] < lines[:, 1]))
        want &= inside.reshape([-1 if other == axis else 1 for other in range(len(grid))])
    assert want[place] and torch.equal(changed & want, changed) and changed.any()


def test_attention_sees_the_whole_image():
    model = sacv.VisionModel(Transformer())
    fields = model.receptive_fields((3, 24, 20), ["patches", "blocks.0"])
    assert fields["patches"].size == (4, 4) and fields["blocks.0"].size == (24, 20)


def test_tokens_that_come_first_stay_when_locations_change():
    """Resumed with its own activation a network gives its own logits, class token and all."""
    for case in CASES:
        net, layer, shape, *_ = CASES[case]
        model = sacv.VisionModel(net)
        x = inputs(1, shape)
        cells = model.activations(x, [layer])[layer].cells
        again = model.resume(x, layer, cells.repeat(3, *[1] * (cells.ndim - 1)), lambda logits: logits)
        torch.testing.assert_close(again, model.logits(x).expand(3, -1), rtol=1e-4, atol=1e-5)


def test_windows_are_refused_with_a_layer_that_is_usable():
    model = sacv.VisionModel(Last())
    with pytest.raises(LayerError, match=r"12 parts of shape \(4, 10\) for each image.*; choose 'mix'"):
        model.usable(inputs(1, (3, 16, 12)), ["windows"])


def test_what_is_no_activation_of_an_image_is_refused():
    class Table(Last):
        """A table of relative positions, of as many rows as columns."""

        def __init__(self):
            super().__init__()
            self.table = nn.Linear(2, 7)

        def forward(self, x):
            return super().forward(x) + self.table(torch.ones(1, 8, 6, 2)).mean()

    info = sacv.VisionModel(Table()).survey(inputs(1, (3, 16, 12)))["table"]
    assert "not one activation for each image" in info.warning


def test_attention_maps_are_no_locations():
    class Shares(Transformer):
        def __init__(self):
            super().__init__()
            self.shares = nn.Softmax(-1)

        def forward(self, x):
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            return super().forward(x) + self.shares(tokens @ tokens.transpose(1, 2))[:, None].mean()

    class Heads(Shares):
        def forward(self, x):
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            return Transformer.forward(self, x) + self.shares((tokens @ tokens.transpose(1, 2))[:, None]).mean()

    info = sacv.VisionModel(Heads()).survey(inputs(1, (3, 24, 20)))["shares"]
    assert "attention between tokens" in info.warning


@pytest.mark.parametrize("layout", ["tokens 6x5+1", "tokens 5x6+1"])
def test_what_the_user_gives_goes(layout):
    model = sacv.VisionModel(Transformer(), layouts={"blocks.0": layout})
    assert model.survey(inputs(1, (3, 24, 20)))["blocks.0"].layout.name == layout
    assert model.describe()["layouts"] == {"blocks.0": layout}


@pytest.mark.parametrize(
    ("layouts", "error", "words"),
    [
        ({"blocks.0": "HWC"}, OptionError, "there is no layout 'HWC'; legal are NCHW"),
        ({"blocks.7": "NCHW"}, LayerError, "no layer 'blocks.7'"),
        ({"blocks.0": "tokens 7x7"}, LayerError, "does not fit the given layout tokens 7x7"),
    ],
)
def test_what_the_user_gives_must_fit(layouts, error, words):
    with pytest.raises(error, match=words):
        sacv.VisionModel(Transformer(), layouts=layouts).usable(inputs(1, (3, 24, 20)), ["blocks.0"])


def test_tuples_and_output_objects_are_looked_into():
    class Pair(nn.Module):
        def __init__(self, layer):
            super().__init__()
            self.layer = layer

        def forward(self, x):
            return self.layer(x), "cache"

    class Output(dict):
        pass

    class Whole(Transformer):
        def __init__(self):
            super().__init__()
            self.pair = Pair(nn.Linear(12, 12))

        def forward(self, x):
            tokens = self.patches(x).flatten(2).transpose(1, 2)
            tokens, cache = self.pair(tokens)
            assert cache == "cache"
            return Output(logits=self.head(tokens.tanh().mean(1)), other=None)

    model = sacv.VisionModel(Whole())
    x = inputs(2, (3, 24, 20))
    assert model.survey(x)["pair"].layout.name == "tokens 6x5"
    trace = model.trace(x, ["pair"], [lambda logits: logits[:, 0]])
    assert trace.gradients[0]["pair"].abs().max() > 0
    cells = trace.activations["pair"].cells
    again = model.resume(x[:1], "pair", cells[:1] * 2, lambda logits: logits)
    assert not torch.allclose(again, model.logits(x[:1]))


# What the gradient can tell


def test_what_a_layers_gradient_can_tell():
    class Kinds(nn.Module):
        def __init__(self):
            super().__init__()
            torch.manual_seed(0)
            self.a, self.b, self.c = (nn.Conv2d(3 if first else 6, 6, 3) for first in (True, False, False))
            self.unread = nn.Conv2d(6, 2, 1)
            self.head = nn.Linear(6, 3)

        def forward(self, x):
            x = self.b(self.a(x).relu())
            self.unread(x)
            return self.head(self.c(x).mean((2, 3)))

    model = sacv.VisionModel(Kinds())
    found = gradient_kinds(model, inputs(1, (3, 12, 12)), ["a", "b", "c", "unread"])
    assert found == {"a": "varies", "b": "linear", "c": "constant", "unread": "none"}
    tokens = sacv.VisionModel(Transformer())
    assert gradient_kinds(tokens, inputs(1, (3, 24, 20)), ["blocks.0", "blocks.1"]) == {
        "blocks.0": "varies",
        "blocks.1": "none",
    }


def test_the_effective_field_lies_within_the_field():
    model = sacv.VisionModel(CASES["volume"][0])
    x = inputs(2, (2, 6, 9, 8))
    fields = model.receptive_fields((2, 6, 9, 8), ["act", "last"])
    for layer, sides in model.effective_fields(x, ["act", "last"]).items():
        assert all(1 <= side <= whole for side, whole in zip(sides, fields[layer].size, strict=True))
    # A mean over 5 pixels weighs all alike; 95 % of the middle of one pixel is that pixel.
    for width in (1, 5):
        flat = nn.Conv2d(1, 1, width, bias=False)
        flat.weight.data.fill_(1.0)
        net = nn.Sequential(flat, nn.Flatten(), nn.LazyLinear(2))
        net(inputs(1, (1, 15, 15)))
        assert sacv.VisionModel(net).effective_fields(inputs(1, (1, 15, 15)), ["0"])["0"] == (width, width)
