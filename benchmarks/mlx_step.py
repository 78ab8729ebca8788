"""Measure training and chat on MLX, and compare its loss with that of transformers.

    python benchmarks/mlx_step.py [--model unsloth/Qwen3-1.7B-Base] [--tokens 2048] [--rank 64] [--steps 3]

On a Mac this is the command that shows what we could not run: Metal, bfloat16, and the speed of 4-bit weights. It
prints, first for `tiny`, the loss and the gradient of the same rows on MLX and on transformers (in 32 bits, on the
CPU). Then, for the model and for weights in 16 and in 4 bits (on a CPU: in 32 and in 4), it prints tokens per second of
an optimizer step, the peak memory beside the plan's, and the time to the first token of a reply. The rows are random
tokens, the second half of them targets.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

GIB = 2**30
WORDS = ("hey", "how", "are", "you", "could", "we", "meet", "at", "the", "station", "later", "thanks")


def build_tiny(folder: Path) -> Path:
    from ventriloquist.model import tiny
    from ventriloquist.transcript import Line, render_line

    generator = np.random.default_rng(0)
    said = [" ".join(generator.choice(WORDS, 8)) for _ in range(400)]
    tiny.build([render_line(Line("Sam", "<1m", text)) + "\n" for text in said], folder, seed=0)
    return folder


def row_of(tokens: int, vocabulary: int, seed: int) -> tuple[Any, Any]:
    """Return the ids of a row, and labels in its second half."""
    ids = np.random.default_rng(seed).integers(1, vocabulary, tokens)
    labels = ids.copy()
    labels[: tokens // 2] = -100
    return ids, labels


def compare(folder: Path) -> None:
    """Print how far loss and gradient on MLX are from those on transformers, for the same adapter and rows."""
    import mlx.core as mx
    import torch
    from mlx.utils import tree_flatten

    from ventriloquist.model.base import Base, load_base
    from ventriloquist.model.mlx_adapter import load_mlx_adapter_weights
    from ventriloquist.model.mlx_base import load_mlx_base
    from ventriloquist.train import preset
    from ventriloquist.train.backends import add_lora
    from ventriloquist.train.loss import target_loss
    from ventriloquist.train.mlx_loop import add_mlx_lora, loss_and_gradient

    settings = preset("tiny").changed(gradient_checkpointing=False)
    base = Base(str(folder))
    with mx.stream(mx.cpu):
        theirs = add_lora(load_base(base, device="cpu"), settings)
        generator = torch.Generator().manual_seed(0)
        for name, parameter in theirs.named_parameters():
            if "lora_B" in name:
                parameter.data = torch.randn(parameter.shape, generator=generator) / 20
        theirs.save_pretrained(folder / "lora")
        plain = load_mlx_base(base)
        plain.set_dtype(mx.float32)
        own = add_mlx_lora(plain, settings)
        load_mlx_adapter_weights(own, folder / "lora")
        rows = [row_of(length, plain.args.vocab_size, length) for length in (120, 300)]
        loss, gradient = loss_and_gradient(own, rows)
    targets = sum(int((labels != -100).sum()) for _, labels in rows)
    expected = sum(
        target_loss(
            theirs,
            {
                "input_ids": torch.from_numpy(ids)[None],
                "labels": torch.from_numpy(labels)[None],
                "position_ids": torch.arange(len(ids))[None],
            },
        )
        for ids, labels in rows
    )
    torch.autograd.backward(expected / targets)
    in_torch = float(expected.detach()) / targets
    found = {name: np.array(part).T for name, part in tree_flatten(gradient)}
    names = {"lora_A.default.weight": "lora_a", "lora_B.default.weight": "lora_b"}
    pairs = []
    for name, parameter in theirs.named_parameters():
        for their_name, our_name in names.items():
            if name.endswith(their_name):
                key = name.removeprefix("base_model.model.").removesuffix(their_name) + our_name
                pairs.append((parameter.grad.numpy().ravel(), found[key].ravel()))
    a, b = (np.concatenate(part) for part in zip(*pairs, strict=True))
    difference = abs(loss - in_torch) / in_torch
    cosine = float(a @ b / (np.linalg.norm(a) * np.linalg.norm(b)))
    print(f"tiny, beside transformers: loss {loss:.6f}, relative difference {difference:.1e}", end="; ")
    print(f"cosine of the gradients {cosine:.8f}", flush=True)


def measure(base: Any, name: str, four_bit: bool, arguments: argparse.Namespace) -> None:
    """Print speed and memory of a model's training steps and of the beginning of a reply."""
    import mlx.core as mx

    from ventriloquist.model.base import load_config
    from ventriloquist.model.mlx_base import on_metal
    from ventriloquist.model.mlx_engine import MlxModel
    from ventriloquist.train import preset
    from ventriloquist.train.memory import Shapes
    from ventriloquist.train.mlx_loop import load_mlx_with_lora, loss_and_gradient, new_optimizer, update

    config = load_config(base)
    settings = preset(name).changed(
        backend="mlx", four_bit=four_bit, rank=arguments.rank, alpha=2 * arguments.rank, max_length=arguments.tokens,
        gradient_checkpointing=True, adam_8bit=False,
    )  # fmt: skip
    device = "metal" if on_metal() else "cpu"
    planned = Shapes(config, settings).memory(settings, device, arguments.tokens, arguments.tokens // 2)
    planned.pop("runtime", None)
    mx.reset_peak_memory()
    model = load_mlx_with_lora(base, settings)
    optimizer = new_optimizer(settings)
    seconds = []
    for step in range(arguments.steps + 1):  # the first one is a warm-up
        row = row_of(arguments.tokens, config.vocab_size, step)
        before = time.monotonic()
        _, gradient = loss_and_gradient(model, [row])
        update(model, optimizer, gradient, 1e-5, settings)
        seconds.append(time.monotonic() - before)
    del gradient, optimizer
    peak = mx.get_peak_memory() / GIB
    mx.clear_cache()
    reading = MlxModel(model, config.vocab_size)
    first, each = [], []
    for turn in range(arguments.steps + 1):
        ids, _ = row_of(arguments.tokens // 2, config.vocab_size, 100 + turn)
        rows = reading.rows()
        before = time.monotonic()
        rows.feed([ids.tolist()])
        first.append(time.monotonic() - before)
        before = time.monotonic()
        rows.feed([[5]])
        each.append(time.monotonic() - before)
    bits = 4 if four_bit else 16 if on_metal() else 32
    print(
        f"{name}, weights of {bits} bits, rank {arguments.rank}, rows of {arguments.tokens} tokens: "
        f"{arguments.tokens / median(seconds[1:]):,.0f} tokens/s in training, peak {peak:.2f} GiB"
        f" (planned {sum(planned.values()) / GIB:.2f}); first token after {arguments.tokens // 2} tokens in"
        f" {median(first[1:]):.2f} s, {1 / median(each[1:]):,.1f} tokens/s after it",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="tiny", help="a hub id (which is downloaded), a folder, smollm2 or tiny")
    parser.add_argument("--tokens", type=int, default=2048)
    parser.add_argument("--rank", type=int, default=64)
    parser.add_argument("--steps", type=int, default=3)
    arguments = parser.parse_args()
    import mlx.core as mx

    from ventriloquist.model.base import Base, complete_folder, require_torch, resolve

    require_torch()
    about = mx.device_info()
    size = about.get("max_recommended_working_set_size")
    limit = f", its GPU may use {size / GIB:.1f} GiB" if size else ""
    print(f"MLX {mx.__version__} on {about.get('device_name', 'a CPU')} ({mx.default_device()}){limit}", flush=True)
    with TemporaryDirectory() as folder:
        tiny = build_tiny(Path(folder) / "tiny")
        compare(tiny)
        base = Base(str(tiny)) if arguments.model == "tiny" else resolve(arguments.model, Path(folder))
        complete_folder(base, offline=False)
        for four_bit in (False, True):
            measure(base, arguments.model, four_bit, arguments)


if __name__ == "__main__":
    main()
