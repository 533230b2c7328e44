"""Train the network that ships with sacv, on scenes made in code, and write its weights and figures.

Run from the repository: `.venv/bin/python scripts/train_demo.py`. About ten minutes on two cores.
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

from sacv.model.demo import DEMO_CLASSES, DEMO_SIZE, DemoNetwork
from sacv.synthetic.scenes import random_spec, render
from sacv.synthetic.textures import texture

DATA = Path(__file__).parents[1] / "src" / "sacv" / "model" / "data"
FULL_FRAME = 0.1
AREA_BINS = (0.02, 0.05, 0.1, 0.2, 0.4)


def make_scene(seed: tuple[int, int]) -> tuple[NDArray[np.uint8], int, float]:
    """Give the picture, the class and the area of the scene (or, now and then, the full frame) of a seed."""
    rng = np.random.default_rng(seed)
    if rng.uniform() < FULL_FRAME:
        label = int(rng.integers(len(DEMO_CLASSES)))
        return texture(DEMO_CLASSES[label], DEMO_SIZE, rng), label, 1.0
    scene = render(random_spec(rng, object_textures=DEMO_CLASSES))
    return scene.image, DEMO_CLASSES.index(scene.spec.elements[0].texture), scene.spec.elements[0].area


def make_set(first: int, count: int) -> tuple[torch.Tensor, torch.Tensor, NDArray[np.float64]]:
    with ProcessPoolExecutor(2) as pool:
        made = list(pool.map(make_scene, [(first, index) for index in range(count)], chunksize=100))
    images = torch.from_numpy(np.stack([image for image, _, _ in made])).permute(0, 3, 1, 2).contiguous()
    return images, torch.tensor([label for _, label, _ in made]), np.array([area for _, _, area in made])


@torch.no_grad()
def predict(network: nn.Module, images: torch.Tensor) -> torch.Tensor:
    network.eval()
    return torch.cat([network(prepare(part)).argmax(1) for part in torch.split(images, 100)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenes", type=int, default=12000)
    parser.add_argument("--epochs", type=int, default=9)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)
    began = time.monotonic()
    images, labels, _ = make_set(options.seed + 1, options.scenes)
    held, held_labels, held_areas = make_set(options.seed + 2, 1000)
    print(f"scenes made in {time.monotonic() - began:.0f} s", flush=True)
    network = DemoNetwork()
    convert_conv2d_weight_memory_format(network, torch.channels_last)
    optimiser = torch.optim.AdamW(network.parameters(), weight_decay=1e-3)
    batch = 64
    steps = options.epochs * (len(images) // batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=4e-3, total_steps=steps, pct_start=0.2)
    for epoch in range(options.epochs):
        network.train()
        order = torch.from_numpy(rng.permutation(len(images)))
        losses = []
        for chosen in torch.split(order[: len(order) // batch * batch], batch):
            with torch.autocast("cpu", torch.bfloat16):
                logits = network(prepare(turned(images[chosen], rng)))
            loss = nn.functional.cross_entropy(logits.float(), labels[chosen], label_smoothing=0.02)
            optimiser.zero_grad()
            torch.autograd.backward(loss)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
        right = (predict(network, held) == held_labels).float().mean().item()
        spent = time.monotonic() - began
        print(f"epoch {epoch}: loss {np.mean(losses):.4f}, held-out {right:.4f}, {spent:.0f} s", flush=True)
    state = {
        name: value.half().contiguous() if value.is_floating_point() else value
        for name, value in network.state_dict().items()
    }
    DATA.mkdir(exist_ok=True)
    save_file(state, DATA / "demo.safetensors")
    network.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in state.items()}
    )
    right_ones = (predict(network, held) == held_labels).numpy()
    figures = {
        "task": "name the texture of the one outlined object in a scene, whatever texture lies behind it",
        "classes": list(DEMO_CLASSES),
        "training_scenes": options.scenes,
        "epochs": options.epochs,
        "seconds": round(time.monotonic() - began),
        "seed": options.seed,
        "parameters": sum(parameter.numel() for parameter in network.parameters()),
        "held_out_scenes": len(held),
        "held_out_accuracy": round(float(right_ones.mean()), 4),
        "held_out_accuracy_by_area": {
            f"{low:g}-{high:g}": round(float(right_ones[(held_areas >= low) & (held_areas < high)].mean()), 4)
            for low, high in itertools.pairwise(AREA_BINS)
        }
        | {"full frame": round(float(right_ones[held_areas == 1].mean()), 4)},
    }
    (DATA / "demo.json").write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
