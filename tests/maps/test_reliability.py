from dataclasses import replace

import numpy as np
import pytest
import torch
from conftest import SmallNet
from scipy.stats import spearmanr
from torch import nn

import sacv
from reference import naive, reading
from sacv.maps import Checks
from sacv.maps.methods import Gradient, IntegratedGradients
from sacv.maps.reliability import neighbour_correlation
from sacv.solvers import DEFAULT, MeanDifference, UnitLength
from viewer import shown

TARGET = 1
FIELDS = ("evidence", "beyond", "ablation", "ablation_by_gradient", "sign_agreement", "rank_agreement", "neighbours")


def images(count, seed, offset=0.0):
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, 6, 5, generator=generator, dtype=torch.float64) + offset


CONCEPT, RANDOM, SHOWN = images(6, 1, 2.0), images(7, 2), images(3, 3, 0.5)


def make_bank(net, layers=("features.2",), solver=None):
    solver = solver or MeanDifference()
    return sacv.fit(sacv.VisionModel(net), list(layers), {"c": CONCEPT}, [RANDOM], solver=solver, nulls=0)


def at_threshold(bank, threshold):
    return replace(bank, cavs=tuple(replace(cav, threshold=threshold) for cav in bank.cavs))


def lines(net, bank, shown=SHOWN, target=TARGET, **options):
    # The checks ask the gradient, whatever the method of contribution.
    found = sacv.explain(sacv.VisionModel(net), shown, bank, target, method=Gradient(), **options)
    return [line for (line,) in found.checks[bank.cavs[0].layer]]


def linear():
    """Nothing bends after the layer, and every place has weights of its own: ablation is exactly of first order."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 5, 3), nn.Flatten(), nn.Linear(5 * 4 * 3, 4)).double()


def check_by_hand(net, layer, image, cav, mean):
    """The change of the logit when the concept is taken out everywhere, by a hook, and as the gradient predicts it."""
    net = naive.prepared(net)
    values = naive.activation(net, layer, image)
    (given,) = naive.contribution(net, layer, image[None], cav.vector, [TARGET])
    excess = np.einsum("c,chw->hw", cav.vector, values.numpy()) - cav.vector @ mean
    moved = values - torch.from_numpy(cav.vector[:, None, None] * excess)
    before, after = (naive.logit_with(net, layer, image, each, TARGET) for each in (values, moved))
    return after - before, -(excess * given).sum()


def test_ablation_by_hand():
    net = SmallNet().double()
    bank = make_bank(net)
    mean = naive.mean_over_locations(naive.prepared(net), "features.2", RANDOM)
    for image, line in zip(SHOWN, lines(net, bank), strict=True):
        change, foretold = check_by_hand(net, "features.2", image, bank.cavs[0], mean)
        assert line.ablation == pytest.approx(change, abs=1e-5)
        assert line.ablation_by_gradient == pytest.approx(foretold, abs=1e-5)
        assert line.sign_agreement == float(np.sign(change) == np.sign(foretold))
        assert line.rank_agreement is None  # of one concept there is no rank
        assert abs(line.ablation - line.ablation_by_gradient) > 1e-3  # the ReLU after the layer bends


def test_on_a_linear_head_the_gradient_foretells_the_ablation():
    net = linear()
    for line in lines(net, make_bank(net, ["0"])):
        assert abs(line.ablation) > 1e-3 and line.moved
        assert line.ablation == pytest.approx(line.ablation_by_gradient, abs=1e-5)
        assert line.sign_agreement == 1.0


@pytest.mark.parametrize("method", [Gradient(), IntegratedGradients(3)], ids=repr)
def test_the_default_map_sums_to_the_ablation_that_the_line_reports(method):
    """Both are the same run of the network; the gradient's word is another."""
    net = SmallNet().double()
    bank = make_bank(net)
    found = sacv.explain(sacv.VisionModel(net), SHOWN, bank, TARGET, method=method)
    sums = found.contribution("features.2", "c").sum(axis=(1, 2))
    told = [-line.ablation for (line,) in found.checks["features.2"]]
    assert np.allclose(sums, told, rtol=1e-4) == (method != Gradient())


