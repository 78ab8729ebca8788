"""Measure what a token costs with threads that spin while they wait, and with threads that sleep.

    python benchmarks/waiting.py [--threads 2] [--busy 2]

SmolLM2 writes tokens, each in a pass of its own, on a quiet machine and beside processes that take all of its cores.
The script prints the milliseconds of processor time and of wall time that a token takes. `vq` lets threads sleep.
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

TOKENS, ROUNDS = 8, 5
SPIN = "while True: pass"
POLICIES = {"spin": "ACTIVE", "as OpenMP has it": None, "sleep": "PASSIVE"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--busy", type=int, default=os.cpu_count(), help="processes beside it on the busy machine")
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)  # of the process that writes
    arguments = parser.parse_args()
    if arguments.model is not None:
        print(json.dumps(token(arguments.model)))
        return
    from ventriloquist.model.base import resolve

    with TemporaryDirectory() as folder:
        model = resolve("smollm2", Path(folder)).source
        for busy in (0, arguments.busy):
            spinners = [subprocess.Popen([sys.executable, "-c", SPIN]) for _ in range(busy)]
            try:
                for name, policy in POLICIES.items():
                    cpu, wall = write(model, arguments.threads, policy)
                    print(f"{busy} others, threads {name}: {cpu:.0f} ms of processor time, {wall:.0f} ms", flush=True)
            finally:
                for spinner in spinners:
                    spinner.kill()


def write(model: str, threads: int, policy: str | None) -> tuple[float, float]:
    """Write tokens in a process of its own, since OpenMP reads its settings once; return a token's milliseconds."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    environment |= {"OMP_NUM_THREADS": str(threads)} | ({} if policy is None else {"OMP_WAIT_POLICY": policy})
    command = [sys.executable, __file__, "--model", model]
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True)
    cpu, wall = json.loads(done.stdout)
    return cpu, wall


def token(folder: Path) -> tuple[float, float]:
    """Return the milliseconds of processor time and of wall time of a token: the median of some rounds."""
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


if __name__ == "__main__":
    main()
