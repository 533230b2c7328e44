"""Same seed, same bank, byte for byte; another batch size changes nothing beyond rounding."""

import numpy as np
import pytest

import sacv

SOLVERS = [sacv.solvers.MeanDifference(), sacv.solvers.Logistic(), sacv.solvers.DEFAULT]


@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_same_seed_same_bytes(small_model, guidance, tmp_path, solver):
    for name in ("one", "two"):
        bank = sacv.fit(
            small_model, ["features.0", "features.2"], {"c": guidance[0]}, [guidance[1]], solver=solver, seed=5
        )
        bank.save(tmp_path / name)
    for file in (tmp_path / "one").iterdir():
        assert file.read_bytes() == (tmp_path / "two" / file.name).read_bytes()


def test_another_seed_draws_other_folds(small_model, guidance):
    one, two = (
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]], seed=seed).statistics
        for seed in (0, 1)
    )
    key = ("features.2", "random")
    assert not np.array_equal(one[key].image_fold, two[key].image_fold)
    np.testing.assert_allclose(one[key].total().mean, two[key].total().mean)


def test_another_seed_draws_other_runs_and_nulls(small_model, guidance):
    one, two = (
        sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]], seed=seed).cavs[0] for seed in (0, 1)
    )
    assert not np.allclose(one.runs.vectors, two.runs.vectors)
    assert not np.allclose(one.null.vectors, two.null.vectors)
    np.testing.assert_allclose(one.vector, two.vector)


# Gradients differ by the rounding of float32 alone. Ten steps of the default divide differences of logits, so that
# they are rounded ten times as much.
@pytest.mark.parametrize(("method", "tolerance"), [(sacv.methods.Gradient(), 1e-6), (None, 1e-5)], ids=str)
@pytest.mark.parametrize("solver", SOLVERS, ids=repr)
def test_batch_size_changes_nothing(small_model, guidance, solver, method, tolerance):
    found, masks, tables = [], [], []
    for size in (1, 5, 32):
        bank = sacv.fit(small_model, ["features.2"], {"c": guidance[0]}, [guidance[1]], solver=solver, batch_size=size)
        shown = sacv.explain(small_model, guidance[1], bank, 1, method=method, batch_size=size, checks=False)
        found.append((bank.cav("features.2", "c"), shown))
        masks.append(np.stack(shown.significant("features.2", "c")))
        table = sacv.score(small_model, guidance[1], bank, 1, batch_size=size).table
        tables.append(table.select_dtypes("number"))
    for cav, shown in found[1:]:
        np.testing.assert_allclose(cav.vector, found[0][0].vector, atol=1e-6)
        # Of its own size: float32 activations are summed in another order.
        assert cav.threshold == pytest.approx(found[0][0].threshold, rel=1e-6)
        for kind, atol in (("relevance", 1e-6), ("contribution", tolerance)):
            one, other = (getattr(each, kind)("features.2", "c") for each in (shown, found[0][1]))
            # Of the map's scale: float32 convolutions sum in another order for another batch size.
            np.testing.assert_allclose(one, other, rtol=0, atol=atol * max(1, np.abs(other).max()))
    for mask, table in zip(masks[1:], tables[1:], strict=True):
        np.testing.assert_array_equal(mask, masks[0])
        np.testing.assert_allclose(table, tables[0], rtol=0, atol=1e-5)