def test_taking_out_what_is_read_at_unit_length_leaves_the_pools_mean():
    """There s(p) = v . (a(p) / |a(p)| - mu) |a(p)|, so that afterwards v . a'(p) / |a(p)| is that of the pool."""
    net = linear()
    bank = make_bank(net, ["0"], UnitLength(MeanDifference()))
    cav, copy = bank.cavs[0], naive.prepared(net)
    total, count = 0.0, 0
    for image in RANDOM:
        for column in naive.activation(copy, "0", image).flatten(1).T.numpy():
            total, count = total + column / np.linalg.norm(column), count + 1
    for image, line in zip(SHOWN, lines(net, bank), strict=True):
        values = naive.activation(copy, "0", image)
        moved = values.clone()
        for row, column in np.ndindex(4, 3):
            place = values[:, row, column].numpy()
            excess = cav.vector @ place - np.linalg.norm(place) * (cav.vector @ (total / count))
            moved[:, row, column] -= excess * torch.from_numpy(cav.vector)
        change = naive.logit_with(copy, "0", image, moved, TARGET) - naive.logit_with(copy, "0", image, values, TARGET)
        assert line.ablation == pytest.approx(change, abs=1e-5)
        assert line.ablation == pytest.approx(line.ablation_by_gradient, abs=1e-5)


