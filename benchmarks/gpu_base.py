"""What benchmarks/gpu.py works with: a base of Qwen3's architecture with random weights, and prepared messages."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from ventriloquist.errors import StorageError
from ventriloquist.layout import DATABASE
from ventriloquist.train import TrainSettings, resolve_settings

MINIATURE = "miniature"
SMALLEST = "0.6B"
RESUMED_STEPS, KILLED_AT = 6, 4  # of the run that is killed and resumed
STEPS = 3  # of a training run that is measured; the first one warms up
RESULTS, BASES, ADAPTER = "results.jsonl", "bases", "adapter"  # in the work folder


class Shape(NamedTuple):
    """The numbers of a Qwen3 base's config.json."""

    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    intermediate: int
    tied: bool  # the output head is the embeddings
    head_dim: int = 128
    vocabulary: int = 151_936


SHAPES = {  # as published in the config.json of Qwen/Qwen3-…-Base
    "0.6B": Shape(1024, 28, 16, 8, 3072, tied=True),
    "1.7B": Shape(2048, 28, 16, 8, 6144, tied=True),
    "4B": Shape(2560, 36, 32, 8, 9728, tied=True),
    "8B": Shape(4096, 36, 32, 8, 12_288, tied=False),
    MINIATURE: Shape(64, 2, 4, 2, 192, tied=True, head_dim=16, vocabulary=4608),
}
ROOM = {"8B": 40, "4B": 20, "1.7B": 10, "0.6B": 0}  # GiB of a card from which a size is the default


@dataclass(frozen=True)
class Bench:
    """The folder of one run of the script, and the size of its base."""

    work: Path
    size: str

    @property
    def is_miniature(self) -> bool:
        return self.size == MINIATURE

    @property
    def home(self) -> Path:
        return self.work / "home"

    @property
    def base(self) -> Path:
        return self.work / BASES / self.size

    @property
    def small(self) -> Bench:
        """The smallest base, for what does not depend on the size: resuming and merging."""
        return self if self.is_miniature else Bench(self.work, SMALLEST)

    @property
    def device(self) -> str:
        return "cpu" if self.is_miniature else "cuda"

    def results(self) -> list[dict[str, Any]]:
        """Return what the sections have reported so far."""
        path = self.work / RESULTS
        return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()] if path.exists() else []

    def report(self, **result: Any) -> None:
        with (self.work / RESULTS).open("a", encoding="utf-8") as file:
            file.write(json.dumps(result) + "\n")

    def settings(self, **changes: Any) -> TrainSettings:
        """Return the settings that `vq train` would choose for this size on this machine, for a run of a few steps."""
        return measured(self, self._chosen()).changed(**changes)

    def _chosen(self) -> TrainSettings:
        if self.is_miniature:
            return TrainSettings(
                rank=4, alpha=8, learning_rate=1e-3, max_length=512, window=9, context=8, targets_per_window=8,
                rows_per_step=1,
            )  # fmt: skip
        return resolve_settings(None, {"model": preset_model(self.size)}, memory_gib=card_gib())


def preset_model(size: str) -> str:
    return f"unsloth/Qwen3-{size}-Base"


def measured(bench: Bench, settings: TrainSettings) -> TrainSettings:
    """Return settings for a run that is only measured: a few steps, and nothing saved or validated in between."""
    return settings.changed(model=str(bench.base), max_steps=STEPS, validations=0, save_minutes=1e6)


def default_size() -> str:
    """Return the largest size whose weights leave half of the card free."""
    gib = card_gib()
    return next(size for size, room in ROOM.items() if gib >= room)


def card_gib() -> float:
    import torch

    return torch.cuda.mem_get_info()[1] / 2**30


def prepare_home(bench: Bench, home: Path | None) -> None:
    """Put prepared messages into the bench's home: a copy of a user's, or the demo's cast."""
    if bench.home.exists():
        return
    if home is None:
        from training_cost import cast_home

        cast_home(bench.work).rename(bench.home)
        return
    if not (home / DATABASE).exists():
        raise StorageError(f"{home} has no {DATABASE}.", hint="Name a folder in which vq prepare has run.")
    copy_home(home, bench.home)


def copy_home(home: Path, to: Path) -> Path:
    """Copy the database alone; runs and caches stay behind."""
    shutil.rmtree(to, ignore_errors=True)
    to.mkdir(parents=True, mode=0o700)
    shutil.copyfile(home / DATABASE, to / DATABASE)
    return to


def make_base(bench: Bench) -> int:
    """Write a base with seeded random weights, made on the card; return its number of parameters."""
    import torch
    from transformers import AutoModelForCausalLM

    from ventriloquist.model import tiny
    from ventriloquist.store import open_database
    from ventriloquist.store.corpus import training_lines

    with open_database(bench.home) as db:
        lines = training_lines(db, tiny.SAMPLE_LINES)
    partial = bench.base.with_name(f"{bench.size}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    tiny.build_tokenizer(lines, partial)
    torch.manual_seed(0)
    dtype = torch.float32 if bench.is_miniature else torch.bfloat16
    with torch.device(bench.device):
        model = AutoModelForCausalLM.from_config(qwen3_config(SHAPES[bench.size]), dtype=dtype)
    parameters = int(model.num_parameters())
    needed, free = parameters * dtype.itemsize, shutil.disk_usage(partial).free
    if needed > 0.9 * free:
        raise StorageError(
            f"The base takes {needed / 2**30:.0f} GiB; {bench.work} has {free / 2**30:.0f} GiB free.",
            hint="Name another folder with --work, or a smaller --size.",
        )
    model.save_pretrained(partial)
    shutil.rmtree(bench.base, ignore_errors=True)
    partial.rename(bench.base)
    return parameters


def qwen3_config(shape: Shape) -> Any:
    from transformers import Qwen3Config

    return Qwen3Config(
        vocab_size=shape.vocabulary,
        hidden_size=shape.hidden,
        intermediate_size=shape.intermediate,
        num_hidden_layers=shape.layers,
        num_attention_heads=shape.heads,
        num_key_value_heads=shape.key_value_heads,
        head_dim=shape.head_dim,
        max_position_embeddings=32_768,
        rope_parameters={"rope_type": "default", "rope_theta": 1_000_000.0},
        tie_word_embeddings=shape.tied,
        bos_token_id=0,
        eos_token_id=0,
    )
