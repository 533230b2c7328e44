"""How often chance is called significant, and how often a planted concept is: seeded trials of the whole path.

    python benchmarks/significance.py [--noise 200] [--planted 50] [--draws 1000] [--seed 0] [--solver mean-difference]

Noise: the concept's images, the random images and the images explained are drawn alike, from textures of every kind.
Planted: 50 striped textures against others, asked of scenes with a striped object and the class "striped" of the
network that ships. Masks of contribution judge the derivative whatever the method, and so the gradient is asked, which
is the fastest. The t-test of common TCAV tutorials is made on the same noise, as an exhibit: it takes the CAVs of
one concept against several random sets for independent draws of the concept.

Draws: the contribution mask alone, on many more draws of noise, from means and gradients of images that are kept; with
the null as it is, and with one that permutes the concept's and the random images, which is exact by construction but
has no power where there is a concept.
"""

from __future__ import annotations

import argparse
from collections import Counter
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.stats import ttest_ind

import sacv
from sacv.cav.random_runs import null_cavs
from sacv.cav.statistics import ImageMeans, SetStatistics
from sacv.cli.solvers import parse_solver
from sacv.maps.methods import Gradient
from sacv.maps.significance import critical
from sacv.model.demo import DEMO_CLASSES
from sacv.solvers import MeanDifference, Solver
from sacv.stats import LocationSample, Moments
from sacv.synthetic.scenes import SIZE, Scene, random_spec, render
from sacv.synthetic.textures import FIRST_TEXTURES, texture
from sacv_bench.metrics import coverage

LAYER = "blocks.2"
LEVEL = 0.05
SHOWN = 8
"""Images explained and scored in each trial."""