def test_signs_that_disagree_are_counted_over_the_concepts():
    """z = sum of (a(p) - 5)^2: taking an activation of 8 down to 0 raises z, though its slope foretells a fall."""

    class Bowl(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Identity()
            self.weight = nn.Parameter(torch.zeros(1, dtype=torch.float64))

        def forward(self, x):
            return torch.stack([(self.layer(x) - 5).square().sum((1, 2, 3)), x.sum((1, 2, 3))], dim=1)

    net = Bowl()
    flat = torch.arange(7, dtype=torch.float64)[:, None, None, None] / 100
    random = (flat - flat.mean()).expand(7, 5, 1, 5)
    steps = 6 * torch.eye(5, dtype=torch.float64)[:, :, None, None]
    concepts = {name: random + step for name, step in zip("abcde", steps, strict=True)}
    bank = sacv.fit(sacv.VisionModel(net), ["layer"], concepts, [random], solver=MeanDifference(), nulls=0)
    np.testing.assert_allclose(np.stack([cav.vector for cav in bank.cavs]), np.eye(5), atol=1e-12)
    shown = torch.zeros(1, 5, 1, 5, dtype=torch.float64)
    shown[0, :, 0, 0] = torch.tensor([1.0, 9.5, 8.0, 20.0, 30.0])
    options = {"method": Gradient(), "allow_weak": True}
    (row,) = sacv.explain(sacv.VisionModel(net), shown, bank, 0, **options).checks["layer"]
    # With c = 2 (a - 5), foretold are -a c.
    assert [line.ablation for line in row] == pytest.approx([9, 4.75, 16, -200, -600])
    assert [line.ablation_by_gradient for line in row] == pytest.approx([8, -85.5, -48, -600, -1500])
    assert {line.sign_agreement for line in row} == {0.6}
    assert {round(line.rank_agreement, 9) for line in row} == {0.9}
    assert [any("predicts" in doubt for doubt in line.warnings) for line in row] == [False, True, True, False, False]
    # Of the percentiles 0, 1, ... 100 of the guidance, 31 lie at or below the greatest value, 30.
    exact = replace(bank.cavs[4], threshold=4.0, evidence=np.arange(101.0))
    told = sacv.explain(sacv.VisionModel(net), shown, replace(bank, cavs=(*bank.cavs[:4], exact)), 0, **options)
    assert told.checks["layer"][0][4].evidence == pytest.approx(31 / 101 * 100)


def test_where_the_logit_does_not_move():
    class Deaf(SmallNet):
        def forward(self, x):
            features = self.features(x)
            return self.head(features.detach().mean((2, 3)) * 0 + 0 * features.mean((2, 3)))

    net = Deaf().double()
    for line in lines(net, make_bank(net)):
        assert line.ablation == 0 and line.ablation_by_gradient == 0
        assert line.sign_agreement is None and line.rank_agreement is None and not line.moved
        assert "taking the concept out does not move the logit" in line.warnings


@pytest.mark.parametrize(("greatest", "evidence", "beyond"), [
    (-0.5, 0, False), (0.0, 1, False), (49.5, 50, False), (100.0, 101, False), (149.5, 101, False), (150.5, 101, True)
])  # fmt: skip
def test_evidence_by_hand(greatest, evidence, beyond):
    """The guidance's percentiles are 0, 1, ... 100; `evidence` of these 101 lie at or below the image's greatest."""
    net = linear()
    bank = make_bank(net, ["0"])
    strongest = naive.relevance(net, "0", SHOWN, bank.cavs[0].vector, 0.0).max(axis=(1, 2))
    for index, image in enumerate(SHOWN):
        cav = replace(bank.cavs[0], evidence=np.arange(101.0) + strongest[index] - greatest)
        for threshold in (0.0, 3.0):
            (line,) = lines(net, replace(bank, cavs=(replace(cav, threshold=threshold),)), image[None])
            if greatest not in (0.0, 100.0):  # there rounding decides
                assert line.evidence == pytest.approx(evidence / 101 * 100)
            assert line.beyond == beyond


def test_with_the_default_solver_the_checks_look_at_what_it_reads():
    """The strongest evidence is that of averages over neighbours, and so is what is taken out, times |a(p)|."""
    net = SmallNet().double()
    bank = make_bank(net, solver=DEFAULT)
    cav, copy = bank.cavs[0], naive.prepared(net)
    cells = {}
    for name, images_ in (("random", RANDOM), ("shown", SHOWN)):
        cells[name] = [naive.activation(copy, "features.2", image).permute(1, 2, 0).numpy() for image in images_]
    mean = np.mean([reading.read(image, 1.0) for image in cells["random"]], axis=(0, 1, 2))
    for image, values, line in zip(SHOWN, cells["shown"], lines(net, bank), strict=True):
        read = reading.read(values, 1.0)
        along, seen = read @ cav.vector, read @ cav.detector
        assert line.evidence == pytest.approx((cav.evidence <= seen.max() + 1e-6).sum() / 101 * 100)
        amount = (along - cav.vector @ mean) * np.linalg.norm(values, axis=-1)
        moved = values - amount[..., None] * cav.vector
        before, after = (
            naive.logit_with(copy, "features.2", image, torch.from_numpy(each).permute(2, 0, 1), TARGET)
            for each in (values, moved)
        )
        assert abs(after - before) > 1e-3
        assert line.ablation == pytest.approx(after - before, abs=1e-5)


def test_batch_size_does_not_change_the_checks():
    net = SmallNet().double()
    bank = make_bank(net, ["features.0", "features.2"])
    want = lines(net, bank)
    for size in (1, 2, 5):
        for line, other in zip(lines(net, bank, batch_size=size), want, strict=True):
            for name in FIELDS:
                assert getattr(line, name) == pytest.approx(getattr(other, name), abs=1e-9)


def test_each_concept_has_a_line_of_its_own():
    net = SmallNet().double()
    concepts = {"c": CONCEPT, "d": images(6, 4, -2.0)}
    options = {"solver": MeanDifference(), "nulls": 0}
    bank = sacv.fit(sacv.VisionModel(net), ["features.2"], concepts, [RANDOM], **options)
    found = sacv.explain(sacv.VisionModel(net), SHOWN, bank, TARGET)
    assert [len(row) for row in found.checks["features.2"]] == [2, 2, 2]
    for number, name in enumerate(concepts):
        alone = sacv.fit(sacv.VisionModel(net), ["features.2"], {name: concepts[name]}, [RANDOM], **options)
        for row, line in zip(found.checks["features.2"], lines(net, alone), strict=True):
            for field in ("evidence", "beyond", "ablation", "ablation_by_gradient"):
                assert getattr(row[number], field) == pytest.approx(getattr(line, field), abs=1e-9)
    assert len({row[number].ablation for row in found.checks["features.2"] for number in (0, 1)}) == 6


def test_each_image_is_checked_for_its_own_class():
    net = SmallNet(6).double()
    bank = make_bank(net)
    model = sacv.VisionModel(net)
    shown = torch.cat([SHOWN, images(3, 9, -2.0)])
    own = sacv.explain(model, shown, bank, "predicted")
    assert len({image.target for image in own.images}) > 1
    for index, image in enumerate(own.images):
        (line,) = lines(net, bank, shown[index : index + 1], image.target)
        assert own.checks["features.2"][index][0].ablation == pytest.approx(line.ablation, abs=1e-9)


GOOD = Checks(60.0, False, -1.0, -1.1, 1.0, 0.9, 0.8)


def test_no_doubt_where_all_is_well():
    assert GOOD.warnings == []
    assert replace(GOOD, neighbours=None, rank_agreement=None).warnings == []


@pytest.mark.parametrize(("change", "still_well", "words"), [
    ({"evidence": 3.0}, {"evidence": 5.0},
     "the image's strongest evidence is below 97 % of the concept's locations"),
    ({"beyond": True, "evidence": 100.0}, {"evidence": 100.0},
     "the image's strongest evidence lies far beyond that of all concept images"),
    ({"ablation": 0.5}, {"ablation": -0.1},
     "the gradient predicts -1.1 where taking the concept out gives +0.5"),
    ({"ablation_by_gradient": 0.5, "rank_agreement": 0.1}, {},
     "the gradient predicts +0.5 where taking the concept out gives -1"),
    ({"rank_agreement": 0.25}, {"rank_agreement": 0.5},
     "gradient and ablation rank the image's concepts differently (Spearman 0.25)"),
    ({"moved": False, "sign_agreement": None, "rank_agreement": None}, {"moved": True},
     "taking the concept out does not move the logit"),
    ({"neighbours": -0.31}, {"neighbours": 0.2},
     "neighbouring layers see the concept elsewhere (Spearman -0.31)"),
    ({"neighbours": 0.19}, {"neighbours": None},
     "neighbouring layers see the concept elsewhere (Spearman 0.19)"),
])  # fmt: skip
def test_doubts(change, still_well, words):
    assert replace(GOOD, **change).warnings == [words]
    assert replace(GOOD, **still_well).warnings == []


def test_doubts_add_up():
    assert len(Checks(1.0, True, 1.0, -1.0, 0.1, None, 0.0).warnings) == 4


def test_one_layer_has_no_neighbours():
    net = SmallNet().double()
    assert [line.neighbours for line in lines(net, make_bank(net))] == [None] * 3


def test_two_layers_are_each_others_neighbours():
    net = SmallNet().double()
    layers = ["features.0", "features.2"]
    bank = make_bank(net, layers)
    found = sacv.explain(sacv.VisionModel(net), SHOWN, bank, TARGET)
    for index in range(3):
        maps = [found.relevance(layer, "c")[index].ravel() for layer in layers]
        want = spearmanr(*maps).statistic
        assert 0.01 < abs(want) < 0.99
        for layer in layers:
            assert found.checks[layer][index][0].neighbours == pytest.approx(want, abs=1e-6)


def test_neighbours_by_hand():
    rising = np.arange(6.0, dtype=np.float32).reshape(2, 3)
    swapped = np.array([[1, 0, 2], [3, 4, 5]], np.float32)  # Spearman 1 - 6 * 2 / (6 * 35)
    level = np.zeros((2, 3), np.float32)
    assert neighbour_correlation([rising]) == [None]
    assert neighbour_correlation([rising, -rising]) == pytest.approx([-1, -1])
    near = 1 - 12 / 210
    assert neighbour_correlation([rising, swapped, -rising]) == pytest.approx([near, 0, -near])
    assert neighbour_correlation([level, rising]) == [None, None]
    assert neighbour_correlation([level, rising, 2 * rising]) == [None, pytest.approx(1), pytest.approx(1)]
    assert neighbour_correlation([rising, rising.ravel()]) == [None, None]  # grids of other kinds


def test_neighbours_of_other_grids_are_compared_on_the_coarser():
    coarse = np.array([[3, 1], [0, 2]], np.float32)
    fine = coarse.repeat(2, axis=0).repeat(3, axis=1)
    fine += np.tile([[-5, 5], [5, -5]], (2, 3)).astype(np.float32)  # gone in the mean of each cell
    assert neighbour_correlation([fine, coarse, -fine]) == pytest.approx([1, 0, -1])


def test_checks_that_are_not_asked_for(tmp_path):
    net = SmallNet().double()
    bank = make_bank(net)
    found = sacv.explain(sacv.VisionModel(net), SHOWN, bank, TARGET, checks=False)
    assert found.checks is None
    assert not {*FIELDS, "doubts"} & set(found.scores().columns)
    found.save(tmp_path / "out")
    assert shown.checks(tmp_path / "out") == [{"unchecked": ""}] * 3


def test_checks_run_nothing_when_they_are_not_asked_for():
    calls = []
    net = SmallNet().double()
    bank = make_bank(net)
    model = sacv.VisionModel(net)
    model.survey(SHOWN)
    net.head.register_forward_hook(lambda module, arguments, output: calls.append(len(output)))
    sacv.explain(model, SHOWN, bank, TARGET, method=Gradient(), checks=False)
    assert calls == [3]
    # Once for each size of inputs: how much work follows the layer, and whether anything passes by it.
    sacv.explain(model, SHOWN, bank, TARGET, method=Gradient())
    assert sorted(calls[1:]) == [1, 1, 1, 3, 3]


@pytest.mark.parametrize(("method", "passes"), [(Gradient(), 2), (IntegratedGradients(4), 5)], ids=repr)
def test_the_line_takes_one_pass_which_the_path_has_run_already(method, passes):
    calls, net = [], SmallNet().double()
    bank, model = make_bank(net), sacv.VisionModel(net)
    sacv.explain(model, SHOWN, bank, TARGET, method=method)
    net.head.register_forward_hook(lambda module, arguments, output: calls.append(len(output)))
    sacv.explain(model, SHOWN, bank, TARGET, method=method)
    assert calls == [3] * passes


def test_lines_stand_in_the_table_and_on_the_page(tmp_path):
    net = SmallNet().double()
    bank = make_bank(net)
    far = replace(bank, cavs=(replace(bank.cavs[0], evidence=np.linspace(-90.0, -80.0, 101)),))
    found = sacv.explain(sacv.VisionModel(net), SHOWN, far, TARGET)
    table = found.scores()
    for line, row in zip((row[0] for row in found.checks["features.2"]), table.to_dict("records"), strict=True):
        for name in FIELDS[:-1]:
            assert row[name] == getattr(line, name)
        assert "lies far beyond that of all concept images" in row["doubts"]
    found.save(tmp_path / "out")
    told, line = shown.checks(tmp_path / "out"), found.checks["features.2"][0][0]
    assert ["evidence beyond" in one for one in told] == [True] * 3
    assert "the image's strongest evidence lies far beyond" in told[0]["evidence beyond"]
    figure = f"changes the logit by {line.ablation:+.3g} (by the gradient {line.ablation_by_gradient:+.3g})"
    assert any(figure in text for text in told[0].values())
