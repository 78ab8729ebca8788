"""A block gives the loss and the gradient of the windows it stands for."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from ventriloquist.model.corpus import Corpus
from ventriloquist.store.corpus import StoredConversation
from ventriloquist.train.backends import add_lora
from ventriloquist.train.loss import target_loss
from ventriloquist.train.rows import IGNORED, Piece, make_piece
from ventriloquist.train.settings import TrainSettings
from ventriloquist.train.tensors import row_tensors
from ventriloquist.windows import WINDOW_SIZE, Block


def window_of(corpus: Corpus, conversation: StoredConversation, target: int) -> Piece:
    """Return the literal window of a target, K = 1."""
    return make_piece(corpus, conversation, Block(max(0, target - WINDOW_SIZE + 1), target, target + 1))


def loss_of(model: Any, corpus: Corpus, pieces: list[Piece]) -> torch.Tensor:
    return target_loss(model, row_tensors(corpus, pieces))


@pytest.fixture(autouse=True)
def _norms_in_float64(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let Qwen3's norms compute in the precision of the weights; its own compute in float32 whatever those are."""
    from transformers.models.qwen3.modeling_qwen3 import Qwen3RMSNorm

    def forward(self: Any, hidden: torch.Tensor) -> torch.Tensor:
        scale = torch.rsqrt(hidden.pow(2).mean(-1, keepdim=True) + self.variance_epsilon)
        weight: torch.Tensor = self.weight
        return weight * hidden * scale

    monkeypatch.setattr(Qwen3RMSNorm, "forward", forward)


@pytest.fixture
def adapted(corpus: Corpus) -> Any:
    """Return a model in float64 that is small enough to read a hundred windows of up to a hundred messages."""
    from transformers import Qwen3Config, Qwen3ForCausalLM

    torch.manual_seed(0)
    config = Qwen3Config(
        vocab_size=len(corpus.tokenizer), hidden_size=32, intermediate_size=64, num_hidden_layers=2,
        num_attention_heads=2, num_key_value_heads=1, head_dim=16, max_position_embeddings=8192,
    )  # fmt: skip
    return with_lora(Qwen3ForCausalLM(config).double())


def with_lora(model: Any) -> Any:
    """Put LoRA on a model, its second matrix not zero, so that no gradient is."""
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
    torch.testing.assert_close(target_loss(adapted, row), literal, rtol=1e-12, atol=0)
    torch.testing.assert_close(
        gradient(adapted, target_loss(adapted, row)), gradient(adapted, literal), rtol=1e-9, atol=1e-12
    )


def test_the_first_hundred_messages_have_the_summed_loss_and_gradient_of_their_windows(
    adapted: Any, corpus: Corpus
) -> None:
    conversation = corpus.conversations[0]
    assert conversation.messages > 100
    block = loss_of(adapted, corpus, [make_piece(corpus, conversation, Block(0, 0, 100))])
    block_gradient = gradient(adapted, block)
    loss, summed = torch.zeros((), dtype=torch.float64), torch.zeros_like(block_gradient)
    for target in range(100):
        one = loss_of(adapted, corpus, [window_of(corpus, conversation, target)])
        summed += gradient(adapted, one)
        loss += one.detach()
    torch.testing.assert_close(block.detach(), loss, rtol=1e-12, atol=0)
    torch.testing.assert_close(block_gradient, summed, rtol=1e-9, atol=1e-10)


def test_a_row_without_labels_has_no_loss_and_no_gradient(adapted: Any, corpus: Corpus) -> None:
    row = row_tensors(corpus, [make_piece(corpus, corpus.conversations[3], Block(0, 0, 4))])
    row["labels"].fill_(IGNORED)
    loss = target_loss(adapted, row)
    assert float(loss.detach()) == 0
    assert not bool(gradient(adapted, loss).any())


def test_pieces_of_a_packed_row_do_not_see_each_other(adapted: Any, corpus: Corpus) -> None:
    pieces = [
        make_piece(corpus, corpus.conversations[3], Block(0, 0, 4)),
        make_piece(corpus, corpus.conversations[2], Block(2, 8, 15)),
        make_piece(corpus, corpus.conversations[0], Block(40, 60, 64)),
    ]
    packed = loss_of(adapted, corpus, pieces)
    alone = sum(loss_of(adapted, corpus, [one]) for one in pieces)
    assert isinstance(alone, torch.Tensor)
    torch.testing.assert_close(packed, alone, rtol=1e-12, atol=0)
    torch.testing.assert_close(gradient(adapted, packed), gradient(adapted, alone), rtol=1e-9, atol=1e-12)


def test_the_head_at_the_targets_gives_the_loss_of_all_logits(model: Any, corpus: Corpus) -> None:
    row = row_tensors(corpus, [make_piece(corpus, corpus.conversations[0], Block(0, 30, 36))])
    logits = model(input_ids=row["input_ids"]).logits[0, :-1]
    naive = torch.nn.functional.cross_entropy(logits, row["labels"][0, 1:], ignore_index=IGNORED, reduction="sum")
    torch.testing.assert_close(target_loss(model, row), naive, rtol=1e-12, atol=0)
