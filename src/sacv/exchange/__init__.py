"""Import from other tools and export to them, a file for each.

captum and tensorflow/tcav in; numpy, TensorBoard and Weights & Biases out; the Hugging Face Hub both ways.
docs/exchange.md has an example of each.
"""

from sacv.exchange.arrays import save_npz, to_arrays
from sacv.exchange.captum import captum_cavs, captum_images
from sacv.exchange.hub import pull_bank, push_bank
from sacv.exchange.imported import ImportedCAV, ImportedMaps
from sacv.exchange.model_card import card
from sacv.exchange.tcav import tcav_cavs
from sacv.exchange.tensorboard import log_tensorboard
from sacv.exchange.wandb import log_wandb

__all__ = [
    "ImportedCAV",
    "ImportedMaps",
    "captum_cavs",
    "captum_images",
    "card",
    "log_tensorboard",
    "log_wandb",
    "pull_bank",
    "push_bank",
    "save_npz",
    "tcav_cavs",
    "to_arrays",
]
