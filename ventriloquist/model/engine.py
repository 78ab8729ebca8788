"""What differs between torch and MLX while a model reads: the pass through its layers, and its KV cache.

All rules, such as the grammar, sampling, and what is fed and scored, stand elsewhere and work on both.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    import torch

Places = NDArray[np.int64]


class Branch(NamedTuple):
    """Tokens fed after the first tokens of a row, beside other branches and whatever follows in the row."""

    at: int  # number of the row's tokens that it follows
    ids: Sequence[int]
    wanted: Sequence[tuple[int, int]]  # an index of `ids`, and a token whose probability after it is asked for


class Rows(ABC):
    """Rows of tokens that a model has read, with their KV cache. New ones are empty."""

    @abstractmethod
    def feed(self, ids: Sequence[Sequence[int]]) -> torch.Tensor:
        """Append tokens to each row; return the logits after the last ones, (rows, vocabulary).

        The first tokens of the rows may differ in number, those after them may not.
        """

    @abstractmethod
    def score(self, ids: NDArray[np.integer[Any]], places: Places, tokens: Places) -> NDArray[np.float64]:
        """Append tokens to the only row.

        Args:
            ids: (length,)
            places: (wanted,) indices of `ids`.
            tokens: (wanted,)

        Returns:
            (wanted,) -log P, in nats, of each token after the input at its place.
        """

    @abstractmethod
    def score_branches(self, branches: Sequence[Branch]) -> NDArray[np.float64]:
        """Return -log P, in nats, of all wanted tokens, one branch after another, (wanted,). The row stays as it was.

        Branches do not attend to each other. The model must not slide.
        """

    @abstractmethod
    def crop(self, length: int) -> int:
        """Keep the first tokens of the only row, or none if a sliding window has dropped some; return how many."""

    @abstractmethod
    def fork(self, parts: Sequence[tuple[int, int]]) -> Rows:
        """Return new rows that begin as these do. These stay as they were.

        Args:
            parts: for each new row, the number of a row, and how many of its first tokens are copied, at least one. Of
                a model that slides, all tokens of the only row.
        """

    @abstractmethod
    def select(self, kept: Sequence[int]) -> None:
        """Keep these rows, in this order."""


class Engine(ABC):
    """A model that is ready to read."""

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """The length of its logits."""

    @property
    @abstractmethod
    def slides(self) -> bool:
        """Whether layers see a sliding window of the tokens before: their caches drop the others."""

    @abstractmethod
    def rows(self) -> Rows:
        """Return empty rows; what is fed first says how many they are."""


def engine_of(model: Any) -> Engine:
    """Return the engine of a model: of transformers or peft, or an MlxModel, which is one."""
    if isinstance(model, Engine):
        return model
    from ventriloquist.model.torch_engine import TorchEngine

    return TorchEngine(model)
