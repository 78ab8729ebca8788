"""The view of a training run: its figures, then a live line on a terminal or plain lines in a pipe."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from ventriloquist.cli.console import note

if TYPE_CHECKING:
    from rich.progress import Progress

    from ventriloquist.train import Estimate, Step

MEASURED_STEPS = 3  # then the time of the whole run is shown
LINES = 20  # plain lines in a pipe, at least; and one a minute
WIDE = 110  # columns; a narrower terminal shows less of a step


class TrainView:
    """Shows a run on stderr; in the main process alone, if several train together."""

    def __init__(self, *, shown: bool = True) -> None:
        self._is_shown = shown
        self._bar: Progress | None = None  # with one task
        self._planned = False
        self._shown = (0, 0.0)  # the share, in LINES, and the minute of the last plain line
        self._bits: float | None = None
        self._steps = 0

    def __enter__(self) -> TrainView:
        if self._is_shown and sys.stderr.isatty():
            from rich.console import Console
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            texts = TextColumn("{task.description}"), TextColumn("{task.fields[about]}")
            columns = (texts[0], BarColumn(bar_width=12), TaskProgressColumn(), texts[1])
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.add_task("Tokenising", total=None, about="")
            self._bar.start()
        return self

    def __exit__(self, *_error: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def progress(self, done: int, total: int) -> None:
        """Show how many lines are tokenised."""
        if self._bar is not None and not self._planned:
            self._bar.update(self._bar.task_ids[0], completed=done, total=total or None)

    def announce(self, estimate: Estimate) -> None:
        """Show the figures of a run before it starts."""
        if not self._is_shown:
            return
        self._planned = True
        for line in plan_lines(estimate):
            note(line)
        if self._bar is not None:
            self._bar.update(self._bar.task_ids[0], description="Loading the model", completed=0, total=None)

    def observe(self, step: Step) -> None:
        """Show a step."""
        self._steps += 1
        self._bits = self._bits if step.bits_per_character is None else step.bits_per_character
        if self._steps == MEASURED_STEPS and step.share < 1:
            seconds = 60 * step.minutes / step.step
            note(f"{MEASURED_STEPS} steps measured: {seconds:.1f} s each, about {duration(step.minutes_left)} to go")
        narrow = self._bar is not None and self._bar.console.width < WIDE
        about = step_text(step, self._bits, brief=narrow)
        if self._bar is not None:
            task = self._bar.task_ids[0]
            self._bar.update(task, description="Training", completed=step.share, total=1.0, about=about)
            return
        part, minute = self._shown
        news = self._steps == 1 or step.bits_per_character is not None
        if news or int(LINES * step.share) > part or step.minutes - minute >= 1:
            self._shown = int(LINES * step.share), step.minutes
            note(f"step {step.step:,} of {step.steps:,}, {about}")


def step_text(step: Step, bits: float | None, *, brief: bool = False) -> str:
    """Return a step, with the bits of the last validation, as one line. Brief: without speed and memory."""
    parts = [f"{duration(step.minutes_left)} left", f"loss {step.loss:.3f}"]
    if bits is not None:
        parts.append(f"validation {bits:.3f} bits/char")
    if not brief:
        parts += [f"{step.tokens_per_second:,.0f} tokens/s", f"{step.memory_gib:.1f} GiB"]
    return ", ".join(parts)


def duration(minutes: float) -> str:
    """Return minutes as text for people."""
    if minutes < 1:
        return f"{60 * minutes:.0f} s"
    return f"{minutes:.0f} min" if minutes < 120 else f"{minutes / 60:.1f} h"


def _counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def plan_lines(plan: Estimate) -> list[str]:
    """Return the figures of a run as lines of text."""
    share = plan.supervised_tokens_per_epoch / max(1, plan.tokens_per_epoch)
    saving = plan.window_tokens_per_epoch / max(1, plan.tokens_per_epoch)
    free = " free" if plan.device == "cpu" else ""
    memory = ", ".join(f"{part} {size:.2f}" for part, size in plan.memory_gib.items())
    lines = [
        f"{plan.model} with {plan.backend} on {plan.device} ({plan.backend_reason}):"
        f" {plan.trainable_parameters:,} trainable parameters",
        f"{_counted(plan.targets - plan.dropped_targets, 'message')} of {_counted(plan.conversations, 'conversation')};"
        f" {_counted(plan.steps, 'step')}, {plan.steps_per_epoch:,} an epoch",
        f"{plan.tokens_per_epoch:,} tokens an epoch, {share:.0%} with loss; {saving:,.0f} times that as literal"
        " windows",
        f"memory in GiB: {memory}; {plan.device} has {plan.available_gib:.0f}{free}",
    ]
    if plan.bfloat16 is not None and plan.bfloat16_speedup is not None:
        kind = "bfloat16" if plan.bfloat16 else "float32"
        lines.append(f"trains in {kind}: this CPU multiplies {plan.bfloat16_speedup:.1f} times as fast in bfloat16")
    if plan.device != "cpu":
        lines.append(f"gradient checkpointing is {'on' if plan.gradient_checkpointing else 'off'}")
    if plan.offloaded_gib:
        lines.append(f"{plan.offloaded_gib:.2f} GiB of hidden states lie in the machine's memory instead (Unsloth)")
    if plan.minutes is not None and plan.seconds_per_step is not None:
        lines.append(f"about {plan.seconds_per_step:.1f} s a step, {duration(plan.minutes)} in all (measured)")
    if plan.shortened_targets:
        lines.append(
            f"{_counted(plan.shortened_targets, 'message')} with less context than planned, to fit into --max-length"
        )
    if plan.dropped_targets:
        places = [f"{m.position} of conversation {m.conversation} ({m.tokens:,} tokens)" for m in plan.dropped[:3]]
        more = ["…"] if plan.dropped_targets > len(places) else []
        lines.append(
            f"{_counted(plan.dropped_targets, 'message')} left out, longer with the header than a row"
            f" (see --max-length): {', '.join(places + more)}"
        )
    if plan.processes == 1 and plan.visible_gpus > 1:
        lines.append(
            f"{plan.visible_gpus} GPUs are visible, one is used; for all:"
            f" torchrun --nproc-per-node {plan.visible_gpus} -m ventriloquist train …"
        )
    lines += plan.advice
    if plan.model == "tiny":
        lines.append("tiny has random weights and is for tests: it will not write anything worth reading")
    return lines
