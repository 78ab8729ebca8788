"""What a run survives: kill -9, a loss that is no number, exhausted patience; and what it keeps."""

from __future__ import annotations

import errno
import os
import random
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.numpy import load_file
from stages import train

from ventriloquist.errors import ModelError, StorageError
from ventriloquist.layout import BEST, LOG
from ventriloquist.model.adapter import WEIGHTS, load_adapter
from ventriloquist.model.base import Base, load_base
from ventriloquist.model.corpus import Corpus
from ventriloquist.model.precision import Precision
from ventriloquist.store import Connection
from ventriloquist.train import Step, follow, log, preset
from ventriloquist.train.backends import add_lora
from ventriloquist.train.checkpoints import newest_whole_checkpoint, weight_bytes
from ventriloquist.train.folder import unfinished_run
from ventriloquist.train.log import Outcome
from ventriloquist.train.loop import run_loop
from ventriloquist.train.loss import target_loss
from ventriloquist.train.rows import schedule
from ventriloquist.train.validation import Validation

QUICK = preset("tiny").changed(
    max_steps=6,
    max_length=512,
    targets_per_window=8,
    context=8,
    window=9,
    rank=4,
    alpha=8,
    validation_messages=8,
    adam_8bit=False,
    gradient_checkpointing=False,
)


def weights(folder: Path) -> dict[str, bytes]:
    return {name: tensor.tobytes() for name, tensor in load_file(folder / "adapter_model.safetensors").items()}


def test_the_best_weights_by_validation_are_kept_not_the_last(base: Base, corpus: Corpus, tmp_path: Path) -> None:
    # a rate that is fine for the first steps and then throws the model off
    settings = QUICK.changed(max_steps=8, validations=8, learning_rate=0.3, warmup=0.9)
    model = add_lora(load_base(base, device="cpu"), settings)
    outcome, _ = run_loop(model, target_loss, corpus, schedule(corpus, settings).rows, settings, tmp_path, device="cpu")
    steps = log.read(tmp_path / LOG)
    bits = {step.step: step.bits_per_character for step in steps if step.bits_per_character is not None}
    assert outcome.best_step == min(bits, key=lambda step: bits[step] or 0)
    assert outcome.best_step != steps[-1].step
    kept = weights(tmp_path / f"{BEST}{outcome.best_step}")
    trained = {name: tensor for name, tensor in model.state_dict().items() if "lora" in name}
    assert {name.replace(".default", ""): tensor.numpy().tobytes() for name, tensor in trained.items()} == kept
    assert [path.name for path in tmp_path.glob(f"{BEST}*")] == [f"{BEST}{outcome.best_step}"]


# three steps get better, then the rate throws the model off
WORSENING = QUICK.changed(max_steps=60, epochs=9, validations=30, learning_rate=3.0, warmup=0.1, patience=4)


def test_a_run_whose_validation_stops_getting_better_ends_early_and_annealed(
    base: Base, corpus: Corpus, tmp_path: Path
) -> None:
    model, rows = add_lora(load_base(base, device="cpu"), WORSENING), schedule(corpus, WORSENING).rows
    outcome, _ = run_loop(model, target_loss, corpus, rows, WORSENING, tmp_path, device="cpu")
    assert outcome.stopped_early
    assert outcome.best_step is not None
    exhausted = outcome.best_step + 2 * 4  # a validation is two steps
    assert outcome.steps == pytest.approx(1.2 * exhausted, abs=1)
    steps = log.read(tmp_path / LOG)
    rates = [step.learning_rate for step in steps[exhausted - 1 :]]
    assert rates[0] > 0.5 * WORSENING.learning_rate  # where a run without an anneal would have ended
    assert rates == sorted(rates, reverse=True)
    assert rates[-1] < 0.5 * rates[0]  # in a few steps; without an anneal it would hardly have moved
    bits = {step.step: step.bits_per_character for step in steps if step.bits_per_character is not None}
    assert outcome.bits_per_character == bits[outcome.best_step] == min(bits.values())
    assert steps[-1].step in bits  # the annealed weights had their chance


