"""Measure what merging an adapter into its base model changes, in float32 and in bf16, on a CPU.

    python benchmarks/merging.py --home HOME [--run RUN]

The script prints bits per character of the run's validation messages, with the adapter beside the base model and
merged into it, and how far tokens and logits are from those in float32.
"""

from __future__ import annotations

import argparse
import json
import math
from pathlib import Path
from typing import Any

import torch

from ventriloquist.layout import RUNS, TOKENS
from ventriloquist.model.adapter import adapter_config, find_run, load_adapter_weights, put_on
from ventriloquist.model.base import Base, Bits, load_base, load_tokenizer, require_torch
from ventriloquist.model.corpus import load_corpus
from ventriloquist.model.manifest import read_manifest
from ventriloquist.store import open_database
from ventriloquist.train import TrainSettings
from ventriloquist.train.tensors import IGNORED, Tensors, row_tensors
from ventriloquist.train.validation import Validation

MESSAGES = 64


def load(run: Path, bits: Bits | None) -> Any:
    """Load a run's adapter beside its base model; with `bits` 16 in bf16, as on a card."""
    manifest = read_manifest(run)
    config = adapter_config(run, manifest)
    base = load_base(Base(manifest.base_folder_or_id(run)), device="cpu", bits=bits)
    model = put_on(base, r=config.r, lora_alpha=config.lora_alpha, target_modules=config.target_modules).eval()
    load_adapter_weights(model, run)
    return model


def outputs(model: Any, rows: list[Tensors]) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the nats of each labelled token, and the logits that predict it."""
    nats, logits = [], []
    with torch.inference_mode():
        for row in rows:
            labels = row["labels"][0]
            at = (labels != IGNORED).nonzero()[:, 0]
            inputs = {name: row[name] for name in ("input_ids", "position_ids")}
            logits.append(model(**inputs, logits_to_keep=at - 1, use_cache=False).logits[0].float())
            nats.append(torch.nn.functional.cross_entropy(logits[-1], labels[at], reduction="none"))
    return torch.cat(nats), torch.cat(logits)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--run", help="default: the newest")
    arguments = parser.parse_args()
    require_torch()
    run = find_run(arguments.home / RUNS, arguments.run)
    manifest = read_manifest(run)
    settings = TrainSettings(**manifest.settings).changed(validation_messages=MESSAGES)
    with open_database(arguments.home) as db:
        corpus = load_corpus(db, load_tokenizer(Base(manifest.base_folder_or_id(run))), arguments.home / TOKENS)
        validation = Validation(corpus, settings)
        rows = [row_tensors(corpus, row, split="validation", content_only=True) for row in validation.rows]
    first: tuple[torch.Tensor, torch.Tensor] | None = None
    for weights, bits in (("float32", None), ("bf16", 16)):
        model = load(run, bits)  # type: ignore[arg-type]
        for adapter in ("beside the base model", "merged"):
            if adapter == "merged":
                model = model.merge_and_unload()
            nats, logits = outputs(model, rows)
            first = first or (nats, logits)
            figures = {
                "weights": weights,
                "adapter": adapter,
                "bits_per_character": round(float(nats.sum()) / math.log(2) / validation.characters, 5),
                "off_nats_a_token": round(float((nats - first[0]).abs().mean()), 5),
                "off_logits": round(float((logits - first[1]).abs().mean()), 5),
                "off_logits_at_most": round(float((logits - first[1]).abs().max()), 4),
            }
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
