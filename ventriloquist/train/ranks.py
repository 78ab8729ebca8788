"""Training in several processes (`torchrun`, `accelerate launch`): who writes, and what all agree on."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

from ventriloquist.errors import ModelError

Value = TypeVar("Value")


def world_size() -> int:
    """Return how many processes train together; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def is_main() -> bool:
    """Return whether this process is the one that writes and speaks."""
    return int(os.environ.get("RANK", "0")) == 0


def local_rank() -> int:
    """Return which of its machine's processes, and so of its GPUs, this one is."""
    return int(os.environ.get("LOCAL_RANK", "0"))


def join(device: str) -> None:
    """Meet the other processes, if there are any. Call once, before anything else here.

    Raises:
        ModelError: the launcher would shard the model over them.
    """
    if any(os.environ.get(f"ACCELERATE_USE_{way}", "").lower() == "true" for way in ("FSDP", "DEEPSPEED")):
        raise ModelError(
            "accelerate is configured to shard the model (FSDP, DeepSpeed), which is not supported.",
            hint="Start it without: torchrun --nproc-per-node N -m ventriloquist train",
        )
    if world_size() > 1:
        from accelerate import PartialState

        PartialState(cpu=device == "cpu", **({"backend": "gloo"} if device == "cpu" else {}))


def agree(value: Value) -> Value:
    """Return the main process's value in every process."""
    if world_size() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    values = [value]
    broadcast_object_list(values)
    return values[0]


def wait() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


@contextmanager
def main_first() -> Iterator[None]:
    """Let the main process through the block before the others: it makes what they then find."""
    if not is_main():
        wait()
    yield
    if is_main():
        wait()
