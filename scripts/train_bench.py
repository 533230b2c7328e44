"""Train the networks of the bench on their worlds, and write their weights and figures.

Run from the repository: `.venv/bin/python scripts/train_bench.py NAME...`. About ten minutes each on two cores.
"""

import argparse
import itertools
import json
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.memory_format import convert_conv2d_weight_memory_format
from training import prepare, turned

from sacv.synthetic.scenes import render
from sacv_bench.networks import NETWORKS, TransformerNetwork, trained
from sacv_bench.worlds import WORLDS

DATA = Path(__file__).parents[1] / "bench" / "src" / "sacv_bench" / "data"
AREA_BINS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
BATCH = 64


def make_scene(world: str, seed: tuple[int, int]) -> tuple[NDArray[np.uint8], NDArray[np.bool_], float]:
    """Give the picture, the answers and the least area of an element of the scene of a seed."""
    spec = WORLDS[world].random_scene(np.random.default_rng(seed))
    least = min(element.area for element in spec.elements)
    return render(spec).image, WORLDS[world].answers(spec), least


def make_set(world: str, first: int, count: int) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.float64]]:
    with ProcessPoolExecutor(2) as pool:
        seeds = [(first, index) for index in range(count)]
        made = list(pool.map(make_scene, [world] * count, seeds, chunksize=100))
    images = torch.from_numpy(np.stack([image for image, _, _ in made])).permute(0, 3, 1, 2).contiguous()
    answers = torch.from_numpy(np.stack([found for _, found, _ in made]))
    return images, answers, np.array([area for _, _, area in made])


@torch.no_grad()
def predict(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    network.eval()
    return torch.cat([network(prepare(part)) > 0 for part in torch.split(images, 100)])


def train(name: str, scenes: int, epochs: int, seed: int) -> None:
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    began = time.monotonic()
    found = trained(name)
    images, answers, _ = make_set(found.world.name, seed + 1, scenes)
    held, held_answers, held_areas = make_set(found.world.name, seed + 2, 1000)
    print(f"{name}: scenes made in {time.monotonic() - began:.0f} s", flush=True)
    network = found.new()
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-2)
    steps = epochs * (len(images) // BATCH)
    rate = 1.5e-3 if found.kind is TransformerNetwork else 4e-3
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=rate, total_steps=steps, pct_start=0.2)
    for epoch in range(epochs):
        network.train()
        order = torch.from_numpy(rng.permutation(len(images)))
        losses = []
        for chosen in torch.split(order[: len(order) // BATCH * BATCH], BATCH):
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(prepare(turned(images[chosen], rng)))
            loss = nn.functional.binary_cross_entropy_with_logits(logits.float(), answers[chosen].float())
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        right = (predict(network, held) == held_answers).float().mean().item()
        spent = time.monotonic() - began
        print(f"epoch {epoch}: loss {np.mean(losses):.4f}, held-out {right:.4f}, {spent:.0f} s", flush=True)
    state = {
        key: value.half().contiguous() if value.is_floating_point() else value
        for key, value in network.state_dict().items()
    }
    DATA.mkdir(exist_ok=True)
    save_file(state, DATA / f"{name}.safetensors")
    right_ones = (predict(found.load(), held) == held_answers).numpy()
    figures = {
        "world": found.world.name,
        "questions": [question.name for question in found.world.questions],
        "training_scenes": scenes,
        "epochs": epochs,
        "seconds": round(time.monotonic() - began),
        "seed": seed,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "held_out_scenes": len(held),
        "held_out_accuracy": round(float(right_ones.mean()), 4),
        "held_out_accuracy_by_question": {
            question.name: round(float(right), 4)
            for question, right in zip(found.world.questions, right_ones.mean(axis=0), strict=True)
        },
        "held_out_accuracy_by_least_area": {
            f"{low:g}-{high:g}": round(float(right_ones[inside].mean()), 4)
            for low, high in itertools.pairwise(AREA_BINS)
            if (inside := (held_areas >= low) & (held_areas < high)).any()
        },
    }
    (DATA / f"{name}.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[*NETWORKS, []], default=[], metavar="NAME")
    parser.add_argument("--scenes", type=int, default=20000)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for name in options.names or NETWORKS:
        train(name, options.scenes, options.epochs, options.seed)


if __name__ == "__main__":
    main()
