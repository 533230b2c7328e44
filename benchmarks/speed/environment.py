"""What the figures were measured on; no name of a machine."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import torch

PACKAGES = ("torch", "torchvision", "numpy", "scikit-learn", "captum", "ray")


def environment() -> dict[str, str]:
    """Give versions, threads and the kind of processor."""
    found = {"Python": platform.python_version()}
    found |= {name: _version(name) for name in PACKAGES}
    found["processor"] = _processor()
    found["processors"] = str(os.cpu_count())
    found["threads of PyTorch"] = str(torch.get_num_threads())
    found["GPU"] = torch.cuda.get_device_name() if torch.cuda.is_available() else "none"
    return found


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _processor() -> str:
    listed = Path("/proc/cpuinfo")
    lines = listed.read_text().splitlines() if listed.is_file() else []
    named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return named[0] if named else platform.machine()