def pictures(names: list[str], rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Paint a texture of each name."""
    return [texture(name, SIZE, rng) for name in names]


def mixed(count: int, rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """Paint textures of every kind, the kind drawn evenly."""
    return pictures([str(name) for name in rng.choice(FIRST_TEXTURES, count)], rng)


def striped_scenes(count: int, rng: np.random.Generator) -> list[Scene]:
    """Paint scenes with a striped object of 5 to 40 % of the picture on another texture."""
    others = [name for name in FIRST_TEXTURES if name != "striped"]
    return [
        render(random_spec(rng, object_textures=["striped"], background_textures=others, area=(0.05, 0.4)))
        for _ in range(count)
    ]


def tutorial_t_test(
    model: sacv.VisionModel, bank: sacv.ConceptBank, images: list[NDArray[np.uint8]], target: int
) -> float:
    """Give the p-value of the tutorials' t-test: sign counts of a concept's runs against those of random images'."""
    inputs = model.inputs([Image.fromarray(image) for image in images])
    gradients = model.trace(inputs, [LAYER], [lambda logits: logits[:, target]]).gradients[0][LAYER]
    whole = gradients.flatten(1, -2).sum(dim=1).double().numpy()
    counts = [(whole @ bank.cav(LAYER, name).runs.vectors.T > 0).mean(axis=0) for name in ("concept", "random concept")]
    if any(np.ptp(found) == 0 for found in counts):  # the t-test of equal counts is not defined
        return float(counts[0].mean() == counts[1].mean())
    return float(ttest_ind(*counts).pvalue)


def judged(
    bank: sacv.ConceptBank, model: sacv.VisionModel, shown: list[NDArray[np.uint8]], target: int | str
) -> tuple[Counter[str], tuple[NDArray[np.bool_], NDArray[np.bool_]]]:
    """Score and explain images; give which scores of the bank's first concept are significant, and its two masks."""
    concept = bank.concepts[0]
    table = sacv.score(model, shown, bank, target, allow_weak=True).table
    p_values = table[table["concept"] == concept].set_index("score")["p"]
    found = sacv.explain(model, shown, bank, target, method=Gradient(), checks=False, allow_weak=True)
    return Counter({str(kind): int(p <= LEVEL) for kind, p in p_values.items()}), found.significant(LAYER, concept)


def noise_trial(model: sacv.VisionModel, solver: Solver, seed: int) -> Counter[str]:
    """Fit, score and explain where there is nothing; give what was called significant."""
    rng = np.random.default_rng([seed, 0])
    concept, other, pool, shown = (mixed(count, rng) for count in (20, 20, 60, SHOWN))
    target = int(rng.integers(len(DEMO_CLASSES)))
    concepts = {"concept": concept, "random concept": other}
    bank = sacv.fit(model, [LAYER], concepts, pool, solver=solver, runs=11, seed=seed)
    called, marks = judged(bank, model, shown, target)
    called["relevance mask, any location of any map"] = int(marks[0].any())
    called["contribution mask, any location of any map"] = int(marks[1].any())
    t_test = tutorial_t_test(model, bank, shown, target)
    called["exhibit: the tutorials' t-test"] = int(t_test < LEVEL)
    return called


def contribution_draws(model: sacv.VisionModel, count: int, seed: int) -> Counter[str]:
    """Give how many of `count` draws of noise mark any place of any map, by the null and by permutation."""
    rng = np.random.default_rng([seed, 2])
    means, gradients = [], []
    for batch in range(90):
        inputs = model.inputs([Image.fromarray(image) for image in mixed(16, rng)])
        means.append(model.activations(inputs, [LAYER])[LAYER].cells.flatten(1, -2).mean(dim=1).double().numpy())
        if batch < 40:
            selects = [partial(torch.select, dim=1, index=index) for index in range(len(DEMO_CLASSES))]
            found = model.trace(inputs, [LAYER], selects).gradients
            gradients.append(np.stack([one[LAYER].flatten(1, -2).double().numpy() for one in found], axis=1))
    kept, slopes = np.concatenate(means), np.concatenate(gradients)
    called: Counter[str] = Counter()
    for _ in range(count):
        drawn = rng.permutation(len(kept))[:80]
        concept, pool = kept[drawn[:20]], kept[drawn[20:]]
        along = slopes[rng.choice(len(slopes), SHOWN, replace=False), rng.integers(len(DEMO_CLASSES))]
        flat = along.reshape(-1, kept.shape[1])
        own = concept.mean(axis=0) - pool.mean(axis=0)
        images = ImageMeans(pool, np.ones(len(pool)))
        statistics = SetStatistics(
            (Moments.of(pool),), np.zeros(len(pool), dtype=np.int64), images, LocationSample.of(pool)
        )
        nulls = {
            "the null as it is": null_cavs(MeanDifference(), statistics, None, 20, 199, rng).vectors,
            "by permutation": permuted(kept[drawn], 20, 199, rng),
        }
        greatest = np.abs(flat @ own).max() / np.linalg.norm(own)
        for name, vectors in nulls.items():
            called[f"contribution mask, {name}"] += int(greatest > critical(np.abs(flat @ vectors.T).max(axis=0)))
    return called


def permuted(images: NDArray[np.float64], size: int, count: int, rng: np.random.Generator) -> NDArray[np.float64]:
    """Give unit differences of means of `size` of the images against the others."""
    orders = [rng.permutation(len(images)) for _ in range(count)]
    found = np.array([images[order[:size]].mean(axis=0) - images[order[size:]].mean(axis=0) for order in orders])
    return found / np.linalg.norm(found, axis=1, keepdims=True)


def planted_trial(model: sacv.VisionModel, solver: Solver, seed: int) -> Counter[str]:
    """Fit, score and explain where the concept is there and used; give what was called significant."""
    rng = np.random.default_rng([seed, 1])
    others = [name for name in FIRST_TEXTURES if name != "striped"]
    concept = pictures(["striped"] * 50, rng)
    pool = pictures([str(name) for name in rng.choice(others, 100)], rng)
    scenes = striped_scenes(SHOWN, rng)
    shown = [scene.image for scene in scenes]
    bank = sacv.fit(model, [LAYER], {"striped": concept}, pool, solver=solver, runs=11, seed=seed)
    called, marks = judged(bank, model, shown, "striped")
    inside = [coverage(scene.mask, marks[0].shape[1:]) >= 0.5 for scene in scenes]
    for name, kind in zip(("relevance", "contribution"), marks, strict=True):
        hits = [bool((mark & place).any()) for mark, place in zip(kind, inside, strict=True)]
        called[f"{name} mask, a location of an object"] = int(any(hits))
        called[f"{name} mask, share of the objects"] = float(np.mean(hits))  # type: ignore[assignment]
    return called


def main() -> None:
    """Read the arguments and run the trials."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for name, default in (("noise", 200), ("planted", 50), ("draws", 1000), ("seed", 0)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--solver", default="mean-difference", help="As in 'sacv fit'.")
    asked = parser.parse_args()
    solver = parse_solver(asked.solver)
    model = sacv.load_model("demo")
    for title, count, trial, bar in (
        ("noise (at most 0.07)", asked.noise, noise_trial, "share called significant at 5 %"),
        ("planted, 50 images (at least 0.9)", asked.planted, planted_trial, "power at 5 %"),
    ):
        total: Counter[str] = Counter()
        for number in range(count):
            total.update(trial(model, solver, asked.seed + number))
        print(f"\n{title}: {count} repetitions, {bar}")
        for name, found in total.items():
            print(f"  {name:<48} {found / max(count, 1):.3f}")

    if asked.draws:
        print(f"\nnoise, {asked.draws} draws, share with any place of any map marked at 5 %")
        for name, found in contribution_draws(model, asked.draws, asked.seed).items():
            print(f"  {name:<48} {found / asked.draws:.3f}")


if __name__ == "__main__":
    main()
