from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from adapter_builder import build_run, strengthen
from invented import NAMES, conversation
from safetensors.torch import load_file
from typer.testing import CliRunner, Result

from ventriloquist import merge
from ventriloquist.cli.app import app
from ventriloquist.errors import ModelError, StorageError
from ventriloquist.model.adapter import load_adapter
from ventriloquist.model.base import Base, load_base, load_tokenizer
from ventriloquist.model.generate import sample_lines
from ventriloquist.model.manifest import read_manifest
from ventriloquist.store import lock_home, open_database
from ventriloquist.transcript import render

torch.set_num_threads(1)


@pytest.fixture(scope="session")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a run whose adapter does something."""
    return strengthen(build_run(tmp_path_factory.mktemp("runs") / "20240315-120000-000"))


def greedy(model: object, tokenizer: object) -> list[str]:
    prompts = [render(*conversation(messages, seed=messages)) for messages in (1, 3, 6, 9)]
    return sample_lines(model, tokenizer, prompts, temperature=0, max_new_tokens=40)


def test_the_merged_model_writes_the_same_greedy_lines(run: Path, tmp_path: Path) -> None:
    adapter = load_adapter(run)
    expected = greedy(adapter.model, adapter.tokenizer)
    with adapter.disabled() as bare:
        assert greedy(bare, adapter.tokenizer) != expected  # the adapter makes a difference
    merge.run(merge.plan(run, tmp_path / "merged"))
    base = Base(str(tmp_path / "merged"))
    assert greedy(load_base(base), load_tokenizer(base)) == expected


def test_after_training_in_4_bits_on_cuda_it_is_merged_in_16_on_the_cpu(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "quantized"
    shutil.copytree(run, folder)
    manifest = read_manifest(folder)
    manifest.model_copy(update={"settings": {**manifest.settings, "four_bit": True}}).write(folder)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)  # its card may not hold 16 bits a weight
    merge.run(merge.plan(folder, tmp_path / "merged"))
    weights = load_file(tmp_path / "merged" / "model.safetensors")
    assert {weight.dtype for weight in weights.values()} == {torch.bfloat16}


def test_the_folder_is_plain_private_and_says_what_it_is(run: Path, tmp_path: Path) -> None:
    summary = merge.run(merge.plan(run, tmp_path / "merged"))
    folder = tmp_path / "merged"
    names = {path.name for path in folder.iterdir()}
    assert {"config.json", "model.safetensors", "tokenizer.json", "manifest.json", "README.md", "Modelfile"} <= names
    assert not {name for name in names if "adapter" in name}
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    card = (folder / "README.md").read_text(encoding="utf-8")
    assert "private" in card
    assert all(name in card for name in NAMES)
    assert '"type": "dm"' in card
    assert "FROM ." in (folder / "Modelfile").read_text(encoding="utf-8")
    assert (summary.gguf, summary.run) == (None, run.name)
    assert not list(tmp_path.glob("*.partial"))


def test_programs_on_the_library_before_find_what_they_look_for(run: Path, tmp_path: Path) -> None:
    merge.run(merge.plan(run, tmp_path / "merged"))
    config = json.loads((tmp_path / "merged" / "config.json").read_text(encoding="utf-8"))
    assert config["rope_theta"] == config["rope_parameters"]["rope_theta"]
    tokenizer = json.loads((tmp_path / "merged" / "tokenizer_config.json").read_text(encoding="utf-8"))
    assert tokenizer["tokenizer_class"] == "PreTrainedTokenizerFast"


def test_a_merged_folder_can_be_chatted_with_but_not_compared(run: Path, tmp_path: Path) -> None:
    merge.run(merge.plan(run, tmp_path / "merged"))
    merged = load_adapter(tmp_path / "merged")
    assert merged.manifest.people == list(NAMES)
    with pytest.raises(ModelError, match="no base model"), merged.disabled():
        pass
    with pytest.raises(ModelError, match="merged already"):
        merge.plan(tmp_path / "merged", tmp_path / "again")


def test_a_folder_that_exists_is_left_alone(run: Path, tmp_path: Path) -> None:
    (tmp_path / "merged").mkdir()
    with pytest.raises(StorageError, match="exists already"):
        merge.plan(run, tmp_path / "merged")
    assert not list((tmp_path / "merged").iterdir())


def test_a_full_disk_is_one_line_and_leaves_nothing_behind(run: Path, tmp_path: Path) -> None:
    target = tmp_path / "merged"
    script = (
        "import resource, sys\n"
        "from pathlib import Path\n"
        "from ventriloquist.errors import StorageError\n"
        "from ventriloquist import merge\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"  # a file may not grow: like a full disk
        "import signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "try:\n    merge.run(merge.plan(Path(sys.argv[1]), Path(sys.argv[2])))\n"
        "except StorageError as error:\n    print(error.what)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(run), str(target)], capture_output=True, text=True, check=False
    )
    assert f"{target} cannot be written" in done.stdout, done.stderr
    assert list(tmp_path.glob("merged*")) == []


def test_what_lies_beside_the_new_folder_is_left_alone(run: Path, tmp_path: Path) -> None:
    for name in ("merged.partial", ".merged.partial", "merged.tmp"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "thesis.txt").write_text("mine")
    merge.run(merge.plan(run, tmp_path / "merged"))
    left = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("thesis.txt"))
    assert left == [".merged.partial/thesis.txt", "merged.partial/thesis.txt", "merged.tmp/thesis.txt"]
    assert not [path for path in tmp_path.glob(".merged.*") if path.name != ".merged.partial"]


def test_a_broken_link_in_the_new_folders_place_is_left_alone(run: Path, tmp_path: Path) -> None:
    (tmp_path / "merged").symlink_to(tmp_path / "unplugged")
    with pytest.raises(StorageError, match="exists already"):
        merge.plan(run, tmp_path / "merged")
    assert (tmp_path / "merged").is_symlink()


def test_folders_on_the_way_are_made_and_a_long_name_is_no_obstacle(run: Path, tmp_path: Path) -> None:
    merge.run(merge.plan(run, tmp_path / "new" / ("m" * 250)))
    assert (tmp_path / "new" / ("m" * 250) / "model.safetensors").exists()


def read_as_ollama_does(modelfile: str) -> dict[str, list[str]]:
    """Read a Modelfile by the rules of Ollama's parser: quotes hold whatever stands in them, there are no escapes."""
    values: dict[str, list[str]] = {}
    while modelfile := modelfile.lstrip():
        command, _, rest = modelfile.partition(" ")
        if command == "PARAMETER":
            command, _, rest = rest.partition(" ")
        quote = next((mark for mark in ('"""', '"') if rest.startswith(mark)), None)
        value, _, modelfile = rest.removeprefix(quote).partition(quote) if quote else rest.partition("\n")
        values.setdefault(command, []).append(value)
    return values


