"""The measurement of name guidance: a weight changes what is written, and without one the seed decides."""

from __future__ import annotations

import sys
from pathlib import Path

from invented import NAMES, conversation, lines

from ventriloquist.model import tiny
from ventriloquist.model.base import Base, load_base, load_tokenizer
from ventriloquist.model.engine import engine_of
from ventriloquist.transcript import render_header, render_line

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

from name_guidance import GuidedWriter


def test_a_weight_changes_what_is_written_and_the_seed_repeats_it(tmp_path: Path) -> None:
    tiny.build([render_line(line) + "\n" for line in lines(600, seed=1)], tmp_path / "tiny", seed=1)
    base = Base(str(tmp_path / "tiny"))
    header, said = conversation(8, seed=5)
    context = [render_header(header) + "\n", *(render_line(line) + "\n" for line in said)]
    writer = GuidedWriter(engine_of(load_base(base, device="cpu")), load_tokenizer(base))

    def contents(weight: float) -> list[str]:
        return [writer.write(context, NAMES[0], weight, f"{seed}") for seed in range(4)]

    assert contents(3.0) == contents(3.0)
    assert contents(3.0) != contents(0.0)
