from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import random
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from exported import export
from file_builder import DAY, NOON, Conversation, Message, Reaction, chat, filled
from stages import prepare

from ventriloquist.errors import NotReadyError, StorageError
from ventriloquist.export import ExportOptions, plan, run, stream
from ventriloquist.export.rows import Format
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import Connection, open_database, recorded_run
from ventriloquist.transcript import parse

FORMATS: tuple[Format, ...] = ("blocks", "prompt-completion", "windows")


def long_chat(lines: int = 130) -> Conversation:
    return chat(*(f'line {index} "quoted" \\ 😂 <b> \u2028' for index in range(lines)))


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def straightforward(db: Connection, split: str) -> bytes:
    """Write windows as one would first: every line rendered for its window, then the row dumped."""
    written = io.BytesIO()
    query = "SELECT conversation_id, type, members, messages FROM training_conversations ORDER BY 1"
    for id, type, members, messages in db.execute(query).fetchall():
        header = {"type": type, "members": json.loads(members)}
        lines = db.execute(
            "SELECT day, sender, delta, content, split FROM training_messages WHERE conversation_id = ?"
            " ORDER BY position",
            (id,),
        ).fetchall()
        for target in range(messages):
            if lines[target][4] != split:
                continue
            window = lines[max(0, target - 99) : target + 1]
            text = json.dumps(header | {"start": window[0][0]}, ensure_ascii=False) + "\n"
            for _, sender, delta, content, _ in window:
                line = json.dumps({"name": sender, "delta": delta, "content": content}, ensure_ascii=False)
                text += line.replace("<b>", "\\u003cb>") + "\n"
            written.write(json.dumps({"text": text}, ensure_ascii=False).encode() + b"\n")
    return written.getvalue()


def test_windows_are_byte_for_byte_what_the_straightforward_way_writes(home: Path) -> None:
    with filled(home, [long_chat(), chat("hi", "hello", other="Kim")]) as db:
        prepare(db)
        export(db, home / "exports", ExportOptions("windows"))
        assert (home / "exports" / "training_windows.jsonl").read_bytes() == straightforward(db, "train")
        export(db, home / "exports", ExportOptions("windows", "test"))
        assert (home / "exports" / "test_windows.jsonl").read_bytes() == straightforward(db, "test")
        assert (home / "exports" / "training_windows.jsonl").read_bytes() == straightforward(db, "train")


def test_loss_spans_are_exactly_the_target_lines(home: Path) -> None:
    with filled(home, [long_chat(200)]) as db:
        prepare(db)
        export(db, home / "exports", ExportOptions(targets_per_window=50))
        lines = [line for (line,) in db.execute("SELECT line FROM training_messages ORDER BY position")]
    trained = []
    for row in rows(home / "exports" / "train.jsonl"):
        parse(row["text"])
        trained += [row["text"][start:end] for start, end in row["loss_spans"]]
    assert trained == [line + "\n" for line in lines[:180]]
    assert len(rows(home / "exports" / "train.jsonl")) == 4


