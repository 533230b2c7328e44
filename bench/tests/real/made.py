"""A made folder of photographs: noise with red and green rectangles as concepts, and an untrained network."""

import csv
import json

import numpy as np
from PIL import Image

from sacv_bench.real.networks import Network
from sacv_bench.real.sizes import RealEffort

NET = """
import torch
from sacv import ImageTransform, VisionModel
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        parts = [nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.ReLU()]
        for _ in range(6):
            parts += [nn.Conv2d(8, 8, 3, padding=1), nn.ReLU()]
        self.features = nn.Sequential(*parts)
        self.head = nn.Linear(8, 4)

    def forward(self, x):
        return self.head(self.features(x).pow(2).mean(dim=(2, 3)))

def load():
    torch.manual_seed(0)
    return VisionModel(Net().eval(), ImageTransform(resize=(24, 24)))
"""

TOY = Network("toy", "squeezenet.py", ("features.1", "features.3"), ("features.3",), "imagenet_classes.json",
              {"horse": "sorrel", "zebra": "zebra", "striped": "zebra"})  # fmt: skip
TINY = RealEffort((2, 3), 1, 4, 18, 6, 4, 1, 1, 4, 19)
BLOCKS = ((250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0))
RED, GREEN = (230, 30, 30), (30, 220, 60)


def noise(rng, size=(48, 48)):
    return rng.integers(60, 190, (*size, 3), dtype=np.uint8)


def save(pixels, path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def marked(rng, photo, mask, colour):
    """Save a photo of noise with a rectangle of a colour, and its mask."""
    pixels, inside = noise(rng), np.zeros((48, 48), np.uint8)
    top, left = rng.integers(0, 20, 2)
    inside[top : top + 24, left : left + 22] = 255
    pixels[inside > 0] = colour
    save(pixels, photo)
    save(inside, mask)


def frame(rng, folder, name, classes):
    """Save a street frame with a block for each class, and their masks; one of three shows no sky."""
    pixels = noise(rng)
    for place, concept in enumerate(("car", "tree", "road", "sky")[:classes]):
        top, left = 24 * (place // 2) + rng.integers(0, 5), 24 * (place % 2) + rng.integers(0, 5)
        inside = np.zeros((48, 48), np.uint8)
        inside[top : top + 18, left : left + 18] = 255
        pixels[inside > 0] = BLOCKS[place]
        save(inside, folder / "masks" / concept / name)
    save(pixels, folder / "photos" / name)


def make_material(folder):
    rng = np.random.default_rng(0)
    folder.mkdir(exist_ok=True)
    (folder / "squeezenet.py").write_text(NET)
    (folder / "imagenet_classes.json").write_text(json.dumps(["sorrel", "zebra", "minivan", "dalmatian"]))
    for number in range(8):
        marked(rng, folder / f"horses/photos/h{number}.png", folder / f"horses/masks/h{number}.png", RED)
    for number in range(2):
        marked(rng, folder / f"photos/zebra/z{number}.png", folder / f"masks/zebra/z{number}.png", RED)
    marked(rng, folder / "patterned/photos/tiger.png", folder / "patterned/masks/tiger.png", RED)
    marked(rng, folder / "patterned/photos/dalmatian.png", folder / "patterned/masks/dalmatian.png", GREEN)
    names = [f"l{number:02}" for number in range(18)]
    for name in names:
        marked(rng, folder / f"lesions/photos/{name}.png", folder / f"lesions/masks/{name}.png", GREEN)
    with (folder / "lesions/lesions.csv").open("w", newline="") as lines:
        table = csv.DictWriter(lines, ["name", "blue_whitish_veil"])
        table.writeheader()
        table.writerows({"name": name, "blue_whitish_veil": "PA"[place % 2]} for place, name in enumerate(names))
    for drive in ("north", "south", "west"):
        for number in range(3):
            frame(rng, folder / "street", f"{drive}_{number}.png", 3 if number == 2 else 4)
    for kind, colour in (("striped", RED), ("dotted", GREEN), ("chequered", (40, 40, 200)), ("other", (200, 200, 40))):
        for number in range(6):
            pixels = noise(rng, (32, 32)) // 4 + (np.array(colour) * 3 // 4).astype(np.uint8)
            save(pixels, folder / f"guidance/{kind}/{number}.png")
    for number in range(5):
        save(noise(rng), folder / f"photos/random/r{number}.png")
    return folder
