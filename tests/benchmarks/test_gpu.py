"""The script that measures a card: its miniature on a CPU, its arithmetic, and what it does when a part fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))

import gpu
import gpu_training
from gpu_arithmetic import arithmetic, flop, peak_of, work_a_token
from gpu_base import MINIATURE, SHAPES, Bench, qwen3_config
from gpu_report import Report

from ventriloquist.errors import ModelError
from ventriloquist.model.fit import skeleton
from ventriloquist.train import TrainSettings

PARAMETERS = {"0.6B": 596_049_920, "1.7B": 1_720_574_976, "4B": 4_022_468_096, "8B": 8_190_735_360}  # as published


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, gpu.__file__, "--cpu-miniature", "--minutes", "30", *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1", **environment},
    )


@pytest.mark.slow
def test_the_miniature_runs_every_section_on_a_cpu_and_all_of_them_agree() -> None:
    done = run()
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout
    titles = re.findall("^### (.*)$", said, re.MULTILINE)
    assert titles == [
        "The machine",
        "Loss of the same rows",
        "Speed of training",
        "A run that is killed (kill -9) and resumed",
        "An adapter that is saved, reloaded and merged",
        "Chat",
        "Memory against the plan",
    ]
    assert re.search(r"Versions: ventriloquist \S+, Python 3\S+, torch \S+, transformers 5\.17", said)
    first, exact = (
        [float(loss) for loss in re.search(rf"^\| {name} \| ([\d., ]+) \|", said, re.MULTILINE)[1].split(", ")]  # type: ignore[index]
        for name in ("transformers", "float64")
    )
    assert first == pytest.approx(exact, abs=1e-4)
    assert len(first) == gpu_training.LOSS_ROWS
    for state in ("on", "off"):
        assert re.search(rf"^\| transformers \| {state} \| [\d,]+ \| \d", said, re.MULTILINE)
    assert "(MFU)" in said
    assert "killed in step 4" in said
    assert "the adapters by 0.0e+00 of their size. Equal exactly: yes." in said
    trained, *others = re.findall(
        r"^\| (?:as trained|reloaded|merged in memory|merged on disk) \| ([\d.]+) \|$", said, re.MULTILINE
    )
    assert len(others) == 3
    assert [float(bits) for bits in others] == pytest.approx([float(trained)] * 3, abs=1e-4)
    speeds = re.findall(
        r"^\| (?:beside the base|merged in memory) \| \d+ \| \S+ \| \S+ \| ([\d.]+) \|$", said, re.MULTILINE
    )
    assert len(speeds) == 2
    assert all(float(speed) > 0 for speed in speeds)
    assert re.search(r"^\| transformers \| as chosen \| 512 \| [\d.]+ \| [\d.]+ \| \d+% \|", said, re.MULTILINE)
    assert "| preset" not in said.split("### Memory")[0]
    assert said.rstrip().endswith("Failed: 0.")


def test_a_base_that_cannot_be_made_is_one_line_and_an_exit_code(tmp_path: Path) -> None:
    done = run("--home", str(tmp_path / "nowhere"))
    assert done.returncode == 1
    assert "ventriloquist.db" in done.stdout
    assert done.stdout.rstrip().splitlines()[-1].startswith("- transformers, base: ")
    assert "Traceback" not in done.stdout


def bench(work: Path) -> Bench:
    return Bench(work, MINIATURE)


def test_a_section_that_fails_is_one_line_and_the_next_one_runs(tmp_path: Path) -> None:
    def fail() -> dict[str, object]:
        raise RuntimeError("CUDA error: out of luck\nCompile with TORCH_USE_CUDA_DSA | for more")

    gpu.attempt(bench(tmp_path), "transformers", "losses", fail)
    gpu.attempt(bench(tmp_path), "transformers", "reference", lambda: {"losses": [1.0]})
    report = Report(bench(tmp_path))
    lines = report.losses()
    assert "| transformers | RuntimeError: CUDA error: out of luck | | |" in lines
    assert "| float64 | 1.00000 | | |" in lines


def test_what_the_plan_refuses_is_left_out_and_is_no_failure(tmp_path: Path) -> None:
    def refuse() -> dict[str, object]:
        raise ModelError("x needs about 96 GiB to train; cuda has 79 GiB.", hint="Use --four-bit.")

    gpu.attempt(bench(tmp_path), "transformers", "train kept", refuse)
    (result,) = bench(tmp_path).results()
    assert (result.get("skipped"), "error" in result) == ("x needs about 96 GiB to train; cuda has 79 GiB.", False)


def test_sections_after_the_time_is_over_are_left_out(tmp_path: Path) -> None:
    gpu.start(bench(tmp_path), "chat", time.monotonic() - 1)
    assert {one["skipped"] for one in bench(tmp_path).results()} == {"left out: the time was over"}


def test_losses_that_are_not_the_reference_s_are_a_problem(tmp_path: Path) -> None:
    bench(tmp_path).report(process="transformers", section="reference", figures={"losses": [8.0]})
    bench(tmp_path).report(process="transformers", section="losses", figures={"losses": [8.01], "gradient": 1.0})
    report = Report(bench(tmp_path))
    report.losses()
    assert report.problems == ["the loss of transformers is 0.01 off float64"]


@pytest.mark.parametrize("size", PARAMETERS)
def test_each_base_has_the_published_number_of_parameters(size: str) -> None:
    assert skeleton(qwen3_config(SHAPES[size]), size).num_parameters() == PARAMETERS[size]


def test_the_presets_of_a_size_are_those_that_the_card_holds() -> None:
    large, small = (gpu_training.presets_of("8B", gib) for gib in (79.2, 22.5))
    assert set(small) < set(large)
    assert {gpu_training.preset_settings(name).model for name in large} == {"unsloth/Qwen3-8B-Base"}
    assert gpu_training.presets_of("8B", 8) == []


def test_a_token_of_the_8b_base_costs_what_the_docs_say() -> None:
    settings = TrainSettings(rank=128, alpha=256, gradient_checkpointing=True)
    config = qwen3_config(SHAPES["8B"])
    parts = work_a_token(config, settings, context=5400, supervised=64 / 163)
    by_name = {part.what: part.passes * part.operations / 1e9 for part in parts}
    assert by_name == pytest.approx({"linears": 41.7, "LoRA": 2.8, "attention": 7.2, "head": 1.0}, rel=0.05)
    assert flop(parts) / 1e9 == pytest.approx(53, abs=1)
    kept = work_a_token(config, settings.changed(gradient_checkpointing=False), context=5400, supervised=64 / 163)
    assert flop(parts, recomputed=False) == flop(kept, recomputed=False) < flop(kept) < flop(parts)
    shown = arithmetic(parts, 7500, "NVIDIA H100 80GB HBM3", 1.0)
    assert "of the published peak, 989 TFLOP/s (MFU)" in shown[1]


def test_the_peak_of_a_card_is_found_by_its_name() -> None:
    names = {
        "NVIDIA H100 80GB HBM3": 989e12,
        "NVIDIA H100 PCIe": 756e12,
        "NVIDIA A100-SXM4-80GB": 312e12,
        "NVIDIA GeForce RTX 4090": 165e12,
        "NVIDIA L4": 121e12,
        "NVIDIA L40S": 362e12,
        "NVIDIA RTX A1000": None,
        "NVIDIA GeForce RTX 4090 Laptop GPU": None,
        "NVIDIA Q200": None,
    }
    assert {name: peak_of(name) for name in names} == names
