"""Sharded tensors (FSDP): gathered to be saved, and cut again when they are loaded.

The files are the same however many processes share the model: whole tensors, written by the main process.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch.distributed.tensor import DTensor, distribute_tensor

from ventriloquist.train.ranks import is_main


def whole(tensor: Any) -> Any:
    """Gather a sharded tensor on the CPU of the main process; every process must call this.

    The other processes get their own part back. A tensor that is not sharded is returned as it is.
    """
    if not isinstance(tensor, DTensor):
        return tensor
    full = tensor.full_tensor()
    return full.cpu() if is_main() else tensor


def local(tensor: torch.Tensor) -> torch.Tensor:
    """Return this process's part of a tensor, as a plain tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def own_part(tensor: Any, parameter: torch.Tensor) -> Any:
    """Return this process's part of a tensor of a parameter's shape; anything else as it is."""
    if not isinstance(parameter, DTensor) or tensor.shape != parameter.shape:
        return tensor
    return distribute_tensor(
        tensor.to(parameter.device), parameter.device_mesh, parameter.placements, src_data_rank=None
    )


def save_adapter(model: Any, folder: Path) -> None:
    """Write a model's whole adapter in the main process; every process must call this."""
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    state = {name: whole(tensor) for name, tensor in model.state_dict().items() if name in trained}
    if is_main():
        model.save_pretrained(folder, state_dict=state)


def save_optimizer(optimizer: Any, path: Path) -> None:
    """Write an optimizer's whole state in the main process; every process must call this."""
    state = optimizer.state_dict()
    moments = {
        index: {name: whole(value) for name, value in of_one.items()} for index, of_one in state["state"].items()
    }
    if is_main():
        torch.save({**state, "state": moments}, path)


def load_optimizer(optimizer: Any, path: Path) -> None:
    """Load an optimizer's state from a file; each process takes its part."""
    state = torch.load(path, map_location="cpu", weights_only=True)
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    for index, of_one in state["state"].items():
        state["state"][index] = {name: own_part(value, parameters[index]) for name, value in of_one.items()}
    optimizer.load_state_dict(state)
