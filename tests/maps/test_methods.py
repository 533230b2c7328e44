"""Contribution methods, against ablation by hand and against each other."""

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import SmallNet
from torch import nn

import sacv
from reference import contrast as slow
from reference import naive
from sacv.errors import OptionError, TargetError
from sacv.maps.methods import DEFAULT, Ablation, Gated, Gradient, GradientTimesConcept, IntegratedGradients
from sacv.maps.methods.path import _between
from sacv.solvers import DEFAULT as DEFAULT_SOLVER
from sacv.solvers import MeanDifference, UnitLength

TARGET, LAYER = 1, "features.2"
ALL = [Gradient(), Gated(), GradientTimesConcept(), IntegratedGradients(), DEFAULT, Ablation()]


def images(count, seed, offset=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 6, 5, generator=generator, dtype=torch.float64) + offset


CONCEPT, RANDOM, SHOWN = images(6, 1, 2.0), images(7, 2), images(3, 3, 0.5)


class Smooth(nn.Module):
    """A convolution after the layer and a bent head, so that the logit is a smooth function of its activations."""

    def __init__(self):
        super().__init__()
        generator = torch.Generator().manual_seed(3)
        self.layer, self.next, self.head = nn.Conv2d(3, 5, 3), nn.Conv2d(5, 6, 3), nn.Linear(6, 4)
        for parameter in self.parameters():
            parameter.data = 0.4 * torch.randn(parameter.shape, generator=generator)

    def forward(self, x):
        return self.head(torch.tanh(self.next(torch.tanh(self.layer(x)))).mean((2, 3)))


def made(net, layer, solver=None):
    solver = solver or MeanDifference()
    return sacv.fit(sacv.VisionModel(net), [layer], {"c": CONCEPT}, [RANDOM], solver=solver, nulls=0)


def explained(net, bank, method, shown=SHOWN, target=TARGET):
    found = sacv.explain(sacv.VisionModel(net), shown, bank, target, method=method, checks=False, allow_weak=True)
    return found.contribution(bank.cavs[0].layer, "c")


def amounts(net, bank, shown=SHOWN):
    """How far each activation lies along v beyond the pool's mean, and the activations, `(n, channels, *grid)`."""
    cav = bank.cavs[0]
    values = torch.stack([naive.activation(net.double(), cav.layer, image) for image in shown])
    mean = bank.statistics[cav.layer, "random"].total().mean
    return np.einsum("c,nchw->nhw", cav.vector, values.numpy()) - cav.vector @ mean, values


def test_the_default():
    net = SmallNet().double()
    bank = made(net, LAYER)
    assert IntegratedGradients(steps=3, budget=2.4) == DEFAULT
    np.testing.assert_array_equal(explained(net, bank, None), explained(net, bank, DEFAULT))
    assert np.abs(explained(net, bank, None) - explained(net, bank, Gradient())).max() > 1e-3


def test_gradient_is_the_derivative():
    net = SmallNet().double()
    bank = made(net, LAYER)
    want = naive.contribution(naive.prepared(net), LAYER, SHOWN, bank.cavs[0].vector, [TARGET] * 3)
    np.testing.assert_allclose(explained(net, bank, Gradient()), want, rtol=1e-5, atol=1e-7)


def test_methods_that_read_the_gradient_alone():
    net = SmallNet().double()
    bank = made(net, LAYER)
    cav = bank.cavs[0]
    slope = explained(net, bank, Gradient())
    seen = np.stack(naive.relevance(naive.prepared(net), LAYER, SHOWN, cav.vector, cav.threshold))
    np.testing.assert_allclose(explained(net, bank, GradientTimesConcept()), seen * slope, rtol=1e-4, atol=1e-6)
    spread = cav.vector @ bank.statistics[LAYER, "random"].total().covariance @ cav.vector
    present = 1 / (1 + np.exp(-cav.separation / spread * seen))
    np.testing.assert_allclose(explained(net, bank, Gated()), present * slope, rtol=1e-4, atol=1e-6)


