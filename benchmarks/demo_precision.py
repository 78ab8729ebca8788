"""Measure how much the demo learns in its time in float32 and in bfloat16, side by side.

    vq demo --home HOME && python benchmarks/demo_precision.py --home HOME [--max-minutes 4] [--seed 0]

The script trains the demo's cast twice, one run after the other, in copies of the demo's home. It prints a line of JSON
for each run: the messages, tokens and optimizer steps that fit into its time, and the share of the bits that it saves.
The bits are those of the messages that `vq eval --quick` scores. The last line has the ratios of bfloat16 to float32.
Nothing else may run on the machine meanwhile.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ventriloquist import evaluate, train
from ventriloquist.layout import DATABASE, MODELS
from ventriloquist.store import open_database
from ventriloquist.train import preset


def run(home: Path, *, bfloat16: bool, minutes: float, seed: int) -> dict[str, Any]:
    """Train in one precision and measure the bits."""
    settings = preset("smollm2").changed(max_minutes=minutes, seed=seed, bfloat16=bfloat16)
    with open_database(home) as db:
        trained = train.run(db, train.plan(db, settings, home=home))
        planned = evaluate.plan(db, Path(trained.run or ""), home=home, extent=evaluate.QUICK, only=("likelihood",))
        bits = evaluate.run(db, planned).metrics["likelihood"]
    return {
        "precision": "bfloat16" if bfloat16 else "float32",
        "messages": trained.trained_targets,
        "tokens": trained.trained_tokens,
        "steps": trained.steps,
        "bits saved": bits.value,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, required=True)
    parser.add_argument("--max-minutes", type=float, default=4)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    found = []
    with TemporaryDirectory() as folder:
        for bfloat16 in (False, True):
            home = Path(folder) / f"{bfloat16}"
            home.mkdir(mode=0o700)
            shutil.copy(arguments.home / DATABASE, home)
            (home / MODELS).symlink_to((arguments.home / MODELS).resolve(), target_is_directory=True)
            found.append(run(home, bfloat16=bfloat16, minutes=arguments.max_minutes, seed=arguments.seed))
            print(json.dumps(found[-1]), flush=True)
    first, second = found
    print(json.dumps({key: round(second[key] / first[key], 2) for key in ("messages", "tokens", "steps")}))


if __name__ == "__main__":
    main()
