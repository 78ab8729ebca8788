"""Measure an optimizer step of SmolLM2 on a CPU: with torch's float32, with ours, and in bfloat16.

    python benchmarks/cpu_step.py [--tokens 384] [--threads 1]

The script prints the seconds of processor time that forward and backward take for 1,000 tokens of a row in which every
line carries loss. LoRA is on the top ten layers, or on all layers. All ways run in turns in the same process.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

ROUNDS = 5


def seconds(model: Any, row: dict[str, Any], bfloat16: bool) -> tuple[float, float]:
    """Return the CPU time of one forward and backward pass, and the loss in nats a token."""
    import torch

    from ventriloquist.model.precision import autocast
    from ventriloquist.train.loss import target_loss

    before = time.process_time()
    with autocast("cpu", bfloat16):
        loss = target_loss(model, row)
    torch.autograd.backward(loss)
    return time.process_time() - before, loss.item() / row["labels"].shape[1]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=384)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    from ventriloquist.model.base import load_base, resolve
    from ventriloquist.model.precision import bfloat16_speedup, multiply_fast
    from ventriloquist.train import preset
    from ventriloquist.train.backends import add_lora

    torch.set_num_threads(arguments.threads)
    ids = torch.randint(1000, 40_000, (1, arguments.tokens), generator=torch.Generator().manual_seed(0))
    row = {"input_ids": ids, "labels": ids, "position_ids": torch.arange(arguments.tokens)[None]}
    row["labels"] = ids.clone().index_fill(1, torch.tensor([0]), -100)
    with TemporaryDirectory() as folder:
        base = resolve("smollm2", Path(folder))
        for layers in (10, 30):
            settings = preset("smollm2").changed(top_layers=layers)
            model = add_lora(load_base(base, device="cpu"), settings).train()
            in_bfloat16 = settings.changed(bfloat16=True)
            half = add_lora(load_base(base, device="cpu", bits=16), in_bfloat16).train()
            found: dict[str, list[tuple[float, float]]] = {"torch's float32": [], "multiply_fast": [], "bfloat16": []}
            for _ in range(ROUNDS + 1):
                torch.set_float32_matmul_precision("highest")
                found["torch's float32"].append(seconds(model, row, bfloat16=False))
                multiply_fast()
                found["multiply_fast"].append(seconds(model, row, bfloat16=False))
                found["bfloat16"].append(seconds(half, row, bfloat16=True))
            cost = {name: median(s for s, _ in passes[1:]) * 1000 / arguments.tokens for name, passes in found.items()}
            loss = {name: passes[0][1] for name, passes in found.items()}
            print(
                f"LoRA on {layers} layers, a 1,000 tokens: "
                + ", ".join(f"{name} {value:.2f} s" for name, value in cost.items())
                + f"; {cost['multiply_fast'] / cost['bfloat16']:.2f} times as fast as multiply_fast in bfloat16, loss"
                f" {loss['multiply_fast']:.4f} and {loss['bfloat16']:.4f} nats a token",
                flush=True,
            )
    layer = (model.config.hidden_size, model.config.intermediate_size)
    print(f"A product of a layer is {bfloat16_speedup(*layer):.2f} times as fast in bfloat16.")


if __name__ == "__main__":
    main()
