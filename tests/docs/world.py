"""The folder in which the commands and blocks of the documentation run: what their readers are said to have.

Everything is made in code and small. A page may rely on these names alone:

- `mine.py`, `net.py` and `lesions.py`, each with `load`, whose layers are called `blocks.0` to `blocks.8`,
  `features.4`, `features.12` and `layer3`; `classes.json`, its classes;
- `guidance/` with the textures `striped`, `dotted`, `chequered` and `other`; `photos/` with `IMD001.jpg` to
  `IMD032.jpg`, `photos/zebra`, and `photos/without`, which shows no stripes; `zebra.jpg`; `more-photos`; `healthy`;
- `masks/`, of equal names, and `marks.json` (COCO, `lesion`), of the objects in `photos`; `marked/` and `marks/`,
  some photos and their masks;
- `lesions.csv`, a row for each numbered picture of `photos`; `ct/nodule`, `ct/other` and `ct/new`, DICOM;
  `our/lesions`, `our/others` and `our/patients`; `shards/0000.tar`, which holds `cat.jpg`;
- `bank`, of `striped`, and `other-bank`, of `blotchy`, both at `features.12` and `layer3` against `dotted` and
  `chequered`; `site-a` and `site-b`; `found`, an explanation.
"""

import json
import shutil
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image

import sacv
from concepts.medical import write_dicom
from sacv.model.demo import DEMO_SIZE
from sacv.synthetic.scenes import random_spec, render
from sacv.synthetic.textures import TEXTURES, texture

SIDE = 96
NAMES = ["zebra", "cat", "melanoma", "common nevus", "atypical nevus", "malignant", "benign"]
LAYERS = ["features.12", "layer3"]
CODE = '''
import torch
from torch import nn

import sacv


class Network(nn.Module):
    """The network that ships, with layers called as in other networks, and two classes more."""

    def __init__(self):
        super().__init__()
        demo = sacv.load_model("demo").net
        self.blocks = nn.Sequential(*demo.blocks, *(nn.Identity() for _ in range(3)))
        self.features = nn.Sequential(*(nn.Identity() for _ in range(13)))
        self.layer3 = nn.Identity()
        self.head = nn.Linear(128, 7)
        with torch.no_grad():
            self.head.weight.copy_(demo.head.weight[[0, 1, 0, 4, 1, 0, 4]])
            self.head.bias.copy_(demo.head.bias[[0, 1, 0, 4, 1, 0, 4]])

    def forward(self, x):
        x = self.layer3(self.features(self.blocks[:3](x)))
        x = self.blocks[6:](self.blocks[3:5](x))
        return self.head(self.blocks[5](x).mean(dim=(2, 3)))


def load():
    return sacv.VisionModel(Network(), sacv.ImageTransform(resize=(96, 96)){names})
'''


def make_world(folder: Path) -> None:
    """Write everything into a folder."""
    (folder / "classes.json").write_text(json.dumps(NAMES))
    for name, names in (("mine", ""), ("net", ""), ("lesions", f", {NAMES}")):
        (folder / f"{name}.py").write_text(CODE.replace("{names}", names))
    _textures(folder)
    _photos(folder)
    _copies(folder)
    _slices(folder / "ct")
    _banks(folder)


def _textures(folder: Path) -> None:
    for name, shown in (("striped", "striped"), ("dotted", "dotted"), ("chequered", "chequered"), ("other", "blotchy")):
        for number in range(18):
            rng = np.random.default_rng([1, TEXTURES.index(shown), number])
            square = texture(shown, DEMO_SIZE, rng)[:SIDE, :SIDE]  # as large as the network knows them
            Image.fromarray(square).save(_made(folder / "guidance" / name) / f"{number:02d}.png")


def _photos(folder: Path) -> None:
    """Write pictures of a table: those with a veil have a striped object, those with streaks a dotted ground."""
    rows, annotations, images = ["name,diagnosis,blue_whitish_veil,streaks,regression_areas,patient,site"], [], []
    for number in range(1, 33):
        veil, streaks = number % 2 == 1, number % 4 < 2
        name, mask = _picture(folder / "photos", f"IMD{number:03d}", veil, streaks, number)
        diagnosis = "melanoma" if number % 3 else "common nevus"
        cells = ("P" if veil else "A", ("P", "AT")[number % 8 < 4] if streaks else "A", "P" if number % 5 < 2 else "A")
        rows.append(",".join([name, diagnosis, *cells, f"patient{number // 2}", f"site{number % 2}"]))
        images.append({"id": number, "file_name": f"{name}.jpg", "width": SIDE, "height": SIDE})
        _marked(folder, name, mask)
        if veil:
            annotations.append(_annotation(number, mask))
    (folder / "lesions.csv").write_text("\n".join(rows) + "\n")
    marks = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "lesion"}]}
    (folder / "marks.json").write_text(json.dumps(marks))


