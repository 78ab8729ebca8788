"""A block gives the loss and the gradient of the windows it stands for."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ventriloquist.model.corpus import Conversation, Corpus
from ventriloquist.train.backends import add_lora
from ventriloquist.train.loss import target_loss
from ventriloquist.train.rows import Piece, make_piece
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import IGNORED, row_tensors
from ventriloquist.windows import Block, window


def window_of(corpus: Corpus, conversation: Conversation, target: int) -> Piece:
    """Return the literal window of a target, K = 1."""
    return make_piece(corpus, conversation, Block(window(target).first, target, target + 1))


def loss_of(model: Any, corpus: Corpus, pieces: list[Piece]) -> torch.Tensor:
    return target_loss(model, row_tensors(corpus, pieces))


@pytest.fixture
def adapted(model: Any) -> Any:
    """Return the tiny model with LoRA whose second matrix is not zero, so that every gradient is."""
    lora = add_lora(model, TrainSettings(rank=4, alpha=8)).double()
    generator = torch.Generator().manual_seed(0)
    for name, parameter in lora.named_parameters():
        if "lora_B" in name:
            parameter.data = torch.randn(parameter.shape, generator=generator, dtype=torch.float64) / 20
    return lora


def gradient(model: Any, loss: torch.Tensor) -> torch.Tensor:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    return torch.cat([part.flatten() for part in torch.autograd.grad(loss, parameters)])


def test_the_first_target_of_a_block_has_the_loss_of_its_window(adapted: Any, corpus: Corpus) -> None:
    conversation = corpus.conversations[0]
    row = row_tensors(corpus, [make_piece(corpus, conversation, Block(20, 119, 125))])
    first_target = len(corpus.line_tokens(conversation, 119))
    labelled = (row["labels"][0] != IGNORED).nonzero()[:, 0]
    row["labels"][0, labelled[first_target:]] = IGNORED
    literal = loss_of(adapted, corpus, [window_of(corpus, conversation, 119)])
    torch.testing.assert_close(target_loss(adapted, row), literal, rtol=1e-7, atol=1e-10)


def test_the_first_hundred_messages_have_the_summed_loss_and_gradient_of_their_windows(
    adapted: Any, corpus: Corpus
) -> None:
    conversation = corpus.conversations[1]
    targets = range(20)
    block = loss_of(adapted, corpus, [make_piece(corpus, conversation, Block(0, 0, len(targets)))])
    windows = sum(loss_of(adapted, corpus, [window_of(corpus, conversation, target)]) for target in targets)
    assert isinstance(windows, torch.Tensor)
    torch.testing.assert_close(block, windows, rtol=1e-7, atol=1e-9)
    # the norms of Qwen3 compute in float32 whatever the weights are
    torch.testing.assert_close(gradient(adapted, block), gradient(adapted, windows), rtol=1e-3, atol=1e-5)


def test_pieces_of_a_packed_row_do_not_see_each_other(adapted: Any, corpus: Corpus) -> None:
    pieces = [
        make_piece(corpus, corpus.conversations[3], Block(0, 0, 4)),
        make_piece(corpus, corpus.conversations[2], Block(2, 8, 15)),
        make_piece(corpus, corpus.conversations[0], Block(40, 60, 64)),
    ]
    packed = loss_of(adapted, corpus, pieces)
    alone = sum(loss_of(adapted, corpus, [one]) for one in pieces)
    torch.testing.assert_close(packed, alone, rtol=1e-6, atol=1e-8)


def test_the_head_at_the_targets_gives_the_loss_of_all_logits(model: Any, corpus: Corpus) -> None:
    row = row_tensors(corpus, [make_piece(corpus, corpus.conversations[0], Block(0, 30, 36))])
    logits = model(input_ids=row["input_ids"]).logits[0, :-1]
    naive = torch.nn.functional.cross_entropy(logits, row["labels"][0, 1:], ignore_index=IGNORED, reduction="sum")
    torch.testing.assert_close(target_loss(model, row).double(), naive, rtol=1e-5, atol=1e-4)
