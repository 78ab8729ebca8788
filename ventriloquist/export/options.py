"""What a user can ask of export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ventriloquist.export.rows import Format
from ventriloquist.windows import SPLITS, Split

WINDOWS: Mapping[Split, str] = {"train": "training_windows", "validation": "validation_windows", "test": "test_windows"}


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """What to write. `split` None: every split for blocks and prompt-completion, `train` for windows."""

    format: Format = "blocks"
    split: Split | None = None
    targets_per_window: int = 64  # K of a block
    gzip: bool = False

    @property
    def splits(self) -> tuple[Split, ...]:
        if self.split is not None:
            return (self.split,)
        return ("train",) if self.format == "windows" else SPLITS

    def file_name(self, split: Split) -> str:
        name = f"{WINDOWS[split] if self.format == 'windows' else split}.jsonl"
        return name + ".gz" if self.gzip else name
