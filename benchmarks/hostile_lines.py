"""Check that every line is valid for any model: write thousands of lines with random weights at a high temperature.

    python benchmarks/hostile_lines.py [--lines 10000] [--backend mlx]

Names and contexts are hostile: quotes, backslashes, fake special tokens, escape sequences, line separators. The script
prints how many lines parse, have an allowed name and a known delta, render to themselves, and contain no special token.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from invented import HOSTILE_CONTENTS, HOSTILE_NAMES, NAMES, lines

from ventriloquist.model import tiny
from ventriloquist.model.base import Base, load_base, load_tokenizer, require_torch
from ventriloquist.model.line_writer import LineWriter
from ventriloquist.model.mlx_adapter import load_mlx_model
from ventriloquist.model.sampling import Sampling
from ventriloquist.transcript import DELTAS, Header, Line, TranscriptError, parse_line, render_header, render_line

BATCH = 50
SPECIAL = re.compile(r"<[|/A-Za-z]")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lines", type=int, default=10_000)
    parser.add_argument("--temperature", type=float, default=3.0)
    parser.add_argument("--backend", choices=("transformers", "mlx"), default="transformers")
    arguments = parser.parse_args()
    require_torch()
    with tempfile.TemporaryDirectory() as name:
        tiny.build([render_line(line) + "\n" for line in lines(600, seed=1)], Path(name), seed=1)
        base = Base(name)
        session = LineWriter(
            load_mlx_model(base) if arguments.backend == "mlx" else load_base(base, device="cpu"),
            load_tokenizer(base),
            sampling=Sampling(temperature=arguments.temperature, min_p=0.0),
            max_tokens=16,
        )
    names = (*NAMES, *HOSTILE_NAMES)
    header = render_header(Header("group", names, "2024-03-15")) + "\n"
    written = valid = 0
    while written < arguments.lines:
        turn = written // BATCH
        said = Line(HOSTILE_NAMES[turn % len(HOSTILE_NAMES)], "<1m", HOSTILE_CONTENTS[turn % len(HOSTILE_CONTENTS)])
        allowed = names if turn % 2 else (names[turn // 2 % len(names)],)
        for line in session.candidates([header, render_line(said) + "\n"], allowed, BATCH):
            written += 1
            valid += is_valid(line, allowed)
    print(json.dumps({"lines": written, "valid": valid}))
    sys.exit(0 if valid == written else 1)


def is_valid(line: Line, allowed: tuple[str, ...]) -> bool:
    rendered = render_line(line)
    try:
        parsed = parse_line(rendered)
    except TranscriptError:
        return False
    return (
        parsed == line
        and line.name in allowed
        and line.delta in DELTAS
        and "\n" not in rendered
        and not SPECIAL.search(rendered)
    )


if __name__ == "__main__":
    main()
