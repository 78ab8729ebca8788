"""The prepared conversations as tokens: each line is tokenised once, kept in a memory map, and sliced into rows.

A line starts with `{` and ends with its only newline, so a byte-level BPE never merges across lines. The tokens of a
document are therefore BOS, if the tokenizer adds it, then the tokens of its lines in order.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from ventriloquist.errors import NotReadyError
from ventriloquist.fs import make_private_folder, new_folder
from ventriloquist.model.tokens import encode
from ventriloquist.records import Progress
from ventriloquist.store import Connection, corpus
from ventriloquist.store.corpus import StoredConversation
from ventriloquist.transcript import FORMAT_VERSION, content_span, parse_line
from ventriloquist.windows import SPLITS, Block, Span, Split, blocks, fit_block

BATCH_LINES = 4096  # lines handed to the tokenizer at once
CONTEXT_ONLY = len(SPLITS)  # the code of a line without a split

Tokens = NDArray[np.uint32]


class TokenRow(NamedTuple):
    """One block as a model sees it: its token ids, and where in them its target lines are."""

    tokens: Tokens  # (length,)
    targets: list[tuple[int, int, int]]  # (position, first token, token after the last)


@dataclass(frozen=True)
class Corpus:
    """Every prepared line, in order of conversation and position."""

    conversations: list[StoredConversation]
    splits: NDArray[np.uint8]  # (lines,) an index into SPLITS, or CONTEXT_ONLY
    senders: NDArray[np.int32]  # (lines,) an index of `people`
    people: list[str]  # in order of first appearance
    days: NDArray[np.str_]  # (lines,) local ISO date
    tokens: Tokens  # (all tokens,) memory-mapped
    offsets: NDArray[np.int64]  # (lines + 1,)
    data_hash: str
    tokenizer: Any

    def written(self) -> dict[str, int]:
        """Return how many training messages each person wrote; some wrote none."""
        counts = np.bincount(self.senders[self.splits == SPLITS.index("train")], minlength=len(self.people))
        return dict(zip(self.people, counts.tolist(), strict=True))

    def lengths(self, conversation: StoredConversation) -> NDArray[np.int64]:
        """Return the number of tokens of each line of a conversation, (messages,)."""
        return np.diff(self.offsets[conversation.first : conversation.first + conversation.messages + 1])

    def targets(self, conversation: StoredConversation, split: Split) -> Span | None:
        """Return the first and last position of a split's targets in a conversation, or None."""
        codes = self.splits[conversation.first : conversation.first + conversation.messages]
        positions = np.flatnonzero(codes == SPLITS.index(split))
        return Span(int(positions[0]), int(positions[-1])) if len(positions) else None

    def header_tokens(self, conversation: StoredConversation, position: int) -> Tokens:
        """Return the tokens of the header of a window that begins at a position, after BOS if the tokenizer adds it."""
        return _encode_header(self.tokenizer, self.header(conversation, position))

    def header(self, conversation: StoredConversation, position: int) -> str:
        """Return the header of a window that begins at a position, with its newline."""
        return conversation.header(str(self.days[conversation.first + position])) + "\n"

    def line_tokens(self, conversation: StoredConversation, position: int) -> Tokens:
        line = conversation.first + position
        return self.tokens[self.offsets[line] : self.offsets[line + 1]]

    def line(self, conversation: StoredConversation, position: int) -> str:
        """Return a rendered line, with its newline."""
        return str(self.tokenizer.decode(self.line_tokens(conversation, position).tolist()))

    def content_start(self, conversation: StoredConversation, position: int) -> int:
        """Return the index of the first token of a line that reaches into its content."""
        text = self.line(conversation, position)
        _, start = content_span(parse_line(text.removesuffix("\n")))
        encoding = self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False)
        return next(index for index, (_, end) in enumerate(encoding.offsets) if end > start)

    def row(self, conversation: StoredConversation, block: Block, split: Split) -> TokenRow:
        """Assemble a block from slices: header, context, targets. Lines of other splits are not targets."""
        header = self.header_tokens(conversation, block.start)
        first, stop = conversation.first + block.start, conversation.first + block.stop
        body = self.tokens[self.offsets[first] : self.offsets[stop]]
        shift = len(header) - int(self.offsets[first])
        targets = [
            (
                position,
                int(self.offsets[conversation.first + position]) + shift,
                int(self.offsets[conversation.first + position + 1]) + shift,
            )
            for position in range(block.first_target, block.stop)
            if self.splits[conversation.first + position] == SPLITS.index(split)
        ]
        return TokenRow(np.concatenate([header, body]), targets)

    def blocks(
        self,
        conversation: StoredConversation,
        split: Split,
        *,
        context: int,
        size: int,
        max_length: int,
        offset: int = 0,
    ) -> Iterator[Block]:
        """Cut a split's targets into blocks of at most `max_length` tokens; see `windows.blocks` and `fit_block`."""
        targets = self.targets(conversation, split)
        if targets is None:
            return
        lengths = self.lengths(conversation)
        for block in blocks(targets, context=context, size=size, offset=offset):
            header = len(self.header_tokens(conversation, block.start))
            yield from fit_block(block, lengths, max_length - header, context=context)


