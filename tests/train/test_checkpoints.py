"""A checkpoint is whole or not used; the disk is looked at before it is full."""

from __future__ import annotations

from pathlib import Path

import pytest

from ventriloquist.errors import StorageError
from ventriloquist.train.checkpoints import (
    WHOLE,
    check_disk,
    checkpoint_bytes,
    clear_partial,
    is_whole,
    newest_whole_checkpoint,
    run_bytes,
    saving,
    seal,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with three sealed checkpoints, of steps 9, 10 and 100."""
    for step in (9, 10, 100):
        checkpoint = tmp_path / f"checkpoint-{step}"
        (checkpoint / "inner").mkdir(parents=True)
        (checkpoint / "weights").write_bytes(bytes(range(200)) * step)
        (checkpoint / "inner" / "state").write_text(str(step))
        seal(checkpoint)
    return tmp_path


def test_the_newest_checkpoint_is_that_of_the_last_step(folder: Path) -> None:
    assert newest_whole_checkpoint(folder) == folder / "checkpoint-100"


def flip(checkpoint: Path) -> None:
    content = bytearray((checkpoint / "weights").read_bytes())
    content[7] ^= 1
    (checkpoint / "weights").write_bytes(content)


def cut(checkpoint: Path) -> None:
    path = checkpoint / "weights"
    path.write_bytes(path.read_bytes()[:-1])


DAMAGE = {
    "a flipped bit": flip,
    "a missing byte": cut,
    "a missing file": lambda checkpoint: (checkpoint / "inner" / "state").unlink(),
    "no seal": lambda checkpoint: (checkpoint / WHOLE).unlink(),
    "half a seal": lambda checkpoint: (checkpoint / WHOLE).write_text('{"weights": {"si'),
    "a seal of something else": lambda checkpoint: (checkpoint / WHOLE).write_text("[1, 2]"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_is_passed_over_and_cleared(folder: Path, damage: str) -> None:
    DAMAGE[damage](folder / "checkpoint-100")
    assert not is_whole(folder / "checkpoint-100")
    assert newest_whole_checkpoint(folder) == folder / "checkpoint-10"
    clear_partial(folder)
    assert {path.name for path in folder.glob("checkpoint-*")} == {"checkpoint-9", "checkpoint-10"}


def test_without_a_checkpoint_there_is_none(tmp_path: Path) -> None:
    assert newest_whole_checkpoint(tmp_path / "nowhere") is None


def test_a_disk_that_is_too_small_is_refused_and_a_run_that_has_begun_can_go_on(tmp_path: Path) -> None:
    check_disk(tmp_path, 1)
    with pytest.raises(StorageError, match=r"1,073,741,824\.0 MiB of disk") as before:
        check_disk(tmp_path, 2**50)
    assert "--rank" in before.value.hint
    with pytest.raises(StorageError) as begun:
        check_disk(tmp_path, 2**50, begun=True)
    assert "vq train --resume" in begun.value.hint


def test_only_what_could_not_be_written_is_blamed_on_the_disk(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="unexpected pos"), saving(tmp_path):
        raise RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0")
    with pytest.raises(RuntimeError, match="out of memory"), saving(tmp_path):
        raise RuntimeError("CUDA out of memory. Tried to allocate 2.00 GiB")


def test_a_checkpoint_has_weights_and_two_moments() -> None:
    assert checkpoint_bytes(1_000_000) == 12_000_000


def test_a_run_has_three_checkpoints_and_three_best_weights_for_a_moment() -> None:
    assert run_bytes(1_000_000) == 3 * (12_000_000 + 4_000_000)