def test_ollama_stops_at_a_newline(run: Path, tmp_path: Path) -> None:
    merge.run(merge.plan(run, tmp_path / "merged"))
    read = read_as_ollama_does((tmp_path / "merged" / "Modelfile").read_text(encoding="utf-8"))
    assert read["stop"] == ["\n"]
    assert (read["TEMPLATE"], read["FROM"], read["num_ctx"]) == (["{{ .Prompt }}"], ["."], ["4096"])


def test_a_converter_writes_a_gguf_file_and_the_modelfile_names_it(run: Path, tmp_path: Path) -> None:
    converter = tmp_path / "convert_hf_to_gguf.py"
    converter.write_text(
        "import sys\nfrom pathlib import Path\n"
        "assert (Path(sys.argv[1]) / 'model.safetensors').exists()\n"
        "Path(sys.argv[sys.argv.index('--outfile') + 1]).write_bytes(b'GGUF')\n"
    )
    summary = merge.run(merge.plan(run, tmp_path / "merged", converter))
    assert Path(summary.gguf or "").read_bytes() == b"GGUF"
    assert "FROM ./model.gguf" in (tmp_path / "merged" / "Modelfile").read_text(encoding="utf-8")


def test_a_converter_that_fails_leaves_nothing_behind(run: Path, tmp_path: Path) -> None:
    converter = tmp_path / "convert_hf_to_gguf.py"
    converter.write_text("import sys\nsys.exit('this tokenizer is not known')\n")
    with pytest.raises(ModelError, match="this tokenizer is not known"):
        merge.run(merge.plan(run, tmp_path / "merged", converter))
    with pytest.raises(ModelError, match="not a file"):
        merge.plan(run, tmp_path / "merged", tmp_path / "nowhere.py")
    assert [path.name for path in tmp_path.iterdir() if "merged" in path.name] == []


def vq(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["merge", *arguments], catch_exceptions=False)


def recorded(home: Path) -> list[tuple[str, bool]]:
    with open_database(home) as db:
        rows = db.execute("SELECT parameters, finished_at IS NOT NULL FROM runs WHERE command = 'merge'")
        return [(json.loads(parameters)["folder"], bool(finished)) for parameters, finished in rows.fetchall()]


def test_a_merge_is_recorded_with_its_folder_and_a_refused_one_is_not(run: Path, home: Path, tmp_path: Path) -> None:
    with open_database(home, create=True):
        pass
    assert vq("--run", str(run), "--output", str(tmp_path / "mine")).exit_code == 0
    assert vq("--run", str(run), "--output", str(tmp_path / "mine")).exit_code == 1
    assert vq("--run", str(run)).exit_code == 0
    assert recorded(home) == [(str(tmp_path / "mine"), True), (f"exports/merged-{run.name}", True)]


def test_a_merge_is_turned_away_while_another_run_has_the_home(run: Path, home: Path, tmp_path: Path) -> None:
    with lock_home(home):
        result = vq("--run", str(run), "--output", str(tmp_path / "mine"))
    assert (result.exit_code, "Another vq run" in result.stderr) == (1, True)
    assert not (tmp_path / "mine").exists()


def test_an_empty_output_is_said_to_be_empty(run: Path, home: Path) -> None:
    result = vq("--run", str(run), "--output", "")
    assert (result.exit_code, "--output is empty" in result.stderr) == (2, True)


def test_the_command_reports_what_it_wrote(run: Path, home: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "ventriloquist", "merge", "--run", str(run), "--json"],
        capture_output=True,
        text=True,
        check=True,
    )
    summary = json.loads(done.stdout)
    assert summary["folder"] == str(home / "exports" / f"merged-{run.name}")
    assert (Path(summary["folder"]) / "model.safetensors").exists()
    assert "private" in done.stderr
