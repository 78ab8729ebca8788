"""Builds a run folder as training leaves it, around a tiny model that has just learnt to keep its lines short."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from invented import NAMES, lines

from ventriloquist.layout import BASE
from ventriloquist.model.manifest import Manifest
from ventriloquist.transcript import FORMAT_VERSION, render_line

STEPS = 40


def build_run(folder: Path, *, people: tuple[str, ...] = NAMES, window: int = 24, max_length: int = 1024) -> Path:
    """Write base model, adapter, tokenizer and manifest into a folder and return it."""
    import torch
    from peft import LoraConfig, get_peft_model

    from ventriloquist.model import tiny
    from ventriloquist.model.base import Base, load_base, load_tokenizer

    said = [render_line(line) + "\n" for line in lines(600, seed=1)]
    tiny.build(said, folder / BASE, seed=1)
    base = Base(str(folder / BASE))
    model, tokenizer = load_base(base, device="cpu"), load_tokenizer(base)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    for step in range(STEPS):
        ids = tokenizer("".join(said[step * 15 : step * 15 + 15]), return_tensors="pt")["input_ids"]
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.save_pretrained(folder / BASE)
    adapter = get_peft_model(model, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], task_type="CAUSAL_LM"))
    adapter.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    Manifest(
        format_version=FORMAT_VERSION,
        base_model=BASE,
        base_revision=None,
        window=window,
        context=window - 1,
        targets_per_window=8,
        max_length=max_length,
        settings={"model": "tiny"},
        seed=1,
        data_hash="",
        people=list(people),
        held_out={},
        packages={},
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
    ).write(folder)
    return folder


def strengthen(folder: Path) -> Path:
    """Give a run's adapter weights that change what the model writes, in place of the zeros that LoRA starts with."""
    import torch

    from ventriloquist.model.adapter import load_adapter

    model = load_adapter(folder, backend="transformers").model
    generator = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.copy_(torch.randn(weight.shape, generator=generator) * 0.2)
    model.save_pretrained(folder)
    return folder
