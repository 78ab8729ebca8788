"""The first weights of an adapter, the same numbers in every back end that does not draw its own."""

from __future__ import annotations

import zlib

import numpy as np
from numpy.typing import NDArray


def first_a(name: str, rank: int, features: int, seed: int) -> NDArray[np.float32]:
    """Draw the first matrix of a linear's LoRA, (rank, features); the second one begins as zero.

    The distribution is peft's: Kaiming's uniform one with a = √5 (He et al., 2015, arXiv 1502.01852), which is uniform
    within ±1/√features.

    Args:
        name: of the linear in the base model. Each has numbers of its own, whatever the order.
    """
    generator = np.random.default_rng([seed, zlib.crc32(name.encode())])
    unit = generator.random((rank, features), dtype=np.float32)
    return (2 * unit - 1) / np.float32(np.sqrt(features))
