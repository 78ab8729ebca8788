"""Runs `vq` where accelerate shards over CPUs: torch can, through gloo, but accelerate does so over GPUs only.

`accelerate launch --use_fsdp … fsdp_on_cpus.py train …` has accelerate take processes on CPUs for those on GPUs. What
it does then, and what `vq` does, is what they do there.
"""

from typing import Any

from accelerate.state import PartialState
from accelerate.utils import DistributedType

from ventriloquist.__main__ import main

begin = PartialState.__init__


def begin_as_on_gpus(state: PartialState, *arguments: Any, **named: Any) -> None:
    begin(state, *arguments, **named)
    if state.distributed_type is DistributedType.MULTI_CPU:
        state.distributed_type = DistributedType.MULTI_GPU


if __name__ == "__main__":
    PartialState.__init__ = begin_as_on_gpus  # type: ignore[method-assign]
    main()
