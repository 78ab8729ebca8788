"""Measure what a token costs with threads that spin while they wait, sleep at once, or spin briefly.

    python benchmarks/waiting.py [--threads 2] [--busy 2]

SmolLM2 writes tokens, each in a pass of its own, on a quiet machine and beside processes that take all of its cores.
The script prints the milliseconds of processor time and of wall time that a token takes, and the tokens a second of a
training pass. `vq` lets threads spin briefly.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

from ventriloquist.__main__ import SPINS, WAITING

TOKENS, ROUNDS, ROW = 8, 5, 300
SPIN = "while True: pass"
POLICIES = {
    "as OpenMP has it": {},
    "sleep": {"OMP_WAIT_POLICY": "PASSIVE"},
    "spin briefly": {"GOMP_SPINCOUNT": SPINS},
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--busy", type=int, default=os.cpu_count(), help="processes beside it on the busy machine")
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)  # of the process that writes
    arguments = parser.parse_args()
    if arguments.model is not None:
        print(json.dumps([*token(arguments.model), trained(arguments.model)]))
        return
    from ventriloquist.model.base import resolve

    with TemporaryDirectory() as folder:
        model = resolve("smollm2", Path(folder)).source
        for busy in (0, arguments.busy):
            spinners = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(busy)]
            try:
                for name, policy in POLICIES.items():
                    cpu, wall, rate = measure(model, arguments.threads, policy)
                    print(
                        f"{busy} others, threads {name}: a token written {cpu:.0f} ms of processor time, {wall:.0f} ms;"
                        f" {rate:.0f} tokens a second trained",
                        flush=True,
                    )
            finally:
                for spinner in spinners:
                    spinner.kill()


def measure(model: str, threads: int, policy: dict[str, str]) -> tuple[float, float, float]:
    """Write and train in a process of its own, since OpenMP reads its settings once."""
    environment = {name: value for name, value in os.environ.items() if name not in WAITING}
    environment |= {"OMP_NUM_THREADS": str(threads)} | policy
    command = [sys.executable, __file__, "--model", model]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    cpu, wall, tokens = json.loads(done.stdout)
    return cpu, wall, tokens


def token(folder: Path) -> tuple[float, float]:
    """Return the milliseconds of processor time and of wall time of a written token: the median of some rounds."""
    from ventriloquist.model.base import Base, load_base
    from ventriloquist.model.torch_engine import TorchEngine

    rows = TorchEngine(load_base(Base(str(folder)), device="cpu")).rows()
    rows.feed([list(range(1000, 1256))])
    found = []
    for _ in range(ROUNDS):
        cpu, wall = time.process_time(), time.perf_counter()
        for _ in range(TOKENS):
            rows.feed([[1000]])
        found.append(((time.process_time() - cpu) * 1000 / TOKENS, (time.perf_counter() - wall) * 1000 / TOKENS))
    cpus, walls = zip(*found, strict=True)
    return median(cpus), median(walls)


def trained(folder: Path) -> float:
    """Return the tokens a second of forward and backward pass over a row, as `vq train` computes it: the best pass."""
    import torch

    from ventriloquist.model.base import Base, load_base
    from ventriloquist.model.precision import autocast, bfloat16_speedup
    from ventriloquist.train import preset
    from ventriloquist.train.backends import add_lora
    from ventriloquist.train.loss import target_loss

    bfloat16 = bfloat16_speedup(576, 1536) >= 1.2
    model = load_base(Base(str(folder)), device="cpu", bits=16 if bfloat16 else None)
    model = add_lora(model, preset("smollm2").changed(bfloat16=bfloat16)).train()
    ids = torch.arange(1000, 1000 + ROW)[None]
    row = {"input_ids": ids, "labels": ids.clone(), "position_ids": torch.arange(ROW)[None]}
    row["labels"][0, 0] = -100
    best = float("inf")
    for _ in range(ROUNDS):
        before = time.perf_counter()
        with autocast("cpu", bfloat16):
            loss = target_loss(model, row)
        torch.autograd.backward(loss)
        best = min(best, time.perf_counter() - before)
    return ROW / best


if __name__ == "__main__":
    main()