def test_the_manifest_says_what_each_file_holds(home: Path) -> None:
    with filled(home, [long_chat()]) as db:
        prepare(db)
        summary = export(db, home / "exports", ExportOptions())
        export(db, home / "exports", ExportOptions("windows", gzip=True))
    listed = json.loads((home / "exports" / "manifest.json").read_text())["files"]
    assert [file["name"] for file in listed] == [
        *("test.jsonl", "train.jsonl", "training_windows.jsonl.gz", "validation.jsonl")
    ]
    for file in listed:
        data = (home / "exports" / file["name"]).read_bytes()
        assert (file["bytes"], file["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    assert sum(file.targets for file in summary.files) == 130
    by_name = {file["name"]: file for file in listed}
    assert by_name["train.jsonl"]["targets_per_window"] == 64
    assert (by_name["training_windows.jsonl.gz"]["format"], by_name["training_windows.jsonl.gz"]["rows"]) == (
        "windows",
        118,
    )


def test_an_export_replaces_what_the_manifest_said_of_it(home: Path) -> None:
    with filled(home, [long_chat()]) as db:
        prepare(db)
        export(db, home / "exports", ExportOptions())
        (home / "exports" / "validation.jsonl").unlink()
        export(db, home / "exports", ExportOptions("prompt-completion", "train"))
    listed = json.loads((home / "exports" / "manifest.json").read_text())["files"]
    assert {file["name"]: file["format"] for file in listed} == {
        "test.jsonl": "blocks",
        "train.jsonl": "prompt-completion",
    }


@pytest.mark.parametrize(
    "manifest", ['{"name": "my app"}', "[]", '{"files": ["a.js"]}', '{"files": {"a": 1}}', "no JSON"]
)
def test_another_programs_manifest_is_not_overwritten(home: Path, tmp_path: Path, manifest: str) -> None:
    (tmp_path / "manifest.json").write_text(manifest)
    with filled(home, [long_chat()]) as db:
        prepare(db)
        with pytest.raises(StorageError, match="another program's"):
            export(db, tmp_path, ExportOptions())
    assert (tmp_path / "manifest.json").read_text() == manifest
    assert not (tmp_path / "train.jsonl").exists()


def test_a_file_that_no_export_wrote_is_not_overwritten(home: Path, tmp_path: Path) -> None:
    (tmp_path / "test.jsonl").write_text("mine")
    with filled(home, [long_chat()]) as db:
        prepare(db)
        for options in (ExportOptions(), ExportOptions(split="test")):
            with pytest.raises(StorageError, match=r"test\.jsonl is another program's"):
                export(db, tmp_path, options)
        assert (tmp_path / "test.jsonl").read_text() == "mine"
        export(db, tmp_path, ExportOptions(split="train"))
        (tmp_path / "test.jsonl").unlink()
        export(db, tmp_path, ExportOptions())
        export(db, tmp_path, ExportOptions())  # its own files are replaced
        (tmp_path / "manifest.json").rename(tmp_path / ".manifest.json.partial")  # killed before its last step
        export(db, tmp_path, ExportOptions())
        for name in (".train.jsonl.partial", ".manifest.json.partial"):  # killed while it wrote
            (tmp_path / "manifest.json").unlink(missing_ok=True)
            (tmp_path / name).write_text('{"fi')
            with pytest.raises(StorageError, match="another program's"):
                export(db, tmp_path, ExportOptions())


@pytest.mark.parametrize("format", FORMATS)
def test_files_are_for_the_owner_alone_whatever_the_umask(home: Path, format: Format) -> None:
    with filled(home, [long_chat()]) as db:
        prepare(db)
        before = os.umask(0)
        try:
            export(db, home / "exports", ExportOptions(format))
            export(db, home / "exports", ExportOptions(format))
        finally:
            os.umask(before)
    assert stat.S_IMODE((home / "exports").stat().st_mode) == 0o700
    for path in (home / "exports").iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path


def test_a_folder_of_the_users_own_keeps_its_mode(home: Path, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir(mode=0o755)
    with filled(home, [long_chat()]) as db:
        prepare(db)
        export(db, folder, ExportOptions())
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755


@pytest.mark.parametrize("format", FORMATS)
def test_gzip_holds_the_same_rows_and_is_the_same_again(home: Path, format: Format) -> None:
    options = ExportOptions(format, "train")
    packed = ExportOptions(format, "train", gzip=True)
    with filled(home, [long_chat()]) as db:
        prepare(db)
        export(db, home / "exports", options)
        plain = (home / "exports" / options.file_name("train")).read_bytes()
        export(db, home / "exports", packed)
        first = (home / "exports" / packed.file_name("train")).read_bytes()
        export(db, home / "exports", packed)
        assert (home / "exports" / packed.file_name("train")).read_bytes() == first
    assert gzip.decompress(first) == plain


def test_a_stream_is_the_file_of_one_split(home: Path) -> None:
    with filled(home, [long_chat()]) as db:
        prepare(db)
        for split in (None, "test"):
            export(db, home / "exports", ExportOptions())
            written = io.BytesIO()
            options = ExportOptions(split=split)  # type: ignore[arg-type]
            assert stream(db, plan(db, None, options), written) == len(
                rows(home / "exports" / f"{split or 'train'}.jsonl")
            )
            assert written.getvalue() == (home / "exports" / f"{split or 'train'}.jsonl").read_bytes()


def test_a_stream_to_a_terminal_cannot_drive_it_and_has_the_same_values(home: Path) -> None:
    with filled(home, [chat(*["\x9b31m \u202e hi"] * 20)]) as db:
        prepare(db)
        plain, shown = io.BytesIO(), io.BytesIO()
        stream(db, plan(db, None, ExportOptions()), plain)
        stream(db, plan(db, None, ExportOptions()), shown, is_terminal=True)
    assert "\x9b" in plain.getvalue().decode()
    assert not {"\x9b", "\u202e"} & set(shown.getvalue().decode())
    assert [json.loads(row) for row in shown.getvalue().splitlines()] == [
        json.loads(row) for row in plain.getvalue().splitlines()
    ]


def test_a_stream_can_be_compressed(home: Path) -> None:
    with filled(home, [long_chat()]) as db:
        prepare(db)
        plain, packed = io.BytesIO(), io.BytesIO()
        rows = stream(db, plan(db, None, ExportOptions()), plain)
        assert stream(db, plan(db, None, ExportOptions(gzip=True)), packed) == rows
    assert gzip.decompress(packed.getvalue()) == plain.getvalue()


@pytest.mark.parametrize("format", FORMATS)
def test_a_split_with_nothing_in_it_has_no_file(home: Path, format: Format) -> None:
    with filled(home, [chat("hi", "hello")]) as db:
        prepare(db)
        options = ExportOptions(format, "test" if format == "windows" else None)
        summary = export(db, home / "exports", options)
    assert summary.empty == (("test",) if format == "windows" else ("validation", "test"))
    names = {path.name for path in (home / "exports").iterdir()}
    assert names == {"manifest.json"} | ({"train.jsonl"} if format != "windows" else set())
    listed = json.loads((home / "exports" / "manifest.json").read_text())["files"]
    assert {file["name"] for file in listed} | {"manifest.json"} == names


def test_the_file_of_an_earlier_export_goes_when_its_split_is_empty_now(home: Path) -> None:
    with filled(home, [long_chat()]) as db:
        prepare(db)
        export(db, home / "exports", ExportOptions())
        (home / "exports" / "test.jsonl.gz").write_text("mine")  # no export's: the manifest does not list it
        prepare(db, PrepareOptions(split_date="2999-01-01"))
        summary = export(db, home / "exports", ExportOptions())
    assert summary.empty == ("validation", "test")
    assert {path.name for path in (home / "exports").iterdir()} == {"train.jsonl", "manifest.json", "test.jsonl.gz"}


def test_datasets_reads_the_folder_of_an_export_with_empty_splits(home: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    with filled(home, [chat("hi", "hello")]) as db:
        prepare(db)
        export(db, home / "exports", ExportOptions("prompt-completion"))
    loaded = datasets.load_dataset(str(home / "exports"), cache_dir=str(tmp_path / "cache"))
    assert {split: len(rows) for split, rows in loaded.items()} == {"train": 2}


def test_before_prepare_nothing_is_made(home: Path) -> None:
    with filled(home, [chat("hi")]):
        pass
    with (
        pytest.raises(NotReadyError, match="prepared"),
        recorded_run(home, "export", plan=lambda db: plan(db, home / "exports", ExportOptions())),
    ):
        pass
    with open_database(home) as db:
        with pytest.raises(NotReadyError):
            export(db, home / "exports", ExportOptions())
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (0,)
    assert not (home / "exports").exists()


def test_a_disk_that_is_too_small_is_told_before_anything_is_written(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with filled(home, [long_chat()]) as db:
        prepare(db)
        export(db, home / "exports", ExportOptions())
        before = {path.name: path.read_bytes() for path in (home / "exports").iterdir()}
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1000))
        with pytest.raises(StorageError, match="GB"):
            export(db, home / "exports", ExportOptions("windows"))
    assert {path.name: path.read_bytes() for path in (home / "exports").iterdir()} == before


def test_what_a_killed_export_left_counts_as_free_space(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled(home, [long_chat()]) as db:
        prepare(db)
        needed = plan(db, home / "exports", ExportOptions()).bytes
        (home / "exports").mkdir()
        left = home / "exports" / ".train.jsonl.partial"
        left.write_bytes(bytes(needed))
        monkeypatch.setattr(shutil, "disk_usage", lambda _path: SimpleNamespace(free=1000))
        export(db, home / "exports", ExportOptions())
    assert not left.exists()


def test_a_plan_makes_no_folder_and_an_impossible_one_is_no_run(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with filled(home, [long_chat()]) as db:
        prepare(db)
        assert plan(db, home / "new" / "exports", ExportOptions()).targets == 130
    assert not (home / "new").exists()
    for folder in (tmp_path / "file", tmp_path / "file" / "exports"):
        with (
            pytest.raises(StorageError, match="cannot be written"),
            recorded_run(home, "export", plan=lambda db, folder=folder: plan(db, folder, ExportOptions())),
        ):
            pass
    with open_database(home) as db:
        assert db.execute("SELECT count(*) FROM runs").fetchone() == (0,)


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written_in_is_found_by_the_plan(home: Path, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    with filled(home, [long_chat()]) as db:
        prepare(db)
        with pytest.raises(StorageError, match="Permission denied"):
            plan(db, tmp_path / "locked" / "exports", ExportOptions())


FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from ventriloquist.store import open_database
from ventriloquist.errors import StorageError
from ventriloquist.export import ExportOptions, plan, run

home = Path(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open_database(home) as db:
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, resource.RLIM_INFINITY))
    try:
        run(db, plan(db, home / "exports", ExportOptions("windows")))
    except StorageError as error:
        print(error.what)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
"""


def test_a_file_that_cannot_be_finished_leaves_the_old_one_and_no_rest(home: Path) -> None:
    with filled(home, [long_chat()]) as db:
        prepare(db)
        export(db, home / "exports", ExportOptions("windows", "test"))
    before = {path.name: path.read_bytes() for path in (home / "exports").iterdir()}
    done = subprocess.run([sys.executable, "-c", FULL_DISK, str(home)], capture_output=True, text=True, check=True)
    assert "cannot be written" in done.stdout
    assert {path.name: path.read_bytes() for path in (home / "exports").iterdir()} == before


def test_a_folder_that_is_a_file_is_one_line(home: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with filled(home, [long_chat()]) as db:
        prepare(db)
        with pytest.raises(StorageError):
            export(db, tmp_path / "file", ExportOptions())


@pytest.mark.parametrize("format", FORMATS)
def test_the_size_that_is_foretold_is_close(home: Path, format: Format) -> None:
    with filled(home, [long_chat(400)]) as db:
        prepare(db)
        options = ExportOptions(format)
        planned = plan(db, home / "exports", options)
        actual = sum(file.bytes for file in run(db, planned).files)
    assert actual <= planned.bytes <= 1.3 * actual


def test_the_order_in_which_a_source_delivers_its_rows_does_not_matter(tmp_path: Path) -> None:
    def conversations() -> list[Conversation]:
        rng = random.Random(5)
        found = []
        for number in range(3):
            messages = [
                Message(
                    rng.choice(["Aidan Allchin", f"Person {number}"]),
                    rng.choice(["a\nb", "good morning to you all", "call 555-0188", f"text {index}"]),
                    sent_at=NOON + rng.randrange(20) * 60_000,
                    source_rowid=rng.randrange(5),
                    guid=f"{number}-{index}",
                    reply_to=f"{number}-{rng.randrange(40)}" if rng.random() < 0.2 else None,
                    attachments=[("image/png", None, None)] if rng.random() < 0.1 else [],
                )
                for index in range(40)
            ]
            reactions = [
                Reaction(f"Person {number}", f"{number}-{n}", guid=f"r{number}-{n}", sent_at=NOON + DAY)
                for n in range(5)
            ]
            found.append(Conversation(messages, reactions=reactions, members=[f"Person {number}"]))
        return found

    written = []
    for seed in range(3):
        home = tmp_path / str(seed)
        chats = conversations()
        for conversation in chats if seed else []:
            random.Random(seed).shuffle(conversation.messages)
            random.Random(seed).shuffle(conversation.reactions)
        with filled(home, chats) as db:
            prepare(db, PrepareOptions(reactions=True, timezone="UTC"))
            for format in FORMATS:
                export(db, home / format, ExportOptions(format))
        written.append({str(p.relative_to(home)): p.read_bytes() for p in sorted(home.rglob("*.json*"))})
    assert written[0] == written[1] == written[2]


def test_no_secret_is_in_any_byte_of_an_export(home: Path) -> None:
    secrets = ["+14155550132", "a.b@example.com", "4111111111111111", "tulip77x", "482913", "14 Larkspur Lane"]
    messages = [
        Message("Sam", f"call {secrets[0]} or {secrets[1]}", guid="first"),
        Message("Aidan Allchin", "ok", reply_to="first"),
        Message("Sam", f"card {secrets[2]}\nwifi password is {secrets[3]}"),
        Message("Sam", f"{secrets[3]} works? the code is {secrets[4]}", guid="second"),
        Message("Aidan Allchin", f"{secrets[4]} it is, come to {secrets[5]}", reply_to="second"),
        Message(
            "Sam", None, attachments=[(None, f"{secrets[0]}.pdf", None), ("audio/amr", None, f"mail {secrets[1]}")]
        ),
        *(Message("Sam", f"line {index}") for index in range(10)),
    ]
    conversation = Conversation(messages, reactions=[Reaction("Sam", "second", sent_at=NOON + DAY)])
    with filled(home, [conversation]) as db:
        prepare(db, PrepareOptions(reactions=True))
        for format in FORMATS:
            export(db, home / format, ExportOptions(format))
    files = [path for format in FORMATS for path in (home / format).iterdir()]
    assert len(files) == 10
    for path in files:
        for secret in secrets:
            assert secret.encode() not in path.read_bytes(), (secret, path)
    assert "[phone]" in (home / "blocks" / "train.jsonl").read_text()


def test_memory_does_not_grow_with_a_conversation(home: Path) -> None:
    conversation = Conversation([Message("Sam" if i % 3 else "Aidan Allchin", f"message {i}") for i in range(20_000)])
    with filled(home, [conversation]) as db:
        prepare(db)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        out = SimpleNamespace(write=len, flush=lambda: None)
        assert stream(db, plan(db, None, ExportOptions("windows")), out) == 18_000  # type: ignore[arg-type]
        grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 20_000 * (1024 if sys.platform == "darwin" else 1)  # 20 MB, of 200 that pass


def test_one_message_of_ten_megabytes_passes(home: Path) -> None:
    text = "long " * 2_000_000
    with filled(home, [chat("hi", text, "ok")]) as db:
        summary = prepare(db)
        assert summary.train == 3
        export(db, home / "exports", ExportOptions())
    (row,) = rows(home / "exports" / "train.jsonl")
    start, end = row["loss_spans"][1]
    assert json.loads(row["text"][start:end])["content"] == text


def test_datasets_reads_every_format(home: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    with filled(home, [long_chat()]) as db:
        prepare(db)
        for format in FORMATS:
            export(db, home / format, ExportOptions(format))
    for format, columns in (
        ("blocks", ["text", "loss_spans", "conversation", "first_position"]),
        ("prompt-completion", ["prompt", "completion"]),
        ("windows", ["text"]),
    ):
        name = "training_windows.jsonl" if format == "windows" else "train.jsonl"
        path = home / format / name
        loaded = datasets.load_dataset("json", data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
        assert loaded.column_names == columns
        assert loaded.to_list() == rows(path)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
def test_trl_trains_on_an_exported_file_with_loss_on_completions_alone(home: Path, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    trl = pytest.importorskip("trl")
    transformers = pytest.importorskip("transformers")
    from ventriloquist.model import tiny

    with filled(home, [long_chat(30)]) as db:
        prepare(db)
        export(db, home / "exports", ExportOptions("prompt-completion", "train"))
        lines = [line + "\n" for (line,) in db.execute("SELECT line FROM training_messages ORDER BY position")]
    tiny.build(lines, tmp_path / "base", seed=0)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tmp_path / "base")

    seen: list[dict[str, Any]] = []

    class Trainer(trl.SFTTrainer):  # type: ignore[misc]
        """TRL's own loss needs triton, which a CPU has not; everything before it is TRL's."""

        def compute_loss(self, model: Any, inputs: Any, **_: Any) -> Any:
            seen.append({key: value.clone() for key, value in inputs.items()})
            return model(**inputs).loss

    data = datasets.load_dataset(
        "json", data_files=str(home / "exports" / "train.jsonl"), split="train", cache_dir=str(tmp_path / "cache")
    )
    trainer = Trainer(
        model=transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "base"),
        processing_class=tokenizer,
        train_dataset=data,
        args=trl.SFTConfig(
            output_dir=str(tmp_path / "out"),
            max_steps=2,
            per_device_train_batch_size=2,
            max_length=None,  # the default cuts the end off: the completion
            use_cpu=True,
            bf16=False,
            report_to=[],
            save_strategy="no",
            gradient_checkpointing=False,
            dataloader_pin_memory=False,
        ),
    )
    assert trainer.train().global_step == 2
    completions = {row["completion"] for row in data}
    for batch in seen:
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            supervised = tokenizer.decode(ids[labels != -100])
            assert supervised.removesuffix(tokenizer.eos_token) in completions
