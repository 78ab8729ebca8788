"""Check that base model, tokenizer, data and settings fit together, before any weights are fetched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from ventriloquist.errors import ModelError
from ventriloquist.model.adapter import adapter_config, check_same_base
from ventriloquist.model.base import Base, check_base_weights
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.fit import check_adapter
from ventriloquist.model.grammar import LineGrammar
from ventriloquist.model.manifest import read_manifest
from ventriloquist.model.tokens import check_lines, check_tokenizer, encode
from ventriloquist.train.settings import TrainSettings
from ventriloquist.transcript import line_opening

SHORTEST = 64  # tokens a row, as the settings have it
CHECKED_CONVERSATIONS = 64  # their beginnings are encoded again, as one text
CHECKED_LINES = 32  # of each


def check_fit(corpus: Corpus, settings: TrainSettings, base: Base, config: Any) -> None:
    """Check everything that could make a run fail later, or go wrong silently.

    Raises:
        ModelError: weights are missing, a linear cannot be adapted, the tokenizer has ids beyond the vocabulary, joins
            lines, changes a name or cannot carry the grammar, or the adapter to train on does not fit.
    """
    name, tokenizer = settings.model, corpus.tokenizer
    model = check_base_weights(base, config, offline=False)
    check_tokenizer(tokenizer, config.vocab_size, name)
    if len(corpus.tokens) and int(np.max(corpus.tokens)) >= config.vocab_size:
        raise ModelError(
            f"The tokenizer of {name} gives ids beyond the model's {config.vocab_size:,}.",
            hint="Put the model's own tokenizer into its folder, or name another model.",
        )
    openings = {one: line_opening(one) for one in corpus.people}
    changed = [one for one, opening in openings.items() if tokenizer.decode(encode(tokenizer, opening)) != opening]
    if changed:
        raise ModelError(
            f"The tokenizer of {name} spells a name differently: {changed[0]}.",
            hint="Run: vq collect, which spells names as tokenizers do, and then: vq prepare",
        )
    step = max(1, len(corpus.conversations) // CHECKED_CONVERSATIONS)
    for conversation in corpus.conversations[::step]:
        lines = (corpus.line(conversation, position) for position in range(min(CHECKED_LINES, conversation.messages)))
        check_lines(tokenizer, [corpus.header(conversation, 0), *lines], name)
    LineGrammar(tokenizer, config.vocab_size).begin(["Robin"])
    if settings.continue_from is not None:
        folder = Path(settings.continue_from)
        manifest = read_manifest(folder)
        check_same_base(folder, manifest, config, tokenizer)
        check_adapter(model, adapter_config(folder, manifest), folder)


def cut_rows(settings: TrainSettings, config: Any) -> tuple[TrainSettings, list[str]]:
    """Cut rows to the positions that a base model has; return the settings, and notes for the user."""
    positions = getattr(config, "max_position_embeddings", None)
    if positions is None or settings.max_length <= positions:
        return settings, []
    if positions < SHORTEST:
        raise ModelError(f"{settings.model} reads {positions} tokens, too few for a row.", hint="Use another model.")
    note = f"rows are cut from {settings.max_length:,} to {positions:,} tokens: {settings.model} reads no more"
    return settings.changed(max_length=positions), [note]
