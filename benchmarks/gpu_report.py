"""The report of benchmarks/gpu.py, as Markdown: a table for each section, from what the processes have found."""

from __future__ import annotations

import math
import platform
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from gpu_arithmetic import Part, arithmetic
from gpu_base import KILLED_AT, Bench

PACKAGES = ("torch", "transformers", "peft", "accelerate", "unsloth", "unsloth_zoo", "bitsandbytes", "triton")
BACKENDS = ("transformers", "unsloth")
SAME = {"cpu": 1e-4, "cuda": 0.02}  # nats a token, bits a character: what rounding to bf16 explains
RESUMED = {"cpu": 0.0, "cuda": 0.2}  # of an adapter's size: sums on a card are not in a fixed order


class Report:
    """What the processes have found so far, and what of it is wrong."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.results = {(one["process"], one["section"]): one for one in bench.results()}
        self.problems: list[str] = []

    def figures(self, process: str, section: str) -> dict[str, Any] | None:
        """Return what a section found; None if it failed or did not run."""
        return self.results.get((process, section), {}).get("figures")

    def why_not(self, process: str, section: str) -> str:
        """Return in one line why a section found nothing."""
        result = self.results.get((process, section), {})
        return str(result.get("error") or result.get("skipped") or "not installed")

    def check(self, good: bool, what: str) -> str:
        """Return the word for a check, and remember what failed."""
        if not good:
            self.problems.append(what)
        return "yes" if good else "NO"

    def machine(self) -> list[str]:
        found = self.figures("transformers", "base")
        versions = [f"Python {platform.python_version()}"]
        for name in PACKAGES:
            try:
                versions.append(f"{name} {version(name)}")
            except PackageNotFoundError:
                versions.append(f"no {name}")
        if found is None:
            return [" · ".join(versions), "", f"No base: {self.why_not('transformers', 'base')}"]
        on = (
            f"{found['card']}, {found['gib']:.1f} GiB, compute capability {found['capability']}, CUDA {found['cuda']}"
            if "card" in found
            else f"{platform.processor() or platform.machine()}, {found['threads']} threads"
        )
        return [
            f"- Device: {on}",
            f"- Versions: ventriloquist {version('ventriloquist-cli')}, {', '.join(versions)}",
            f"- Base: Qwen3's architecture, {found['size']}, {found['parameters']:,} random parameters",
            f"- A plain matrix product reaches {found['product'] / 1e12:.3g} TFLOP/s",
        ]

    def losses(self) -> list[str]:
        exact = self.figures("transformers", "reference")
        lines = ["| | nats a token, by row | off float64 by at most | norm of the gradient |", "|---|---|---|---|"]
        norms = []
        for name in BACKENDS:
            found = self.figures(name, "losses")
            if found is None:
                lines.append(f"| {name} | {self.why_not(name, 'losses')} | | |")
                continue
            norms.append(found["gradient"])
            off = _largest_difference(found["losses"], exact["losses"]) if exact else None
            if off is not None:
                limit = SAME["cuda" if name == "unsloth" else self.bench.device]  # it computes in bf16 on a CPU, too
                self.check(off <= limit, f"the loss of {name} is {off:.2g} off float64")
            shown = ", ".join(f"{loss:.5f}" for loss in found["losses"])
            lines.append(f"| {name} | {shown} | {'?' if off is None else f'{off:.1e}'} | {found['gradient']:.5g} |")
        shown = (
            ", ".join(f"{loss:.5f}" for loss in exact["losses"]) if exact else self.why_not("transformers", "reference")
        )
        lines.append(f"| float64 | {shown} | | |")
        if len(norms) == len(BACKENDS):
            self.check(max(norms) <= 1.05 * min(norms), "the gradients of the back ends differ")
        return lines

    def speed(self) -> list[str]:
        lines = ["| | gradient checkpointing | tokens a second | loss and gradient of step 1 |", "|---|---|---|---|"]
        shown = []
        machine = self.figures("transformers", "base") or {}
        for name in BACKENDS:
            for section, kept in (("train checkpointed", "on"), ("train kept", "off")):
                found = self.figures(name, section)
                if found is None:
                    lines.append(f"| {name} | {kept} | {self.why_not(name, section)} | |")
                    continue
                first = f"{found['loss']:.4f}, {found['gradient']:.4g}"
                lines.append(f"| {name} | {kept} | {found['tokens_a_second']:,.0f} | {first} |")
                parts = [Part(*part) for part in found["work"]]
                card, product = machine.get("card", ""), machine.get("product", math.nan)
                shown += ["", f"{name}, checkpointing {kept}:", ""]
                shown += arithmetic(parts, found["tokens_a_second"], card, product)
        return lines + shown

    def memory(self) -> list[str]:
        lines = [
            "| | preset | longest row | plan, GiB | peak, GiB | peak is | the plan's parts |",
            "|---|---|---|---|---|---|---|",
        ]
        for (process, section), result in self.results.items():
            if not section.startswith(("train ", "preset")) or (section == "presets" and len(result) == 2):
                continue  # the last one: all presets are done
            what = section.removeprefix("preset ")
            what = {"train checkpointed": "as chosen", "train kept": "the same, no checkpointing"}.get(what, what)
            found = result.get("figures")
            if found is None:
                lines.append(f"| {process} | {what} | {self.why_not(process, section)} | | | | |")
                continue
            plan = dict(found["plan_gib"])
            total = plan.pop("total")
            parts = ", ".join(f"{name} {gib:.2f}" for name, gib in plan.items())
            what += ", 4 bits" * found["four_bit"]
            lines.append(
                f"| {found['backend']} | {what} | {found['row']:,}"
                f" | {total:.2f} | {found['peak_gib']:.2f} | {found['peak_gib'] / total:.0%} | {parts} |"
            )
        on_card = "The peak is what torch's allocator has reserved, with CUDA's context."
        on_cpu = "The peak is the most that the process has held so far, in all of its sections."
        return [*lines, "", on_card if self.bench.device == "cuda" else on_cpu]

    def resumed(self) -> list[str]:
        whole, again = (self.figures(name, name) for name in ("undisturbed", "resumed"))
        killed = self.results.get(("killed", "killed"), {})
        if whole is None or again is None:
            name = "undisturbed" if whole is None else "resumed"
            return [f"Not compared: {self.why_not(name, name)}"]
        if not killed.get("killed"):
            self.problems.append("the run that was to be killed was not")
        size, apart = _apart(whole["run"], again["run"])
        losses = _largest_difference(whole["losses"], again["losses"])
        limit = RESUMED[self.bench.device]
        same = self.check(apart <= limit * size, "a resumed run ends elsewhere than an undisturbed one")
        return [
            f"{len(whole['losses'])} steps with {whole['backend']}, killed in step {KILLED_AT}.",
            "",
            "| | undisturbed | killed and resumed |",
            "|---|---|---|",
            *(
                f"| loss of step {number} | {one:.6f} | {other:.6f} |"
                for number, (one, other) in enumerate(zip(whole["losses"], again["losses"], strict=True), 1)
            ),
            f"| validation, bits a character | {whole['bits']:.6f} | {again['bits']:.6f} |",
            "",
            f"The losses differ by at most {losses:.1e}, the adapters by {apart / size:.1e} of their size. Equal"
            f" {'exactly' if not limit else f'to {limit:g}'}: {same}.",
        ]

    def adapter(self) -> list[str]:
        found = self.figures("chat", "adapter")
        if found is None:
            return [f"Not measured: {self.why_not('chat', 'adapter')}"]
        trained = found["bits"]["as trained"]
        off = max(abs(bits - trained) for bits in found["bits"].values())
        good = self.check(
            off <= SAME[self.bench.device], f"an adapter is {off:.2g} bits off after it was saved or merged"
        )
        return [
            "| adapter | validation, bits a character |",
            "|---|---|",
            *(f"| {state} | {bits:.6f} |" for state, bits in found["bits"].items()),
            "",
            f"The adapter moves logits by up to {found['moved']:.3g}; merging it in memory moves them by up to"
            f" {found['rounded']:.3g}. The same to {SAME[self.bench.device]:g} bits: {good}.",
        ]

    def chat(self) -> list[str]:
        found = self.figures("chat", "chat")
        if found is None:
            return [f"Not measured: {self.why_not('chat', 'chat')}"]
        lines = [
            "| adapter | context, tokens | first token, s | first token of the next answer, s | tokens a second |",
            "|---|---|---|---|---|",
        ]
        for state, speed in found["speed"].items():
            opening, following = speed["opening"], speed["next"]
            lines.append(
                f"| {state} | {speed['context']:,} | {opening['first_s']:.3f} | {following['first_s']:.3f}"
                f" | {following['tokens_a_second']:.1f} |"
            )
        if "not_merged" in found:
            lines.append(f"| merged in memory | not merged: {found['not_merged']} | | | |")
        return lines


def _largest_difference(one: list[float], other: list[float]) -> float:
    return max((abs(a - b) for a, b in zip(one, other, strict=True)), default=math.nan)


def _apart(one: str, other: str) -> tuple[float, float]:
    """Return the norm of what a run learnt, and how far another run's is from it. LoRA's B starts from zero."""
    import numpy as np
    from safetensors.numpy import load_file

    first, second = (load_file(f"{run}/adapter_model.safetensors") for run in (one, other))
    learnt = [name for name in first if "lora_B" in name]
    size = math.sqrt(sum(float(np.square(first[name], dtype=np.float64).sum()) for name in learnt))
    apart = math.sqrt(sum(float(np.square(first[name] - second[name], dtype=np.float64).sum()) for name in learnt))
    return size, apart