def test_presence_is_calibrated_on_new_images():
    """Of the places with a probability near p, a share near p shows the concept, where both are equally many."""
    torch.manual_seed(0)

    class Pass(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()

        def forward(self, x):
            return torch.cat([self.layer(x).square().mean((2, 3)), x.mean((2, 3))], dim=1)

    def drawn(count, shift):
        step = torch.tensor([shift, 0.0, 0.0], dtype=torch.float64)[:, None, None]
        return torch.randn(count, 3, 8, 8, dtype=torch.float64) + step

    net = Pass().double()
    concept, random, solver = {"c": drawn(40, 1.5)}, [drawn(40, 0.0)], MeanDifference()
    bank = sacv.fit(sacv.VisionModel(net), ["layer"], concept, random, solver=solver, nulls=0)
    shown = torch.cat([drawn(40, 1.5), drawn(40, 0.0)])
    slope, gated = (explained(net, bank, method, shown, 0) for method in (Gradient(), Gated()))
    probability = (gated / slope).ravel()
    truth = np.repeat([1, 0], 40 * 64)
    for low in np.arange(0, 1, 0.2):
        chosen = (probability >= low) & (probability < low + 0.2)
        assert abs(truth[chosen].mean() - probability[chosen].mean()) < 0.05


@pytest.mark.parametrize("window", [1, 3])
@pytest.mark.parametrize("kind", [SmallNet, Smooth], ids=["relu", "smooth"])
def test_ablation_is_the_change_of_the_logit(kind, window):
    net = kind().double().eval()
    layer = LAYER if kind is SmallNet else "layer"
    bank = made(net, layer)
    vector = torch.from_numpy(bank.cavs[0].vector)
    found = explained(net, bank, Ablation(window))
    excess, values = amounts(net, bank)
    for n, row, column in [(0, 0, 0), (1, 2, 1), (2, 3, 2), (2, 1, 2)]:
        moved = values[n].clone()
        for y in range(max(row - window // 2, 0), min(row + window // 2 + 1, moved.shape[1])):
            for x in range(max(column - window // 2, 0), min(column + window // 2 + 1, moved.shape[2])):
                moved[:, y, x] -= excess[n, y, x] * vector
        change = naive.logit_with(net, layer, SHOWN[n], values[n], TARGET) - naive.logit_with(
            net, layer, SHOWN[n], moved, TARGET
        )
        assert found[n, row, column] == pytest.approx(change, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("steps", [1, 3])
@pytest.mark.parametrize("baseline", ["mean", "threshold"])
@pytest.mark.parametrize("kind", [SmallNet, Smooth], ids=["relu", "smooth"])
def test_integrated_gradients_sum_to_the_change_of_the_logit(kind, baseline, steps):
    net = kind().double().eval()
    layer = LAYER if kind is SmallNet else "layer"
    bank = made(net, layer)
    cav = bank.cavs[0]
    found = explained(net, bank, IntegratedGradients(steps, baseline))
    excess, values = amounts(net, bank)
    if baseline == "threshold":
        mean = bank.statistics[layer, "random"].total().mean
        excess = excess + cav.vector @ mean - cav.threshold
    for n in range(len(SHOWN)):
        moved = values[n] - torch.from_numpy(excess[n] * cav.vector[:, None, None])
        change = naive.logit_with(net, layer, SHOWN[n], values[n], TARGET) - naive.logit_with(
            net, layer, SHOWN[n], moved, TARGET
        )
        assert abs(change) > 0.01
        assert found[n].sum() == pytest.approx(change, rel=1e-5)


def test_few_steps_come_near_to_many():
    """What is missing of the change is parted by the square of the step: the map of 3 steps is nearly that of 100."""
    net = SmallNet().double().eval()
    bank = made(net, LAYER)
    many = explained(net, bank, IntegratedGradients(100))
    apart = [np.abs(explained(net, bank, IntegratedGradients(steps)) - many).max() for steps in (1, 3, 24)]
    assert apart[2] < apart[1] < apart[0]
    assert apart[1] < 0.2 * np.abs(many).max()


def test_what_is_missing_is_parted_by_the_square_of_the_step():
    """z = sum of (a(p) - 5)^2 over 1, 2 and 8: at both ends of the path the slopes are -10 and 2 (a - 5)."""
    amount = torch.tensor([[[1.0, 2.0, 8.0]]], dtype=torch.float64)
    first, second = torch.full_like(amount, -10.0), 2 * (amount - 5)
    for rise in (-1000.0, -41.0, 1000.0):  # beyond the first slope's word, between both, beyond the second's
        parts = _between(amount, torch.tensor([[rise]], dtype=torch.float64), first, second)[0, 0]
        low, high = (first * amount).sum(), (second * amount).sum()
        share = min(max(float((rise - low) / (high - low)), 0.0), 1.0)
        mixed = amount * ((1 - share) * first + share * second)
        slope = (first.abs() + second.abs()) / 2
        bend = amount**2 * (slope + slope.mean())
        want = mixed + (rise - mixed.sum()) * bend / bend.sum()
        torch.testing.assert_close(parts, want[0, 0])
        assert float(parts.sum()) == pytest.approx(rise)
    nothing = _between(0 * amount, torch.zeros(1, 1, dtype=torch.float64), first, second)
    assert not nothing.any()


@pytest.mark.parametrize(
    ("budget", "share", "concepts", "steps"),
    [
        (None, 1.0, 10, 8),
        (3.0, 0.05, 10, 6),
        (3.0, 0.02, 10, 8),
        (3.0, 0.5, 2, 4),
        (3.0, 1.0, 10, 1),
        (3.0, 1.0, 1, 8),
        (3.0, 0.0, 10, 8),
    ],
)
def test_steps_are_left_out_where_they_would_take_more_passes_than_the_budget(budget, share, concepts, steps):
    assert IntegratedGradients(8, budget=budget).steps_at(share, concepts) == steps


def test_the_budget_holds_of_a_bank():
    """Of four concepts the paths take four times the steps times the share of the work that follows."""
    net = SmallNet().double()
    model = sacv.VisionModel(net)
    concepts = {name: CONCEPT + shift for shift, name in enumerate("abcd")}
    bank = sacv.fit(model, [LAYER], concepts, [RANDOM], solver=MeanDifference(), nulls=0)
    budget = 4 * 6.4 * model.share_after(SHOWN, LAYER)
    found, want = (
        sacv.explain(model, SHOWN, bank, TARGET, method=method, checks=False, allow_weak=True)
        for method in (IntegratedGradients(19, budget=budget), IntegratedGradients(6))
    )
    for name in concepts:
        np.testing.assert_array_equal(found.contribution(LAYER, name), want.contribution(LAYER, name))


def marked_bank(net):
    """Two concepts marked on the same photos, and a pool of their kind; the locations of the rests and the weights."""
    rng = np.random.default_rng(0)
    masks = {name: rng.random((6, 6, 5)) < 0.4 for name in "cd"}
    shown, pool = images(6, 1, 0.1), images(9, 2, 0.1)
    regions = {name: sacv.Region(shown, list(marks)) for name, marks in masks.items()}
    model = sacv.VisionModel(net)
    bank = sacv.fit(model, [LAYER], None, [pool], regions=regions, solver=MeanDifference(), nulls=0)
    values = [
        np.stack([naive.activation(net, LAYER, image).flatten(1).T.numpy() for image in each]) for each in (shown, pool)
    ]
    rests = {name: [(one, 1.0 - its.ravel()) for one, its in zip(values[0], masks[name], strict=True)] for name in "cd"}
    return bank, rests, [(one, np.ones(30)) for one in values[1]]


@pytest.mark.parametrize("name", ["c", "d"])
def test_amounts_are_counted_from_what_each_concept_is_told_from(name):
    """The rest of its photos and the weighted pool, which is another set for each of two marked concepts."""
    net = SmallNet().double().eval()
    bank, rests, pool = marked_bank(net)
    cav = bank.cav(LAYER, name)
    weight = cav.statistics["pool_weight"]
    assert 0.1 < weight < 1
    mean = slow.random_mean(rests[name], pool, weight)
    plain = bank.statistics[LAYER, "random"].total().mean
    assert abs(cav.vector @ (mean - plain)) > 1e-3
    vector = torch.from_numpy(cav.vector)
    found = sacv.explain(sacv.VisionModel(net), SHOWN, bank, TARGET, method=Ablation(), allow_weak=True)
    for n, row, column in [(0, 0, 0), (1, 2, 1), (2, 3, 2)]:
        values = naive.activation(net, LAYER, SHOWN[n])
        moved = values.clone()
        moved[:, row, column] -= vector * float(cav.vector @ (values[:, row, column].numpy() - mean))
        change = naive.logit_with(net, LAYER, SHOWN[n], values, TARGET) - naive.logit_with(
            net, LAYER, SHOWN[n], moved, TARGET
        )
        assert found.contribution(LAYER, name)[n, row, column] == pytest.approx(change, rel=1e-4, abs=1e-6)
    # The checks take the concept out in the same way.
    index = bank.concepts.index(name)
    for n in range(3):
        values = naive.activation(net, LAYER, SHOWN[n])
        moved = values.clone()
        for row, column in np.ndindex(values.shape[1:]):
            moved[:, row, column] -= vector * float(cav.vector @ (values[:, row, column].numpy() - mean))
        change = naive.logit_with(net, LAYER, SHOWN[n], moved, TARGET) - naive.logit_with(
            net, LAYER, SHOWN[n], values, TARGET
        )
        assert found.checks[LAYER][n][index].ablation == pytest.approx(change, abs=1e-5)


@pytest.mark.parametrize("name", ["c", "d"])
def test_presence_is_calibrated_on_what_each_concept_is_told_from(name):
    net = SmallNet().double().eval()
    bank, rests, pool = marked_bank(net)
    cav = bank.cav(LAYER, name)
    total = sum(its.sum() for _, its in rests[name])
    factor = cav.statistics["pool_weight"] * total / (9 * 30)
    values = np.concatenate([one for one, _ in (*rests[name], *pool)])
    weights = np.concatenate([*(its for _, its in rests[name]), *(its * factor for _, its in pool)])
    spread = np.cov((values @ cav.vector)[None], aweights=weights, ddof=0)
    gated, slope = (
        sacv.explain(sacv.VisionModel(net), SHOWN, bank, TARGET, method=method, allow_weak=True).contribution(
            LAYER, name
        )
        for method in (Gated(), Gradient())
    )
    seen = np.stack(naive.relevance(naive.prepared(net), LAYER, SHOWN, cav.vector, cav.threshold))
    want = slope / (1 + np.exp(-cav.separation / spread * seen))
    np.testing.assert_allclose(gated, want, rtol=1e-4, atol=1e-6)
    wrong = cav.vector @ bank.statistics[LAYER, "random"].total().covariance @ cav.vector
    assert abs(wrong / spread - 1) > 1e-2


def test_a_smooth_logit_needs_few_steps():
    net = Smooth().double().eval()
    bank = made(net, "layer")
    few, many = (explained(net, bank, IntegratedGradients(steps)) for steps in (8, 100))
    assert np.abs(few - many).max() < 0.1 * np.abs(many).max()


def test_gradient_and_ablation_agree_to_first_order_as_the_step_goes_to_zero():
    """Moving the pool's mean along v makes the step s(p) as small as one likes."""
    net = Smooth().double().eval()
    bank = made(net, "layer")
    cav = bank.cavs[0]
    excess, values = amounts(net, bank)
    slope = explained(net, bank, Gradient()).astype(np.float64)
    n, row, column = 1, 2, 1
    apart = []
    for share in (1.0, 0.1, 0.01, 0.001):
        moved = values[n].clone()
        step = share * excess[n, row, column]
        moved[:, row, column] -= step * torch.from_numpy(cav.vector)
        change = naive.logit_with(net, "layer", SHOWN[n], values[n], TARGET) - naive.logit_with(
            net, "layer", SHOWN[n], moved, TARGET
        )
        apart.append(abs(change / step - slope[n, row, column]))
    assert apart[2] < apart[1] / 5 and apart[3] < apart[2] / 5
    assert apart[-1] < 1e-3 * abs(slope[n, row, column])
    # The same through the methods: with the random set's mean close by, both give the same map.
    total = bank.statistics["layer", "random"]
    close = naive.activation(net, "layer", SHOWN[n])[:, row, column].numpy() - 1e-4 * cav.vector
    near = replace(total.total(), mean=close)
    held = replace(total, folds=(near,), image_fold=np.zeros_like(total.image_fold))
    changed = replace(bank, statistics={**bank.statistics, ("layer", "random"): held})
    ablated = explained(net, changed, Ablation())
    assert ablated[n, row, column] == pytest.approx(1e-4 * slope[n, row, column], rel=1e-2)


@pytest.mark.parametrize("solver", [MeanDifference(), UnitLength(MeanDifference()), DEFAULT_SOLVER], ids=repr)
def test_all_methods_agree_where_the_logit_is_linear(solver):
    """z = sum of w(p) . a(p): what an activation gives is its amount of the concept times the slope there."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten(), nn.Linear(5 * 4 * 3, 4)).double()
    bank = made(net, "0", solver)
    by_path, by_ablation = (explained(net, bank, method) for method in (IntegratedGradients(3), Ablation()))
    np.testing.assert_allclose(by_path, by_ablation, rtol=1e-4, atol=1e-6)
    if solver == MeanDifference():
        slope, (excess, _) = explained(net, bank, Gradient()), amounts(net, bank)
        np.testing.assert_allclose(by_path, excess * slope, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("method", ALL, ids=repr)
def test_a_method_keeps_the_rest_of_an_explanation(method, tmp_path):
    model = sacv.VisionModel(SmallNet().double())
    bank = sacv.fit(model, [LAYER], {"c": CONCEPT, "d": RANDOM + 1}, [RANDOM], nulls=19)
    found = sacv.explain(model, SHOWN, bank, "predicted", method=method, allow_weak=True, batch_size=2)
    again = sacv.explain(model, SHOWN, bank, "predicted", method=method, allow_weak=True, batch_size=3)
    np.testing.assert_allclose(found.contribution(LAYER, "d"), again.contribution(LAYER, "d"), rtol=1e-5, atol=1e-7)
    default = sacv.explain(model, SHOWN, bank, "predicted", allow_weak=True, batch_size=2)
    np.testing.assert_array_equal(found.relevance(LAYER, "c"), default.relevance(LAYER, "c"))
    for (mine, _), (theirs, _) in zip(found.checks[LAYER], default.checks[LAYER], strict=True):
        assert dataclasses.astuple(mine) == pytest.approx(dataclasses.astuple(theirs), abs=1e-9)
    for mine, theirs in zip(found.significant(LAYER, "c"), default.significant(LAYER, "c"), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert found.settings["method"]["name"] == type(method).__name__
    marks = found.significant(LAYER, "c")
    assert marks[0].shape == marks[1].shape == (3, 6, 5)
    found.save(tmp_path / "out")
    page = (tmp_path / "out" / "index.html").read_text()
    assert type(method).__name__ in page and method.unit in page and method.meaning in page


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda: IntegratedGradients(0), "steps must be at least 1, not 0"),
        (lambda: IntegratedGradients(budget=0), "budget must be above 0, or None for no bound, not 0"),
        (lambda: IntegratedGradients(baseline="zero"), "baseline must be one of mean, threshold, not 'zero'"),
        (lambda: Ablation(2), "window must be odd and at least 1, not 2"),
    ],
)
def test_wrong_parameters(wrong, words):
    with pytest.raises(OptionError, match=words):
        wrong()


def test_what_is_no_method():
    net = SmallNet().double()
    with pytest.raises(OptionError, match=r"such as sacv.methods.Gradient\(\), not 'gradient'"):
        explained(net, made(net, LAYER), "gradient")


# Targets of the user's own


def test_a_function_as_the_target_is_explained():
    net = SmallNet().double()
    bank = made(net, LAYER)

    def margin(output):
        return output[:, 1] - output[:, 2]

    found = explained(net, bank, Gradient(), target=margin)
    first, second = (explained(net, bank, Gradient(), target=index) for index in (1, 2))
    np.testing.assert_allclose(found, first - second, rtol=1e-4, atol=1e-6)
    told = sacv.explain(sacv.VisionModel(net), SHOWN, bank, margin, allow_weak=True)
    assert told.images[0].target is None and told.images[0].target_name == "margin"
    logits = net(SHOWN).detach()
    assert told.images[0].logit == pytest.approx(float(logits[0, 1] - logits[0, 2]), rel=1e-5)
    assert told.checks[LAYER][0][0].sign_agreement is not None


def test_a_network_without_logits_and_a_function():
    class Boxes(SmallNet):
        def forward(self, x):
            return {"boxes": self.features(x).mean((2, 3)), "other": 3}

    net = Boxes().double()
    bank = made(net, LAYER)
    found = sacv.explain(
        sacv.VisionModel(net), SHOWN, bank, lambda output: output["boxes"][:, 0], checks=True, allow_weak=True
    )
    assert found.images[0].predicted is None and np.ptp(found.contribution(LAYER, "c")) > 0
    with pytest.raises(TargetError, match="give a function"):
        sacv.explain(sacv.VisionModel(net), SHOWN, bank, 0, allow_weak=True)


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (lambda output: output, r"returns \(3, 4\); it must return a float tensor of shape \(images,\) = \(3,\)"),
        (lambda output: 1.0, "returns float"),
        (lambda output: output.argmax(1), "must return a float tensor"),
    ],
)
def test_functions_that_give_no_scalar_of_each_image(target, words):
    net = SmallNet().double()
    with pytest.raises(TargetError, match=words):
        explained(net, made(net, LAYER), Gradient(), target=target)


# Maps that say nothing by construction


def found_notes(net, layer, method=None, target=TARGET, shown=SHOWN):
    bank = sacv.fit(sacv.VisionModel(net), [layer], {"c": CONCEPT}, [RANDOM])
    found = sacv.explain(sacv.VisionModel(net), shown, bank, target, method=method, checks=False, allow_weak=True)
    return found.notes


def notes(*given, **options):
    return [note.kind for note in found_notes(*given, **options) if note.kind != "weak CAV"]


def test_a_constant_gradient_and_methods_that_can_tell_places_apart():
    net = SmallNet().double()
    assert notes(net, "features.3", Gradient()) == ["constant contribution"]
    assert notes(net, "features.3", Gated()) == ["constant contribution"]
    assert notes(net, "features.3", Ablation()) == ["constant derivative"]
    assert notes(net, "features.3") == ["constant derivative"]
    assert notes(net, LAYER) == []


def test_a_saturated_target_is_told():
    class Sure(SmallNet):
        def forward(self, x):
            return (10 + super().forward(x)[:, :2] / 1e9).sigmoid()

    assert notes(Sure().double(), LAYER) == ["saturated target"]


def test_nothing_but_linear_layers_after_the_layer():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 5, 3), nn.Conv2d(5, 6, 3), nn.Flatten(), nn.Linear(6 * 2 * 1, 4)).double()
    assert notes(net, "0") == ["linear rest"]
    (note,) = (note for note in found_notes(net, "0") if note.kind == "linear rest")
    assert "Explain an earlier layer, or measure with GradientTimesConcept()" in note.text
    assert notes(net, "0", shown=SHOWN[:1]) == []  # of one image it cannot be told
