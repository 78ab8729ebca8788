"""Measure training and chat on a CUDA card, without a hub and without a network.

    python benchmarks/gpu.py [--size 8B] [--home DIR] [--work DIR]
    python benchmarks/gpu.py --cpu-miniature

The script makes a base of Qwen3's architecture with random weights, and prepares the messages of the demo's cast, or
takes those of a home. Then it prints, as Markdown, what each section finds: losses, speed, resuming, the adapter, a
chat, and memory. Only figures are printed, never a message. Without a card, or with --cpu-miniature, it does all of it
in miniature on the CPU. Each section stands for itself: if one fails, its error is one line, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gpu_chat
import gpu_training
from gpu_base import MINIATURE, SHAPES, Bench, copy_home
from gpu_report import Report

from ventriloquist.errors import ModelError, VentriloquistError

MINUTES = 7.8  # then whatever still runs is ended
OFFLINE = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "UNSLOTH_DISABLE_STATISTICS": "1"}
SECTIONS: dict[str, tuple[str, ...]] = {  # the processes, and what each reports; Unsloth must be imported first
    "transformers": ("base", "losses", "reference", "train checkpointed", "train kept"),
    "unsloth": ("losses", "train checkpointed", "train kept"),
    "undisturbed": ("undisturbed",),
    "killed": ("killed",),
    "resumed": ("resumed",),
    "chat": ("chat", "adapter"),
    "presets": ("presets",),
}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--size", choices=[*SHAPES], help="of the base; default: the largest that leaves half the card")
    parser.add_argument("--home", type=Path, help="a home with prepared messages; default: the demo's cast")
    parser.add_argument("--work", type=Path, help="an empty folder (8B takes 20 GB); default: a temporary one")
    parser.add_argument("--minutes", type=float, default=MINUTES, help="then whatever still runs is ended")
    parser.add_argument("--cpu-miniature", action="store_true", help="a miniature of everything, on the CPU")
    parser.add_argument("--process", choices=SECTIONS, help=argparse.SUPPRESS)  # the script starts itself with it
    arguments = parser.parse_args()
    if arguments.process:
        run_sections(arguments.process, Bench(arguments.work, arguments.size or ""), arguments.home)
        return 0
    if arguments.work and arguments.work.exists() and any(arguments.work.iterdir()):
        parser.error(f"{arguments.work} is not empty.")
    size = MINIATURE if arguments.cpu_miniature else arguments.size or ""
    if size != MINIATURE and not has_card():
        print("There is no CUDA card here. This is a miniature on the CPU; its figures say nothing about a card.\n")
        size = MINIATURE
    with tempfile.TemporaryDirectory(prefix="vq-gpu-") as temporary:
        work = (arguments.work or Path(temporary)).resolve()
        work.mkdir(parents=True, exist_ok=True)
        return measure(Bench(work, size), arguments.home, time.monotonic() + 60 * arguments.minutes)


def has_card() -> bool:
    import torch

    return torch.cuda.is_available()


def measure(bench: Bench, home: Path | None, end: float) -> int:
    """Start each process in turn, print what it found, and return the exit code."""
    problems: list[str] = []
    started = time.monotonic()

    def show(title: str, section: Callable[[Report], list[str]]) -> None:
        report = Report(bench)
        print(f"### {title}\n", *section(report), "", sep="\n", flush=True)
        problems.extend(report.problems)

    start(bench, "transformers", end, home)
    show("The machine", Report.machine)
    made = Report(bench).figures("transformers", "base")
    if made is not None:
        bench = Bench(bench.work, made["size"])
        if find_spec("unsloth") is not None and (not bench.is_miniature or "UNSLOTH_FORCE_CPU" in os.environ):
            start(bench, "unsloth", end)
        show("Loss of the same rows", Report.losses)
        show("Speed of training", Report.speed)
        for process in ("undisturbed", "killed", "resumed"):
            start(bench, process, end)
        show("A run that is killed (kill -9) and resumed", Report.resumed)
        start(bench, "chat", end)
        show("An adapter that is saved, reloaded and merged", Report.adapter)
        show("Chat", Report.chat)
        start(bench, "presets", end)
        show("Memory against the plan", Report.memory)
    problems += [f"{one['process']}, {one['section']}: {one['error']}" for one in bench.results() if "error" in one]
    print(f"{(time.monotonic() - started) / 60:.1f} minutes. Failed: {len(problems)}.")
    for problem in problems:
        print(f"- {problem}")
    return 1 if problems else 0


def start(bench: Bench, process: str, end: float, home: Path | None = None) -> None:
    """Run a process of sections until the time is over. What it does not report itself is reported here."""
    left = end - time.monotonic()
    command = [sys.executable, __file__, "--process", process, "--work", str(bench.work), "--size", bench.size]
    command = [*(command if bench.size else command[:-2]), *(["--home", str(home.resolve())] if home else [])]
    why = {"skipped": "left out: the time was over"}
    if left > 0:
        print(f"{process} …", file=sys.stderr, flush=True)
        environment = {**os.environ, **OFFLINE} | ({"CUDA_VISIBLE_DEVICES": ""} if bench.is_miniature else {})
        with (bench.work / f"{process}.log").open("wb+") as log, suppress(subprocess.TimeoutExpired):
            done = subprocess.run(
                command, stdout=log, stderr=log, env=environment, cwd=bench.work, timeout=left, check=False
            )
            log.seek(0)
            why = {"error": _ending(done.returncode, log.read().decode(errors="replace"))}
            if process == "killed" and done.returncode == -signal.SIGKILL:
                why = {"killed": True}
    reported = {one["section"] for one in bench.results() if one["process"] == process}
    for section in SECTIONS[process]:
        if section not in reported:
            bench.report(process=process, section=section, **why)


def _ending(code: int, said: str) -> str:
    """Say in one line how a process ended that did not report all of its sections."""
    ended = signal.Signals(-code).name if code < 0 else f"exit code {code}"
    last = (said.strip().splitlines() or ["it printed nothing"])[-1][:200]
    return f"the process ended ({ended}): {last}"


def run_sections(process: str, bench: Bench, home: Path | None) -> None:
    """Run the sections of one process, and report each one's figures or its error."""
    if process == "presets":
        run_presets(bench)
        return
    for section in SECTIONS[process]:
        if bench.size or section == "base":
            attempt(bench, process, section, partial(figures_of, process, section, bench, home))
        else:
            bench.report(process=process, section=section, skipped="there is no base")
        if section == "base":
            made = Report(bench).figures(process, section)
            bench = Bench(bench.work, made["size"] if made else "")