def test_a_run_that_is_stopped_while_it_anneals_goes_on_bit_for_bit(base: Base, corpus: Corpus, tmp_path: Path) -> None:
    rows = schedule(corpus, WORSENING).rows

    def attempt(folder: str, stop_at: int | None = None) -> tuple[dict[str, bytes], Outcome]:
        def observe(step: Step) -> None:
            if step.step == stop_at:
                os.kill(os.getpid(), signal.SIGINT)

        model = add_lora(load_base(base, device="cpu"), WORSENING)
        (tmp_path / folder).mkdir(exist_ok=True)
        outcome, _ = run_loop(
            model, target_loss, corpus, rows, WORSENING, tmp_path / folder, device="cpu", observe=observe
        )
        return {name: tensor.numpy().tobytes() for name, tensor in model.state_dict().items()}, outcome

    expected, whole = attempt("whole")
    _, stopped = attempt("stopped", stop_at=whole.steps - 2)
    assert stopped.steps < whole.steps
    trained, resumed = attempt("stopped")
    assert (resumed.steps, resumed.best_step, resumed.stopped_early) == (whole.steps, whole.best_step, True)
    assert [step.learning_rate for step in log.read(tmp_path / "stopped" / LOG)] == [
        step.learning_rate for step in log.read(tmp_path / "whole" / LOG)
    ]
    assert trained == expected


def test_a_run_whose_newest_checkpoint_is_damaged_still_has_the_best_weights_of_the_one_before(
    base: Base, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = QUICK.changed(validations=6, save_minutes=1000.0)
    bits = {1: 5.0, 2: 4.0, 3: 3.0, 4: 2.0, 5: 9.0, 6: 9.0}
    begin = follow.Follower.__init__

    def with_these_bits(self: Any, *arguments: Any, **options: Any) -> None:
        begin(self, *arguments, **{**options, "validate": lambda: bits[self._step]})

    monkeypatch.setattr(follow.Follower, "__init__", with_these_bits)

    def attempt(stop_at: int | None = None) -> Outcome:
        def observe(step: Step) -> None:
            if step.step == stop_at:
                os.kill(os.getpid(), signal.SIGINT)

        model, rows = add_lora(load_base(base, device="cpu"), settings), schedule(corpus, settings).rows
        return run_loop(
            model, target_loss, corpus, rows, settings, tmp_path, device="cpu", observe=observe
        )[0]  # fmt: skip

    assert attempt(stop_at=3).steps == 4
    assert {path.name for path in tmp_path.glob(f"{BEST}*")} == {f"{BEST}3", f"{BEST}4"}
    optimizer = tmp_path / "checkpoints" / "checkpoint-4" / "optimizer.pt"
    optimizer.write_bytes(optimizer.read_bytes()[:-1])
    bits[4] = 7.0  # on a card, a repeated step may come out differently
    assert attempt().best_step == 3
    assert (tmp_path / f"{BEST}3").exists()


class Breaking:
    """Turns a model's logits into no numbers from a forward pass on."""

    def __init__(self, after: int) -> None:
        self.left = after

    def __call__(self, _module: Any, _arguments: Any, output: Any) -> Any:
        self.left -= 1
        if self.left < 0:
            output.logits = output.logits * torch.nan
        return output


@pytest.mark.parametrize("validations", [0, 12])
def test_after_losses_that_are_no_numbers_the_last_good_adapter_is_kept(
    base: Base, corpus: Corpus, tmp_path: Path, validations: int
) -> None:
    settings = QUICK.changed(max_steps=12, rows_per_step=1, validations=validations, save_minutes=0.0)
    plain = load_base(base, device="cpu")
    rows = schedule(corpus, settings).rows
    good = 4 if validations == 0 else 8
    plain.register_forward_hook(Breaking(after=good))
    model = add_lora(plain, settings)
    outcome, _ = run_loop(model, target_loss, corpus, rows, settings, tmp_path, device="cpu")
    steps = log.read(tmp_path / LOG)
    assert outcome.failed_at == next(step.step for step in steps if step.loss != step.loss)
    assert outcome.steps == outcome.failed_at + 2
    assert all(bool(torch.isfinite(parameter).all()) for parameter in model.parameters())
    assert any(bool(parameter.abs().sum()) for name, parameter in model.named_parameters() if "lora_B" in name)


def test_a_second_ctrl_c_ends_a_run_at_once_and_torchruns_sigterm_after_the_first_does_not(
    base: Base, corpus: Corpus, tmp_path: Path
) -> None:
    settings = QUICK.changed(max_steps=4, validations=0)

    def launcher(step: Step) -> None:
        for number in (signal.SIGINT, signal.SIGTERM) if step.step == 2 else ():
            os.kill(os.getpid(), number)

    def impatient(_step: Step) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        os.kill(os.getpid(), signal.SIGINT)

    def attempt(folder: str, observe: Callable[[Step], None]) -> tuple[Outcome, int | None]:
        model = add_lora(load_base(base, device="cpu"), settings)
        rows = schedule(corpus, settings).rows
        (tmp_path / folder).mkdir()
        return run_loop(model, target_loss, corpus, rows, settings, tmp_path / folder, device="cpu", observe=observe)

    def late(step: Step) -> None:
        for number in (signal.SIGINT,) if step.step == 4 else ():
            os.kill(os.getpid(), number)

    assert attempt("late", late)[1] is None  # all steps were made
    outcome, number = attempt("launched", launcher)
    assert (outcome.steps, number) == (3, signal.SIGINT)
    with pytest.raises(KeyboardInterrupt):
        attempt("impatient", impatient)


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as on a disk that is full."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(
    ("validations", "share"), [(2, 0.5), (0, 0.5), (0, 1.5)], ids=["best weights", "checkpoint", "moments"]
)
def test_a_disk_that_fills_up_is_said_in_words(
    base: Base, corpus: Corpus, tmp_path: Path, validations: int, share: float
) -> None:
    settings = QUICK.changed(max_steps=2, validations=validations, save_minutes=0.0)
    model = add_lora(load_base(base, device="cpu"), settings)
    trainable = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    rows = schedule(corpus, settings).rows
    with largest_file(int(share * weight_bytes(trainable))), pytest.raises(StorageError, match="cannot be written"):
        run_loop(model, target_loss, corpus, rows, settings, tmp_path, device="cpu")
    assert newest_whole_checkpoint(tmp_path / "checkpoints") is None


