"""The sections of benchmarks/gpu.py that train: losses, speed, memory, and resuming after kill -9."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from gpu_arithmetic import work_a_token
from gpu_base import (
    ADAPTER,
    KILLED_AT,
    MINIATURE,
    RESUMED_STEPS,
    STEPS,
    Bench,
    default_size,
    make_base,
    measured,
    prepare_home,
    preset_model,
)

from ventriloquist.errors import ModelError
from ventriloquist.layout import LOG, RUNS, TOKENS
from ventriloquist.store import open_database, recorded_run
from ventriloquist.train import Step, TrainPlan, TrainSettings, plan, run
from ventriloquist.train import log as logs

LOSS_ROWS = 3


def base(bench: Bench, home: Path | None) -> dict[str, Any]:
    """Prepare messages, make the base and a small one, and describe the machine."""
    import torch

    if not bench.size:
        bench = Bench(bench.work, default_size())
    prepare_home(bench, home)
    sizes = dict.fromkeys((bench.size, bench.small.size))
    parameters = {size: make_base(Bench(bench.work, size)) for size in sizes}
    figures: dict[str, Any] = {"size": bench.size, "parameters": parameters[bench.size]}
    if bench.device == "cuda":
        card = torch.cuda.get_device_properties(0)
        figures |= {
            "card": card.name,
            "gib": card.total_memory / 2**30,
            "capability": f"{card.major}.{card.minor}",
            "cuda": torch.version.cuda,
        }
    return figures | {"threads": torch.get_num_threads(), "product": product_speed(bench)}


def product_speed(bench: Bench) -> float:
    """Return the FLOP a second that a plain matrix product reaches here: no model can be faster."""
    import time

    import torch

    size = 256 if bench.is_miniature else 8192
    dtype = torch.float32 if bench.is_miniature else torch.bfloat16
    matrix = torch.ones(size, size, device=bench.device, dtype=dtype)
    best = float("inf")
    for _ in range(5):
        synchronize(bench)
        started = time.perf_counter()
        for _ in range(4):
            matrix @ matrix
        synchronize(bench)
        best = min(best, (time.perf_counter() - started) / 4)
    return 2 * size**3 / best


def synchronize(bench: Bench) -> None:
    import torch

    if bench.device == "cuda":
        torch.cuda.synchronize()


def losses(bench: Bench, backend: str) -> dict[str, Any]:
    """Measure the loss of a few rows, and the norm of its gradient, with an adapter that is not zero."""
    import torch

    from ventriloquist.train.backends import row_loss

    with adapted(bench, backend) as (model, rows):
        loss = row_loss(bench.settings(backend=backend))
        model.train()
        found = []
        automatic = torch.autocast("cuda", dtype=torch.bfloat16) if bench.device == "cuda" else nullcontext()
        for row in rows:
            with automatic:  # as in training
                nats = loss(model, row)
            torch.autograd.backward(nats)
            found.append(float(nats.detach()) / labelled(row))
        norm = torch.stack([p.grad.float().norm() for p in model.parameters() if p.grad is not None]).norm()
        return {"losses": found, "gradient": float(norm), "tokens": sum(labelled(row) for row in rows)}


def reference(bench: Bench) -> dict[str, Any]:
    """Compute the same losses in float64."""
    import torch

    from ventriloquist.train.loss import target_loss

    with adapted(bench, "transformers") as (model, rows), in_float64(model), torch.no_grad():
        return {"losses": [float(target_loss(model.eval(), row)) / labelled(row) for row in rows]}


@contextmanager
def adapted(bench: Bench, backend: str) -> Iterator[tuple[Any, list[Any]]]:
    """Give the base in 16 bits with the bench's adapter on it, and the rows on its device.

    The first call makes the adapter: transformers' LoRA with random weights in place of the zeros that it starts with.
    """
    import torch

    from ventriloquist.train.backends import choose_backend, load_model
    from ventriloquist.train.rows import schedule
    from ventriloquist.train.shards import save_adapter
    from ventriloquist.train.tensors import row_tensors

    settings = bench.settings(backend=backend, four_bit=False)
    folder = bench.work / ADAPTER
    if backend == "unsloth" and not folder.exists():
        raise ModelError("There is no adapter to compare: transformers did not make it.", hint="See its own line.")
    choose_backend(settings.backend, bench.device)
    settings = settings.changed(continue_from=str(folder) if folder.exists() else None)
    model = load_model(base_of(bench), settings, bench.device)
    if not folder.exists():
        generator = torch.Generator(device=bench.device).manual_seed(0)
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                weight.data.normal_(0, 0.02, generator=generator)
        save_adapter(model, folder)
    short = settings.changed(max_length=min(settings.max_length, 1024), context=16, targets_per_window=16)
    with open_database(bench.home) as db:
        corpus = corpus_of(bench, db)
        rows = [row_tensors(corpus, row) for row in schedule(corpus, short).rows[:LOSS_ROWS]]
        yield model, [{name: tensor.to(bench.device) for name, tensor in row.items()} for row in rows]
    model = None
    forget(bench)


def labelled(row: Any) -> int:
    from ventriloquist.train.tensors import IGNORED

    return int((row["labels"] != IGNORED).sum())


def base_of(bench: Bench) -> Any:
    from ventriloquist.model.base import Base

    return Base(str(bench.base))


def corpus_of(bench: Bench, db: Any) -> Any:
    from ventriloquist.model.base import load_tokenizer
    from ventriloquist.model.corpus import load_corpus

    return load_corpus(db, load_tokenizer(base_of(bench)), bench.home / TOKENS)


@contextmanager
def in_float64(model: Any) -> Iterator[None]:
    """Let a model compute in float64. Each layer is converted right before it runs, and restored right after it.

    So a card needs room for one layer in float64, not for the model. The norms compute in float32, as Qwen3's do.
    """
    kept: dict[Any, list[tuple[Any, Any]]] = {}

    def convert(module: Any, _inputs: Any) -> None:
        kept[module] = [(parameter, parameter.data) for parameter in module.parameters()]
        for parameter, data in kept[module]:
            parameter.data = data.double()

    def restore(module: Any, _inputs: Any, _output: Any) -> None:
        for parameter, data in kept.pop(module):
            parameter.data = data

    causal = model.get_base_model()
    parts = [causal.model.embed_tokens, *causal.model.layers, causal.model.norm, causal.lm_head]
    hooks = [part.register_forward_pre_hook(convert) for part in parts]
    hooks += [part.register_forward_hook(restore) for part in parts]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


def train(
    bench: Bench, backend: str, *, preset: str | None = None, checkpointing: bool | None = None
) -> dict[str, Any]:
    """Train a few steps as `vq train` does, on the longest rows; return speed, memory and the plan's figures.

    Args:
        preset: its name; None: what `vq train` would choose here.
        checkpointing: None: as the preset says.
    """
    settings = bench.settings() if preset is None else measured(bench, preset_settings(preset))
    settings = settings.changed(backend=backend, gradient_checkpointing=checkpointing)
    forget(bench)
    with recorded_run(bench.home, "train", plan=lambda db: longest(db, settings, bench)) as recorded:
        done: TrainPlan = recorded.plan
        recorded.result = summary = run(recorded.db, done)
    steps = logs.read(Path(summary.run) / LOG)
    pieces = [piece for row in done.rows.rows for piece in row]
    tokens = sum(piece.tokens for piece in pieces)
    figures = {
        "run": summary.run,
        "backend": backend,
        "checkpointing": done.settings.gradient_checkpointing,
        "four_bit": done.settings.four_bit,
        "tokens_a_second": median(step.tokens_per_second for step in steps[1:] or steps),
        "row": max(sum(piece.tokens for piece in row) for row in done.rows.rows),
        "peak_gib": max(step.memory_gib for step in steps) + context_gib(bench),
        "plan_gib": done.estimate.memory_gib,
        "loss": steps[0].loss,
        "gradient": steps[0].grad_norm,
        "work": work_a_token(
            done.config,
            done.settings,
            context=sum(piece.tokens**2 for piece in pieces) / tokens,
            supervised=sum(piece.supervised for piece in pieces) / tokens,
        ),
    }
    forget(bench)
    return figures


def longest(db: Any, settings: TrainSettings, bench: Bench) -> TrainPlan:
    """Plan a run over the longest rows of its first epoch, from which the plan computes memory."""
    from ventriloquist.train.estimate import row_tokens

    planned = plan(db, settings, home=bench.home)
    rows = sorted(planned.rows.first_epoch, key=row_tokens, reverse=True)
    wanted = STEPS * settings.rows_per_step
    rows = (rows * (1 + wanted // len(rows)))[:wanted]
    return replace(
        planned,
        rows=replace(planned.rows, rows=rows),
        # on a CPU the plan turns it off; here it is what is measured
        settings=planned.settings.changed(gradient_checkpointing=settings.gradient_checkpointing),
    )


def preset_settings(name: str) -> TrainSettings:
    from ventriloquist.train.presets import PRESETS

    return PRESETS[name].settings


def context_gib(bench: Bench) -> float:
    """Return what CUDA's context and kernels take, outside of torch's allocator, if nobody else uses the card."""
    import torch

    if bench.device == "cpu":
        return 0.0
    free, total = torch.cuda.mem_get_info()
    return (total - free - torch.cuda.memory_reserved()) / 2**30


def presets_of(size: str, gib: float) -> list[str]:
    """Return the presets of a size that a card can hold."""
    from ventriloquist.train.presets import NOMINAL, PRESETS

    if size == MINIATURE:
        return ["tiny"]
    return [
        name
        for name, preset in PRESETS.items()
        if preset.settings.model == preset_model(size) and NOMINAL * preset.memory_gib <= gib
    ]


def forget(bench: Bench) -> None:
    """Free the memory of the model before, so that the next peak is the next model's."""
    gc.collect()
    if bench.device == "cuda":
        import torch

        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def part_of_resuming(bench: Bench, home: Path, *, kill: bool = False, resume: bool = False) -> dict[str, Any]:
    """Train a few steps with a checkpoint after each; with `kill`, the process kills itself in the middle."""
    small = bench.small
    settings = small.settings(max_steps=RESUMED_STEPS, save_minutes=0, validations=1, validation_messages=32)
    if not small.is_miniature:
        settings = settings.changed(max_length=2048, context=16, targets_per_window=16)

    def observe(step: Step) -> None:
        if kill and step.step == KILLED_AT:
            os.kill(os.getpid(), signal.SIGKILL)

    planned: Callable[[Any], TrainPlan] = lambda db: plan(db, settings, home=home, resume=resume)  # noqa: E731
    with recorded_run(home, "train", plan=planned) as recorded:
        recorded.result = summary = run(recorded.db, recorded.plan, observe=observe)
    return {
        "run": str(home / RUNS / Path(summary.run).name),
        "backend": recorded.plan.backend.name,
        "losses": [step.loss for step in logs.read(Path(summary.run) / LOG)],
        "bits": summary.bits_per_character,
    }