@lru_cache(maxsize=65536)
def _encode_header(tokenizer: Any, header: str) -> Tokens:
    return np.asarray(encode(tokenizer, header, start=True), dtype=np.uint32)


def load_corpus(db: Connection, tokenizer: Any, cache: Path, progress: Progress = lambda _done, _total: None) -> Corpus:
    """Read the prepared conversations and their tokens; tokenise them if this tokenizer has not done so yet.

    Args:
        cache: a folder; it keeps the tokens of the last combination of data, tokenizer and format.
        progress: called with the lines tokenised.

    Raises:
        NotReadyError: nothing has been prepared.
    """
    conversations = corpus.conversations(db)
    if not conversations:
        raise NotReadyError("There are no training windows yet.", hint="Run: vq prepare")
    total = conversations[-1].first + conversations[-1].messages
    splits = np.empty(total, dtype=np.uint8)
    senders = np.empty(total, dtype=np.int32)
    people: dict[str, int] = {}
    days = np.empty(total, dtype="U10")
    codes: dict[str | None, int] = {**{name: code for code, name in enumerate(SPLITS)}, None: CONTEXT_ONLY}
    for index, (split, day, _, sender) in enumerate(corpus.lines_of_all(db)):
        splits[index], days[index] = codes[split], day
        senders[index] = people.setdefault(sender, len(people))
    data_hash = corpus.data_hash(db)

    encoder_hash = hashlib.sha256(tokenizer.backend_tokenizer.to_str().encode()).hexdigest()
    name = hashlib.sha256(f"{FORMAT_VERSION} {data_hash} {encoder_hash}".encode()).hexdigest()[:16]
    folder = cache / name
    if not folder.exists():
        shutil.rmtree(cache, ignore_errors=True)  # tokens are as private as the messages: keep no old ones
        _write_tokens(db, tokenizer, total, make_private_folder(cache) / name, progress)
    return Corpus(
        conversations,
        splits,
        senders,
        list(people),
        days,
        np.load(folder / "tokens.npy", mmap_mode="r"),
        np.load(folder / "offsets.npy"),
        data_hash,
        tokenizer,
    )


def _write_tokens(db: Connection, tokenizer: Any, total: int, folder: Path, progress: Progress) -> None:
    """Write tokens.npy and offsets.npy; the folder appears whole or not at all."""
    with new_folder(folder) as growing:
        offsets = np.zeros(total + 1, dtype=np.int64)
        encode_all = tokenizer.backend_tokenizer.encode_batch_fast
        done = 0
        lines = (line + "\n" for _, _, line, _ in corpus.lines_of_all(db))
        # no memory map: on a full disk, writing to one ends the process with SIGBUS
        with (growing / "tokens.npy").open("wb") as file:
            _write_header(file, 0)
            start = file.tell()
            while batch := list(islice(lines, BATCH_LINES)):
                for encoding in encode_all(batch, add_special_tokens=False):
                    ids = np.asarray(encoding.ids, dtype=np.uint32)
                    offsets[done + 1] = offsets[done] + len(ids)
                    file.write(ids.tobytes())
                    done += 1
                progress(done, total)
            file.seek(0)
            _write_header(file, int(offsets[-1]))
            if file.tell() != start:
                raise RuntimeError("NumPy's header has grown over the first tokens")
        np.save(growing / "offsets.npy", offsets)


def _write_header(file: BinaryIO, tokens: int) -> None:
    """Write the header of a .npy file of tokens. NumPy leaves room, so that its length is the same for any number."""
    layout = np.lib.format.dtype_to_descr(np.dtype(np.uint32))
    np.lib.format.write_array_header_1_0(file, {"descr": layout, "fortran_order": False, "shape": (tokens,)})
