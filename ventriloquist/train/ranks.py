"""Training in several processes (`torchrun`, `accelerate launch`): who writes, and how values are shared."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from ventriloquist.errors import ModelError, SettingsError

Value = TypeVar("Value")

REFUSED = {  # accelerate sets these variables if it is configured for something else
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "parallelism in several dimensions",
}


def world_size() -> int:
    """Return how many processes train together; 1 without a launcher."""
    return _number("WORLD_SIZE", 1)


def is_main() -> bool:
    """Return whether this is the process of rank 0, which writes and reports."""
    return _number("RANK", 0) == 0


def local_rank() -> int:
    """Return this process's number on its machine, which is also that of its GPU."""
    return _number("LOCAL_RANK", 0)


def _number(variable: str, default: int) -> int:
    text = os.environ.get(variable, "").strip() or str(default)
    if not re.fullmatch("[0-9]{1,9}", text):
        raise SettingsError(
            f"The variable {variable} takes a whole number of 0 or more, not {text[:40]!r}.",
            hint="A launcher sets it, such as torchrun; without one, unset it.",
        )
    return int(text)


def is_sharded() -> bool:
    """Return whether accelerate is configured to split the model over the processes (FSDP)."""
    return _configured("ACCELERATE_USE_FSDP")


def shards() -> int:
    """Return over how many processes the model is split; 1 if each process has all of it."""
    return world_size() if is_sharded() else 1


def join(device: str) -> None:
    """Set up the process group, if there are several processes. Call this once, before anything else here.

    Raises:
        ModelError: accelerate is configured for something that is not supported.
    """
    for variable, what in REFUSED.items():
        if _configured(variable):
            _refuse(what)
    if is_sharded():
        if os.environ.get("FSDP_VERSION") != "2":
            _refuse("FSDP 1")
        if _configured("FSDP_OFFLOAD_PARAMS"):
            _refuse("FSDP with parameters on the CPU")
        if world_size() == 1:
            _refuse("FSDP in one process")
        # without a policy the whole model would be one shard, gathered at once
        os.environ.setdefault("FSDP_AUTO_WRAP_POLICY", "TRANSFORMER_BASED_WRAP")
        for what in ("CHECKPOINTING", "CHECKPOINTING_OFFLOAD"):  # the setting `gradient_checkpointing` decides
            os.environ[f"FSDP_ACTIVATION_{what}"] = "false"
    if world_size() > 1:
        from accelerate import PartialState
        from accelerate.utils import DistributedType

        state = PartialState(cpu=device == "cpu", **({"backend": "gloo"} if device == "cpu" else {}))
        if is_sharded() and state.distributed_type is DistributedType.MULTI_CPU:  # it would silently not shard
            _refuse("FSDP on CPUs")


def _configured(name: str) -> bool:
    return os.environ.get(name, "").lower() == "true"


def _refuse(what: str) -> NoReturn:
    raise ModelError(
        f"accelerate is configured for {what}, which is not supported.",
        hint="Use torchrun, or on several GPUs: accelerate launch --use_fsdp --fsdp_version 2 -m ventriloquist train",
    )


def broadcast(value: Value) -> Value:
    """Return the main process's value in every process."""
    if world_size() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    values = [value]
    broadcast_object_list(values)
    return values[0]


def all_reduce(holds: bool) -> bool:
    """Return whether a condition holds in every process."""
    if world_size() == 1:
        return holds
    from accelerate.utils import gather_object

    return all(gather_object([holds]))


def highest(*values: float) -> list[float]:
    """Return the highest of all processes for each value, in single precision."""
    import torch
    from accelerate import PartialState
    from accelerate.utils import gather

    own = torch.tensor([values], device=PartialState().device, dtype=torch.float32)
    found: list[float] = gather(own).amax(0).tolist()
    return found


def barrier() -> None:
    """Wait until every process is here."""
    if world_size() > 1:
        from accelerate import PartialState

        PartialState().wait_for_everyone()


@contextmanager
def main_first() -> Iterator[None]:
    """Run the block in the main process first, then in the others, which find the files it made."""
    if not is_main():
        barrier()
    yield
    if is_main():
        barrier()