def test_what_a_checkpoint_relies_on_is_on_the_disk_before_it_counts(
    base: Base, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = QUICK.changed(max_steps=2, validations=2)
    flush, flushed = os.fsync, set[int]()

    def fsync(descriptor: int) -> None:
        if list(tmp_path.glob("checkpoints/*/.whole.json.partial")):
            needed = (tmp_path / LOG, *tmp_path.glob(f"{BEST}*/*"))
            assert {path.stat().st_ino for path in needed} <= flushed
        flushed.add(os.fstat(descriptor).st_ino)
        flush(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    model = add_lora(load_base(base, device="cpu"), settings)
    run_loop(model, target_loss, corpus, schedule(corpus, settings).rows, settings, tmp_path, device="cpu")
    assert (tmp_path / LOG).stat().st_ino in flushed


def test_a_base_model_that_is_gone_is_missed_by_its_name(prepared: Connection, home: Path) -> None:
    folder = Path(train(prepared, QUICK.changed(max_steps=1), home=home).run)
    (folder / "base").rename(home / "elsewhere")
    with pytest.raises(ModelError, match=r"base no longer exists\.") as error:
        load_adapter(folder)
    assert "vq train" in error.value.hint


def test_weights_that_are_cut_off_are_refused_in_words(prepared: Connection, home: Path) -> None:
    folder = Path(train(prepared, QUICK.changed(max_steps=1), home=home).run)
    (folder / WEIGHTS).write_bytes((folder / WEIGHTS).read_bytes()[:-100])
    with pytest.raises(ModelError, match=r"is cut off"):
        load_adapter(folder)
    with pytest.raises(ModelError, match=r"is cut off"):
        train(prepared, QUICK.changed(continue_from=folder.name), home=home)


@pytest.mark.slow  # three processes that each import torch: nothing less is a kill
def test_going_on_after_a_kill_at_any_time_gives_the_adapter_of_a_run_that_nobody_killed(
    prepared: Connection, home: Path
) -> None:
    settings = QUICK.changed(save_minutes=0.0)
    whole = Path(train(prepared, settings, home=home).run)
    expected = weights(whole)
    script = (
        "import os, sys, torch; torch.set_num_threads(1)\n"
        "from pathlib import Path\n"
        "from ventriloquist.store import open_database\n"
        "from ventriloquist.train import TrainSettings, plan, run\n"
        "home, resume = Path(sys.argv[1]), sys.argv[3] == 'resume'\n"
        "out = os.fdopen(os.dup(1), 'w')  # while a run trains, stdout is stderr\n"
        "with open_database(home) as db:\n"
        "    planned = plan(db, TrainSettings.model_validate_json(sys.argv[2]), home=home, resume=resume)\n"
        "    run(db, planned, observe=lambda step: print(step.step, file=out, flush=True))\n"
    )
    generator = random.Random(0)
    runs = {path.name for path in (home / "runs").iterdir()}
    for attempt in range(2):
        begun = attempt > 0
        arguments = [sys.executable, "-c", script, str(home), settings.model_dump_json(), "resume" if begun else "new"]
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            process.stdout.readline()  # one step is done, its checkpoint is being written
            time.sleep(generator.random() * 0.5)
            process.kill()
    (folder,) = (path for path in (home / "runs").iterdir() if path.name not in runs)
    assert not (folder / "manifest.json").exists()
    subprocess.run([*arguments[:-1], "resume"], check=True, stdout=subprocess.DEVNULL)
    assert weights(folder) == expected
    assert [step.step for step in log.read(folder / LOG)] == [1, 2, 3, 4, 5, 6]


def test_a_disk_that_is_full_at_the_very_end_loses_nothing(
    prepared: Connection, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = QUICK.changed(max_steps=2, save_minutes=0.0)
    expected = weights(Path(train(prepared, settings, home=home).run))
    flush = os.fsync
    flushed: list[int] = []

    def fsync(descriptor: int) -> None:
        if list(home.glob("runs/*/.manifest.json.partial")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        flushed.append(os.fstat(descriptor).st_ino)
        flush(descriptor)

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        with pytest.raises(StorageError, match="No space"):
            train(prepared, settings, home=home)
    folder = unfinished_run(home / "runs")
    assert (folder / WEIGHTS).stat().st_ino in flushed
    assert train(prepared, settings, home=home, resume=True).steps == 2
    assert weights(folder) == expected
    assert not list(folder.glob("*.partial"))


@pytest.mark.parametrize(
    ("steps", "good", "validations"),
    [(1, 0, 0), (1, 0, 12), (2, 0, 0), (2, 2, 0), (3, 4, 0), (1, 2, 1)],
    ids=["one step", "one validated", "two", "the last of two", "the last of three", "only its validation"],
)
def test_a_short_run_whose_last_losses_are_no_numbers_is_not_finished(
    base: Base, corpus: Corpus, tmp_path: Path, steps: int, good: int, validations: int
) -> None:
    settings = QUICK.changed(max_steps=steps, rows_per_step=2, validations=validations)
    plain = load_base(base, device="cpu")
    plain.register_forward_hook(Breaking(after=good))  # a forward pass a row
    model = add_lora(plain, settings)
    rows = schedule(corpus, settings).rows
    with pytest.raises(ModelError, match=f"not a number since step {1 + (good // 2 if validations == 0 else 0)}"):
        run_loop(model, target_loss, corpus, rows, settings, tmp_path, device="cpu")
    assert newest_whole_checkpoint(tmp_path / "checkpoints") is None


@pytest.mark.parametrize("compute", [torch.float32, torch.float16])
def test_losses_that_are_no_numbers_in_float16_name_cards_with_bfloat16(
    base: Base, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, compute: torch.dtype
) -> None:
    monkeypatch.setattr(follow, "precision", lambda _device: Precision(torch.float32, compute))
    settings = QUICK.changed(max_steps=3, validations=0)
    plain = load_base(base, device="cpu")
    plain.register_forward_hook(Breaking(after=0))
    with pytest.raises(ModelError, match="not a number") as error:
        run_loop(
            add_lora(plain, settings),
            target_loss,
            corpus,
            schedule(corpus, settings).rows,
            settings,
            tmp_path,
            device="cpu",
        )
    assert "--learning-rate" in error.value.hint
    assert ("bfloat16" in error.value.hint) == (compute == torch.float16)


def test_the_best_weights_outlive_a_last_step_without_a_loss(base: Base, corpus: Corpus, tmp_path: Path) -> None:
    settings = QUICK.changed(max_steps=2, rows_per_step=2, validations=2)
    plain = load_base(base, device="cpu")
    validation = Validation(corpus, settings)
    plain.register_forward_hook(Breaking(after=2 + len(validation.rows)))
    model = add_lora(plain, settings)
    rows = schedule(corpus, settings).rows
    outcome, _ = run_loop(model, target_loss, corpus, rows, settings, tmp_path, device="cpu")
    assert (outcome.failed_at, outcome.best_step, outcome.steps) == (2, 1, 2)
