"""Qwen's tokenizer from its vocabulary, which the wheel `dashscope` carries; none of that wheel's code is run."""

from __future__ import annotations

import base64
import importlib.util
from pathlib import Path
from typing import Any

# how Qwen2 and Qwen3 cut text before merging
SPLIT = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
SPECIAL = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LATER = ("<tool_call>", "</tool_call>", "<think>", "</think>")  # single tokens, though not special


def qwen_tokenizer() -> Any:
    """Build the fast tokenizer: 151,643 byte-level tokens in the order of their merges."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers
    from transformers import PreTrainedTokenizerFast
    from transformers.convert_slow_tokenizer import bytes_to_unicode

    spec = importlib.util.find_spec("dashscope")
    assert spec is not None
    assert spec.origin is not None
    text = (Path(spec.origin).parent / "resources" / "qwen.tiktoken").read_text(encoding="ascii")
    ranks = {base64.b64decode(token): int(rank) for token, rank in (line.split() for line in text.splitlines())}
    visible = bytes_to_unicode()

    def shown(token: bytes) -> str:
        return "".join(visible[byte] for byte in token)

    merges = []
    for token in ranks:  # in the file's order, which is that of the ranks
        halves = [(token[:cut], token[cut:]) for cut in range(1, len(token))]
        known = [(ranks[left], ranks[right], left, right) for left, right in halves if left in ranks and right in ranks]
        merges += [(shown(left), shown(right)) for _, _, left, right in sorted(known)]
    tokenizer = Tokenizer(models.BPE(vocab={shown(token): rank for token, rank in ranks.items()}, merges=merges))
    tokenizer.normalizer = normalizers.NFC()
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(SPLIT), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL])
    tokenizer.add_tokens([AddedToken(token, special=False, normalized=False) for token in LATER])
    return PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=SPECIAL[0], pad_token=SPECIAL[0])