def _picture(folder: Path, name: str, veil: bool, streaks: bool, seed: int) -> tuple[str, np.ndarray]:
    """Write a scene, and give its name and the mask of its object."""
    rng = np.random.default_rng(seed)
    spec = random_spec(
        rng,
        object_textures=["striped" if veil else "blotchy"],
        background_textures=["dotted" if streaks else "plain"],
    )
    large = replace(spec.with_element(0, replace(spec.elements[0], area=0.25)), scale=DEMO_SIZE / SIDE)
    scene = render(large, SIDE)
    Image.fromarray(scene.image).save(_made(folder) / f"{name}.jpg", quality=95)
    return name, scene.mask.astype(np.uint8) * 255


def _annotation(number: int, mask: np.ndarray) -> dict[str, object]:
    """Give the box around a mask as a polygon of COCO."""
    rows, columns = np.nonzero(mask)
    top, left, bottom, right = (int(edge) for edge in (rows.min(), columns.min(), rows.max() + 1, columns.max() + 1))
    corners = [left, top, right, top, right, bottom, left, bottom]
    return {"id": number, "image_id": number, "category_id": 1, "segmentation": [corners]}


def _copies(folder: Path) -> None:
    """Name some of the pictures again."""
    for number in range(20):
        _marked(folder, *_picture(folder / "healthy", f"healthy{number:02d}", False, number % 2 == 0, 100 + number))
    for number in range(4):
        _marked(folder, *_picture(folder / "zebras", f"zebra{number}", True, False, 200 + number))
        _picture(folder / "more-photos", f"more{number}", number % 2 == 0, True, 300 + number)
    _picture(folder / "cats", "cat", True, True, 400)
    Image.open(folder / "zebras" / "zebra0.jpg").resize((320, 240)).save(folder / "zebra.jpg")
    for number in range(1, 13, 2):
        shutil.copy(folder / "photos" / f"IMD{number:03d}.jpg", _made(folder / "marked"))
        shutil.copy(folder / "masks" / f"IMD{number:03d}.png", _made(folder / "marks"))
    shutil.copytree(folder / "zebras", folder / "photos" / "zebra")
    shutil.copytree(folder / "healthy", folder / "photos" / "without")
    for copied, named in (("zebras", "patients"), ("guidance/striped", "lesions"), ("guidance/dotted", "others")):
        shutil.copytree(folder / copied, folder / "our" / named)
    with tarfile.open(_made(folder / "shards") / "0000.tar", "w") as tar:
        tar.add(folder / "cats" / "cat.jpg", "cat.jpg")


def _slices(folder: Path) -> None:
    """Write DICOM slices, in Hounsfield units."""
    for name, source, count in (("nodule", "striped", 16), ("other", "other", 16), ("new", "striped", 2)):
        for number, file in enumerate(sorted((folder.parent / "guidance" / source).iterdir())[:count]):
            grey = np.asarray(Image.open(file).convert("L")).astype(np.int16) * 5 - 1000
            write_dicom(_made(folder / name) / f"{number}.dcm", grey, RescaleSlope=1, RescaleIntercept=0)


def _banks(folder: Path) -> None:
    model = load(folder)
    random = [folder / "guidance" / "dotted", folder / "guidance" / "chequered"]
    for name, concept, images in (("bank", "striped", "striped"), ("other-bank", "blotchy", "other")):
        sacv.fit(model, LAYERS, {concept: folder / "guidance" / images}, random, nulls=19, runs=2).save(folder / name)
    for name in ("site-a", "site-b"):
        sacv.fit(model, ["layer3"], {"lesion": folder / "our" / "lesions"}, [folder / "our" / "others"], nulls=19).save(
            folder / name
        )
    found = sacv.explain(model, folder / "zebras", sacv.ConceptBank.load(folder / "bank"), target="zebra")
    found.save(folder / "found")


def load(folder: Path) -> sacv.VisionModel:
    """Give the model of the world, with the names of its classes."""
    return sacv.load_model(f"{folder / 'mine.py'}:load", class_names=NAMES)


def _marked(folder: Path, name: str, mask: np.ndarray) -> None:
    """Write the mask of a picture of `photos`."""
    Image.fromarray(mask).save(_made(folder / "masks") / f"{name}.png")


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
