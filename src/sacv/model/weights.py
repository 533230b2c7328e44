"""Weights of the small networks that ship: stored in half precision beside the figures of their training."""

from __future__ import annotations

from importlib.resources.abc import Traversable
from typing import TypeVar

from safetensors.torch import load
from torch import nn

Network = TypeVar("Network", bound=nn.Module)


def with_weights(network: Network, file: Traversable) -> Network:
    """Load stored weights into a network; give it in eval mode and float32."""
    stored = load(file.read_bytes())
    network.load_state_dict(
        {name: value.float() if value.is_floating_point() else value for name, value in stored.items()}
    )
    return network.eval()