def attempt(bench: Bench, process: str, section: str, measured: Callable[[], dict[str, Any]]) -> None:
    """Report what a section finds, or in one line why it found nothing."""
    try:
        bench.report(process=process, section=section, figures=measured())
    except Exception as error:
        import traceback

        traceback.print_exc()  # into the log of the process
        what = error.what if isinstance(error, VentriloquistError) else f"{type(error).__name__}: {error}"
        line = (what.strip().splitlines() or [""])[0].replace("|", "/")[:300]
        does_not_fit = isinstance(error, ModelError) and "GiB to train" in what  # the plan refuses it, rightly or not
        bench.report(process=process, section=section, **{"skipped" if does_not_fit else "error": line})
    gpu_training.forget(bench)


def figures_of(process: str, section: str, bench: Bench, home: Path | None) -> dict[str, Any]:
    if section == "base":
        return gpu_training.base(bench, home)
    if section == "losses":
        return gpu_training.losses(bench, process)
    if section == "reference":
        return gpu_training.reference(bench)
    if section.startswith("train"):
        return gpu_training.train(bench, process, checkpointing=section == "train checkpointed")
    if process == "chat":
        return gpu_chat.speed(bench, trained_run(bench)) if section == "chat" else gpu_chat.adapter(bench, whole(bench))
    folder = bench.work / ("undisturbed" if process == "undisturbed" else "killed")
    if process != "resumed":
        copy_home(bench.home, folder)
    return gpu_training.part_of_resuming(bench, folder, kill=process == "killed", resume=process == "resumed")


def run_presets(bench: Bench) -> None:
    """Measure the memory of each preset of this size that the card can hold, with the back end that users get."""
    backend = "transformers" if find_spec("unsloth") is None or bench.is_miniature else "unsloth"
    machine = Report(bench).figures("transformers", "base") or {}
    for name in gpu_training.presets_of(bench.size, machine.get("gib", 0)):
        section = f"preset {name}"
        attempt(bench, "presets", section, partial(gpu_training.train, bench, backend, preset=name))
    bench.report(process="presets", section="presets")


def trained_run(bench: Bench) -> Path:
    """Return the run of a back end on the bench's base."""
    report = Report(bench)
    for process in ("unsloth", "transformers"):
        for section in ("train checkpointed", "train kept"):
            if found := report.figures(process, section):
                return Path(found["run"])
    raise ModelError("There is no trained adapter: no back end has trained one.", hint="See the sections before.")


def whole(bench: Bench) -> Path:
    """Return the run that was not disturbed."""
    found = Report(bench).figures("undisturbed", "undisturbed")
    if found is None:
        raise ModelError("There is no trained adapter: the undisturbed run failed.", hint="See the section before.")
    return Path(found["run"])


if __name__ == "__main__":
    sys.exit(main())
