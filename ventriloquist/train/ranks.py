"""Training in several processes (`torchrun`, `accelerate launch`): who writes, and what all agree on."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn, TypeVar

from ventriloquist.errors import ModelError, SettingsError

Value = TypeVar("Value")

REFUSED = {  # what accelerate can be configured for, by the variable that says so
    "ACCELERATE_USE_DEEPSPEED": "DeepSpeed",
    "ACCELERATE_USE_MEGATRON_LM": "Megatron-LM",
    "ACCELERATE_USE_PARALLELISM_CONFIG": "parallelism in several dimensions",
}


def world_size() -> int:
    """Return how many processes train together; 1 without a launcher."""
    return _number("WORLD_SIZE", 1)


def is_main() -> bool:
    """Return whether this process is the one that writes and speaks."""
    return _number("RANK", 0) == 0


def local_rank() -> int:
    """Return which of its machine's processes, and so of its GPUs, this one is."""
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
    """Return over how many processes the model is split; 1 where each has the whole."""
    return world_size() if is_sharded() else 1


def join(device: str) -> None:
    """Meet the other processes, if there are any. Call once, before anything else here.

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
        # without a policy all is one part, gathered at once
        os.environ.setdefault("FSDP_AUTO_WRAP_POLICY", "TRANSFORMER_BASED_WRAP")
        for what in ("CHECKPOINTING", "CHECKPOINTING_OFFLOAD"):  # the run's settings decide: `recompute`
            os.environ[f"FSDP_ACTIVATION_{what}"] = "false"
    if world_size() > 1:
        from accelerate import PartialState
        from accelerate.utils import DistributedType

        state = PartialState(cpu=device == "cpu", **({"backend": "gloo"} if device == "cpu" else {}))
        if is_sharded() and state.distributed_type is DistributedType.MULTI_CPU:  # it would not shard, and not say so
            _refuse("FSDP on CPUs")


def _configured(name: str) -> bool:
    return os.environ.get(name, "").lower() == "true"


def _refuse(what: str) -> NoReturn:
    raise ModelError(
        f"accelerate is configured for {what}, which is not supported.",
        hint="Use torchrun, or on several GPUs: accelerate launch --use_fsdp --fsdp_version 2 -m ventriloquist train",
    )


def agree(value: Value) -> Value:
    """Return the main process's value in every process."""
    if world_size() == 1:
        return value
    from accelerate.utils import broadcast_object_list

    values = [value]
    broadcast_object_list(values)
    return values[0]


def everywhere(holds: bool) -> bool:
    """Return whether something holds in every process."""
    if world_size() == 1:
        return holds
    from accelerate.utils import gather_object

    return all(gather_object([holds]))


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
