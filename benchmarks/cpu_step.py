"""Measure an optimizer step of SmolLM2 on a CPU, with torch's choice of matrix multiplication and with ours.

    python benchmarks/cpu_step.py [--tokens 384] [--threads 1]

The script prints the seconds of forward and backward for 1,000 tokens of a row in which every line carries loss. LoRA
is on the top ten layers, or on all layers. Both ways run in turns in the same process.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

ROUNDS = 5


def seconds(model: Any, row: dict[str, Any]) -> float:
    """Return the CPU time of one forward and backward pass."""
    import torch

    from ventriloquist.train.loss import target_loss

    before = time.process_time()
    torch.autograd.backward(target_loss(model, row))
    return time.process_time() - before


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=384)
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    import torch

    from ventriloquist.model.base import load_base, multiply_fast, resolve
    from ventriloquist.train import preset
    from ventriloquist.train.backends import add_lora

    torch.set_num_threads(arguments.threads)
    ids = torch.randint(1000, 40_000, (1, arguments.tokens), generator=torch.Generator().manual_seed(0))
    row = {"input_ids": ids, "labels": ids, "position_ids": torch.arange(arguments.tokens)[None]}
    row["labels"] = ids.clone().index_fill(1, torch.tensor([0]), -100)
    with TemporaryDirectory() as folder:
        base = resolve("smollm2", Path(folder))
        for layers in (10, 30):
            model = add_lora(load_base(base, device="cpu"), preset("smollm2").changed(top_layers=layers)).train()
            found: dict[str, list[float]] = {"torch's choice": [], "multiply_fast": []}
            for _ in range(ROUNDS + 1):
                torch.set_float32_matmul_precision("highest")
                found["torch's choice"].append(seconds(model, row))
                multiply_fast()
                found["multiply_fast"].append(seconds(model, row))
            cost = {name: median(times[1:]) * 1000 / arguments.tokens for name, times in found.items()}
            ratio = cost["torch's choice"] / cost["multiply_fast"]
            print(
                f"LoRA on {layers} layers: "
                + ", ".join(f"{name} {value:.2f} s" for name, value in cost.items())
                + f" a 1,000 tokens; {ratio:.2f} times as fast",
                flush=True,
            )


if __name__ == "__main__":
    main()
