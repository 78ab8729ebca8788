"""Measure what rows of many lengths cost a CPU that trains in bfloat16, and what filling them up saves.

    python benchmarks/row_lengths.py [--rows 90] [--threads 1]

oneDNN compiles a product in bfloat16 for each length of a row, and keeps a number of compiled products. The script
trains SmolLM2 on rows of random lengths between 180 and 384 tokens: as they are, and filled up as `vq train` fills
them. Each way has its own process, and they run in turns. The script prints the seconds of processor time that forward
and backward take for 1,000 tokens in the second half of the rows, and the memory in the end. Filling does not count as
tokens.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

ROUNDS = 3
LENGTHS = (180, 384)
HEADER = (30, 60)  # tokens without loss at the start of a row
WAYS = ("as they are", "filled")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=90)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        print(json.dumps(measure(arguments.way, arguments.rows, arguments.threads)))
        return
    found: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    for _ in range(ROUNDS):
        for way in WAYS:
            command = [sys.executable, __file__, *sys.argv[1:], "--way", way]
            found[way].append(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))
            print(f"{way}: {found[way][-1][0]:.2f} s, {found[way][-1][1]:.2f} GiB", file=sys.stderr, flush=True)
    for way, rounds in found.items():
        seconds, memory = (median(column) for column in zip(*rounds, strict=True))
        print(f"rows {way}: {seconds:.2f} s for 1,000 tokens, {memory:.2f} GiB in the end")


def measure(way: str, rows: int, threads: int) -> tuple[float, float]:
    """Train on rows of random lengths. Return the CPU seconds for 1,000 tokens, and the GiB that the process holds."""
    import psutil
    import torch

    from ventriloquist.model.base import load_base, resolve
    from ventriloquist.model.precision import autocast
    from ventriloquist.train import preset
    from ventriloquist.train.backends import add_lora
    from ventriloquist.train.loss import target_loss
    from ventriloquist.train.tensors import filled

    torch.set_num_threads(threads)
    settings = preset("smollm2").changed(bfloat16=True)
    with TemporaryDirectory() as folder:
        model = add_lora(load_base(resolve("smollm2", Path(folder)), device="cpu", bits=16), settings).train()
    generator = random.Random(0)
    seconds, tokens = 0.0, 0
    for index in range(rows):
        length = generator.randint(*LENGTHS)
        ids = torch.randint(1000, 40_000, (1, length))
        labels = ids.clone()
        labels[0, : generator.randint(*HEADER)] = -100
        row = {"input_ids": ids, "labels": labels, "position_ids": torch.arange(length)[None]}
        before = time.process_time()
        model.zero_grad()
        with autocast("cpu", True):
            loss = target_loss(model, filled(row, settings) if way == "filled" else row)
        torch.autograd.backward(loss)
        if index >= rows // 2:
            seconds += time.process_time() - before
            tokens += length
    return seconds * 1000 / tokens, psutil.Process().memory_info().rss / 2**30


if __name__ == "__main__":
    main()
