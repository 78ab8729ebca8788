"""Encoding text as token ids, in the same way for training, chat, evaluation and served models.

A document is encoded as BOS, if the tokenizer adds it by default, and then line by line. Programs that serve a merged
model encode a prompt as a whole and get the same ids.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

from ventriloquist.errors import ModelError
from ventriloquist.transcript import DELTAS, Header, Line, render, render_line

HINT = "Use another base model, with a byte-level tokenizer."
_SAID = (
    "hey",
    "doing well, you? 123 ok",
    "Zoë: déjà vu… 😀 東京",
    '"quoted" \\ [photo]',
    "  two  spaces ",
    "a'b-c_d/e",
)
_LINES = [Line(("Robin Oak", "Zoë")[i % 2], delta, _SAID[i]) for i, delta in enumerate(DELTAS)]
_HEADER = render(Header("group", ("Robin Oak", "Zoë"), "2024-03-15"), [])


def encode(tokenizer: Any, text: str, *, start: bool = False) -> list[int]:
    """Return the token ids of a text, after BOS if it is the `start` of a document and the tokenizer adds BOS.

    The tokenizer has passed `suit`. The ids of several lines are the ids of each line, joined.
    """
    ids: list[int] = tokenizer.backend_tokenizer.encode(text, add_special_tokens=start).ids
    return ids


def suit(tokenizer: Any, name: str) -> Any:
    """Turn off truncation, padding, BPE dropout and a final EOS in a fast tokenizer, and return it.

    Raises:
        ModelError: it is not a fast tokenizer, or adds other special tokens than BOS and EOS.
    """
    from tokenizers import processors

    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise ModelError(f"{name} has no tokenizer.json.", hint=HINT)
    backend.no_truncation()
    backend.no_padding()
    if getattr(backend.model, "dropout", None):
        backend.model.dropout = None
    inside = backend.encode("{", add_special_tokens=False).ids
    whole = backend.encode("{", add_special_tokens=True).ids
    begins = next((at for at in range(len(whole) - len(inside) + 1) if whole[at : at + len(inside)] == inside), None)
    before = None if begins is None else whole[:begins]
    after = [] if begins is None else whole[begins + len(inside) :]
    bos, eos = tokenizer.bos_token_id, tokenizer.eos_token_id
    if before not in ([], [bos]) or after not in ([], [eos]):
        raise ModelError(f"The tokenizer of {name} adds other special tokens than BOS and EOS.", hint=HINT)
    if before:
        token = tokenizer.bos_token
        backend.post_processor = processors.TemplateProcessing(
            single=[token, "$A"], pair=[token, "$A", "$B"], special_tokens=[(token, bos)]
        )
    elif after:
        backend.post_processor = processors.TemplateProcessing(single=["$A"], pair=["$A", "$B"], special_tokens=[])
    return tokenizer


def adds_bos(tokenizer: Any) -> bool:
    """Return whether a tokenizer adds BOS, after `suit`."""
    return len(encode(tokenizer, "{", start=True)) > len(encode(tokenizer, "{"))


def sample_hash(tokenizer: Any) -> str:
    """Return a hash of the ids of a sample document, equal for tokenizers that encode alike."""
    ids = encode(tokenizer, _HEADER, start=True)
    ids += [token for line in _LINES for token in encode(tokenizer, render_line(line) + "\n")]
    return hashlib.sha256(" ".join(map(str, ids)).encode()).hexdigest()


def check_tokenizer(tokenizer: Any, vocabulary: int, name: str) -> None:
    """Check that a tokenizer fits the transcript format and a model with so many embeddings.

    Raises:
        ModelError: it has ids beyond the vocabulary, loses characters, or merges tokens across lines.
    """
    # no line contains a token such as <image>, since its < is escaped: Gemma 3 has one beyond its embeddings
    added = {id: str(token) for id, token in tokenizer.added_tokens_decoder.items()}
    outside = {id for id, text in added.items() if text not in render_line(Line("", DELTAS[0], text))}
    highest = max(set(tokenizer.get_vocab().values()) - outside, default=-1)
    if highest >= vocabulary:
        raise ModelError(
            f"The tokenizer of {name} has {highest + 1:,} tokens, the model {vocabulary:,}.",
            hint="Put the model's own tokenizer into its folder, or name another model.",
        )
    check_lines(tokenizer, [_HEADER, *(render_line(line) + "\n" for line in _LINES)], name)
    if "\n" not in tokenizer.decode(encode(tokenizer, "}\n")):
        raise ModelError(f"The tokenizer of {name} loses the end of a line.", hint=HINT)


def check_lines(tokenizer: Any, lines: Sequence[str], name: str) -> None:
    """Raise a ModelError unless a document encodes as its lines do, one by one, and each line decodes to itself."""
    ids = [encode(tokenizer, line, start=number == 0) for number, line in enumerate(lines)]
    if encode(tokenizer, "".join(lines), start=True) != [token for line in ids for token in line]:
        raise ModelError(f"The tokenizer of {name} encodes a line differently after another line.", hint=HINT)
    if any(tokenizer.decode(encode(tokenizer, line)) != line for line in lines):
        raise ModelError(f"The tokenizer of {name} does not decode a line to itself.", hint=HINT)
