"""`tiny`: a few million random weights in Qwen3's architecture, made in seconds without a download.

It runs every part of the program, but writes nothing worth reading.
"""

from __future__ import annotations

from pathlib import Path

SAMPLE_LINES = 100_000  # enough for a tokenizer of this size
VOCABULARY = 4096  # at most
HIDDEN, LAYERS, HEADS, KEY_VALUE_HEADS = 192, 4, 4, 2
MAX_POSITIONS = 32_768


def build(lines: list[str], folder: Path, seed: int) -> None:
    """Train a byte-level BPE tokenizer on the lines and write it with seeded random weights into a folder."""
    import torch
    from transformers import Qwen3Config, Qwen3ForCausalLM

    config = Qwen3Config(
        vocab_size=build_tokenizer(lines, folder),
        hidden_size=HIDDEN,
        intermediate_size=3 * HIDDEN,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=KEY_VALUE_HEADS,
        head_dim=HIDDEN // HEADS,
        max_position_embeddings=MAX_POSITIONS,
        tie_word_embeddings=True,
        bos_token_id=0,
        eos_token_id=0,
    )
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Qwen3ForCausalLM(config)
    model.save_pretrained(folder)


def build_tokenizer(lines: list[str], folder: Path) -> int:
    """Train the tokenizer on the lines, write it into a folder and return the size of its vocabulary."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    end = "<|endoftext|>"
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCABULARY,
        special_tokens=[end],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(lines, trainer)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token=end, eos_token=end, pad_token=end).save_pretrained(
        folder
    )
    return int(tokenizer.get_vocab_size())
