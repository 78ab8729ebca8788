from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest
from exported import export
from file_builder import DAY, NOON, Conversation, Message, Reaction, filled
from stages import prepare

from ventriloquist import forget
from ventriloquist.errors import BusyError, SettingsError, UnknownNameError
from ventriloquist.export import ExportOptions
from ventriloquist.prepare import PrepareOptions
from ventriloquist.status import status
from ventriloquist.store import Connection, open_database, recorded_run, transaction
from ventriloquist.store.forgotten import load_forgotten, remember_forgotten

OWNER = "Aidan Allchin"
WORD = "zanzibarquux"  # stands in nothing but Sam's messages


def everything() -> list[Conversation]:
    alone = [
        Message("Sam" if i % 2 else OWNER, f"{WORD} number {i}" if i % 2 else f"owner line {i}", guid=f"sam-{i}")
        for i in range(40)
    ]
    group = [
        Message("Sam", f"hello {WORD}", guid="g-1", attachments=[(None, f"{WORD}.pdf", None)]),
        Message("Kim", "what was that", guid="g-2", reply_to="g-1"),
        Message(OWNER, "never mind", guid="g-3"),
    ]
    return [
        Conversation(alone),
        Conversation(
            group,
            type="group",
            title="climbing",
            reactions=[
                Reaction("Sam", "g-2", sent_at=NOON + DAY),
                Reaction("Kim", "g-1", sent_at=NOON + DAY),
                Reaction("Kim", "g-3", sent_at=NOON + DAY),
            ],
        ),
        Conversation([Message("Kim" if i % 2 else OWNER, f"kim and me {i}") for i in range(20)]),
    ]


def forget_sam(home: Path) -> tuple[forget.ForgetPlan, forget.ForgetSummary]:
    with recorded_run(home, "forget") as run:
        plan = forget.plan(run.db, home, "Sam")
        run.result = summary = forget.run(run.db, home, plan)
    return plan, summary


def build(home: Path, *, reactions: bool = True) -> None:
    with filled(home, everything()):
        pass
    with recorded_run(home, "prepare", {"reactions": reactions, "timezone": "UTC", "exclude_people": ["Sam"]}) as run:
        run.result = prepare(run.db, PrepareOptions(reactions=reactions, timezone="UTC"))
    with recorded_run(home, "export", {"only": "Sam"}) as run:
        run.result = export(run.db, home / "exports", ExportOptions())


def bytes_under(home: Path) -> bytes:
    return b"\x00".join(
        str(path).encode() + (path.read_bytes() if path.is_file() else b"") for path in sorted(home.rglob("*"))
    )


def adapter(folder: Path, people: list[str], *, base: str = "smollm2", trained_on: tuple[int, ...] = ()) -> None:
    folder.mkdir(parents=True)
    manifest = {"people": people, "base_model": base, "window": 24, "held_out": dict.fromkeys(trained_on, 10)}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    (folder / "adapter_model.safetensors").write_bytes(b"weights")
    (folder / "report.html").write_text(f"<p>{WORD}</p>")


def test_no_byte_under_the_home_holds_a_word_the_person_wrote(home: Path) -> None:
    build(home)
    tokens = home / "tokens" / "abc"
    tokens.mkdir(parents=True)
    (tokens / "tokens.npy").write_text(WORD)
    adapter(home / "runs" / "1", [OWNER, "Sam"])
    assert WORD.encode() in bytes_under(home)
    forget_sam(home)
    left = bytes_under(home)
    for trace in (WORD, "Sam", "2@example.org"):
        assert trace.encode() not in left, trace
    assert b"kim and me 7" in left
    assert not list(home.glob("*-wal"))


def test_a_rule_of_the_user_that_is_too_slow_is_named_and_the_person_is_gone_all_the_same(home: Path) -> None:
    talks = [
        [Message(name if i % 2 else OWNER, f"{i}" + "a" * 5000 + "!") for i in range(20)] for name in ("Sam", "Kim")
    ]
    with filled(home, map(Conversation, talks), owner=OWNER) as db, recorded_run(home, "prepare"):
        prepare(db)
    (home / "redact.txt").write_text("nick: /(a|aa)+$/\n")
    with open_database(home) as db:
        summary = forget.run(db, home, forget.plan(db, home, "Sam"))
        assert db.execute("SELECT count(*) FROM people WHERE name = 'Sam'").fetchone() == (0,)
    assert not summary.prepared_again
    assert "redact.txt takes too long" in summary.not_prepared


def test_what_others_wrote_stays_without_quotes_and_reactions_of_the_person(home: Path) -> None:
    build(home)
    forget_sam(home)
    with open_database(home) as db:
        rows = db.execute(
            "SELECT content FROM training_messages WHERE conversation_id = 2 ORDER BY position"
        ).fetchall()
        assert [content for (content,) in rows] == ["what was that", "never mind", '[loved "never mind"]']
        query = "SELECT members FROM training_conversations WHERE conversation_id = 2"
        assert json.loads(db.execute(query).fetchone()[0]) == [OWNER, "Kim"]
        assert db.execute("SELECT count(*) FROM training_messages WHERE conversation_id = 3").fetchone() == (20,)
        assert db.execute("SELECT count(*) FROM conversations").fetchone() == (2,)


def test_every_message_is_still_accounted_for(home: Path) -> None:
    build(home)

    def guids(db: Connection) -> list[str]:
        query = "SELECT guid FROM text_messages UNION ALL SELECT guid FROM reactions UNION ALL SELECT guid FROM skipped"
        return sorted(guid for (guid,) in db.execute(query))

    with open_database(home) as db:
        before = guids(db)
    forget_sam(home)
    with open_database(home) as db:
        assert guids(db) == before
        assert db.execute("SELECT DISTINCT reason FROM skipped").fetchall() == [("forgotten",)]


def test_the_plan_says_what_goes_and_the_summary_what_went(home: Path) -> None:
    build(home)
    plan, summary = forget_sam(home)
    assert (plan.rows.conversations, plan.rows.messages, plan.rows.group_messages) == (1, 41, 1)
    assert (plan.rows.reactions, plan.rows.quotes, plan.rows.attachments) == (2, 1, 1)
    assert (summary.messages, summary.reactions, summary.attachments, summary.prepared_again) == (41, 2, 1, True)
    assert summary.files == 4  # three splits and their manifest


def test_planning_changes_nothing(home: Path) -> None:
    build(home)
    before = (home / "ventriloquist.db").read_bytes()
    with open_database(home) as db:
        forget.plan(db, home, "sam")
    assert (home / "ventriloquist.db").read_bytes() == before


def test_adapters_trained_on_the_person_are_marked_and_others_are_not(home: Path) -> None:
    build(home)
    adapter(home / "runs" / "with", [OWNER, "Kim", "Sam"])
    adapter(home / "runs" / "without", [OWNER, "Kim"])
    adapter(home / "runs" / "tiny", [OWNER, "Sam"], base="base")
    (home / "runs" / "unfinished" / "checkpoints").mkdir(parents=True)
    _, summary = forget_sam(home)
    assert (summary.tainted_adapters, summary.removed_runs) == (1, 2)
    marked = json.loads((home / "runs" / "with" / "manifest.json").read_text())
    assert marked["people"] == [OWNER, "Kim"]
    assert "train a new adapter" in marked["tainted"]
    found = status(home)
    assert [warning for warning in found.warnings if "with" in warning and "train a new adapter" in warning]
    assert found.next_step != "vq train"  # the other one can still be used
    assert "tainted" not in json.loads((home / "runs" / "without" / "manifest.json").read_text())
    assert sorted(path.name for path in (home / "runs").iterdir()) == ["with", "without"]
    assert sorted(path.name for path in (home / "runs" / "with").iterdir()) == [
        "adapter_model.safetensors",
        "manifest.json",
    ]


def test_adapters_that_knew_the_person_by_an_earlier_name_are_marked(home: Path) -> None:
    build(home)
    for run, people, conversations in (
        ("by address", ["2@example.org"], (1,)),  # before there was a contact card
        ("renamed", ["Kim", "Samantha"], (1, 2)),
        ("somebody else renamed", ["Kimberly"], (3,)),
        ("known by all", ["Kim"], (1, 3)),
        ("owner renamed", ["Kim"], (1, 3)),
    ):
        owner = "Aidan" if run == "owner renamed" else OWNER
        adapter(home / "runs" / run, [owner, *people], trained_on=conversations)
    _, summary = forget_sam(home)
    people = {}
    for path in (home / "runs").iterdir():
        manifest = json.loads((path / "manifest.json").read_text())
        people[path.name] = ("tainted" in manifest, manifest["people"])
    assert people == {
        "by address": (True, [OWNER]),
        "renamed": (True, [OWNER, "Kim"]),
        "somebody else renamed": (False, [OWNER, "Kimberly"]),
        "known by all": (False, [OWNER, "Kim"]),
        "owner renamed": (False, ["Aidan", "Kim"]),
    }
    assert summary.tainted_adapters == 2


def test_while_another_program_reads_the_file_nothing_is_said_to_be_gone(home: Path) -> None:
    build(home)
    reader = sqlite3.connect(home / "ventriloquist.db", isolation_level=None)
    reader.execute("BEGIN")
    reader.execute("SELECT * FROM people").fetchone()
    with open_database(home) as db:
        db.execute("PRAGMA busy_timeout = 0")
        plan = forget.plan(db, home, "Sam")
        with pytest.raises(BusyError, match="reads"):
            forget.run(db, home, plan)
    reader.close()
    forget_sam(home)  # as the hint says
    left = bytes_under(home)
    assert WORD.encode() not in left
    assert b"Sam" not in left


def test_the_file_remembers_the_person_without_naming_them(home: Path) -> None:
    build(home)
    with open_database(home) as db:
        (handle,) = db.execute("SELECT handle FROM handles JOIN people ON id = person_id WHERE name = 'Sam'").fetchone()
    forget_sam(home)
    with open_database(home) as db:
        forgotten = load_forgotten(db)
        assert forgotten.has_any([handle])
        assert not forgotten.has_any(["3@example.org"])
        assert forgotten.has_any(["3@example.org", handle])


def test_each_file_has_a_key_of_its_own(tmp_path: Path) -> None:
    digests = set()
    for name in ("a", "b"):
        with open_database(tmp_path / name, create=True) as db:
            with transaction(db):
                remember_forgotten(db, ["+15555550100"])
                remember_forgotten(db, ["+15555550100"])
            digests |= load_forgotten(db).digests
    assert len(digests) == 2


def test_nobody_is_forgotten_in_a_new_file(home: Path) -> None:
    with open_database(home, create=True) as db:
        assert not load_forgotten(db).has_any([""])


def test_prepare_keeps_the_options_it_was_last_run_with(home: Path) -> None:
    build(home, reactions=False)
    forget_sam(home)
    with open_database(home) as db:
        assert db.execute("SELECT count(*) FROM training_messages WHERE kind = 'reaction'").fetchone() == (0,)


def test_forgetting_the_only_one_leaves_nothing_prepared(home: Path) -> None:
    with filled(home, [Conversation([Message("Sam", "hi"), Message(OWNER, "hello")])]) as db:
        prepare(db)
    _, summary = forget_sam(home)
    assert not summary.prepared_again
    with open_database(home) as db:
        for table in ("text_messages", "training_messages", "training_conversations", "conversations", "members"):
            assert db.execute(f"SELECT count(*) FROM {table}").fetchone() == (0,), table


def test_without_prepared_messages_none_are_made(home: Path) -> None:
    with filled(home, everything()):
        pass
    _, summary = forget_sam(home)
    assert not summary.prepared_again


def test_one_after_the_other_can_be_forgotten_whoever_was_left_out_of_training(home: Path) -> None:
    build(home)  # without Sam
    with recorded_run(home, "prepare", {"exclude_people": ["Sam", "Kim"], "exclude_conversations": ["Kim"]}) as run:
        run.result = prepare(run.db, PrepareOptions(exclude_people=("Sam", "Kim"), exclude_conversations=("Kim",)))
    for name in ("Sam", "Kim"):
        with recorded_run(home, "forget") as run:
            run.result = summary = forget.run(run.db, home, forget.plan(run.db, home, name))
        assert summary.prepared_again
    with open_database(home) as db:
        assert db.execute("SELECT content FROM training_messages").fetchall() == [("never mind",)]


def test_somebody_left_out_under_an_earlier_name_is_not_let_in_by_preparing_again(home: Path) -> None:
    build(home)
    options = {"exclude_people": ["Kim"]}
    with recorded_run(home, "prepare", options) as run:
        run.result = prepare(run.db, PrepareOptions(exclude_people=("Kim",)))
    with open_database(home) as db, transaction(db):
        db.execute("UPDATE people SET name = 'Kim Oak' WHERE name = 'Kim'")
    _, summary = forget_sam(home)
    assert not summary.prepared_again
    with open_database(home) as db:
        assert db.execute("SELECT count(*) FROM training_messages").fetchone() == (0,)


def test_an_unknown_name_offers_near_ones_and_the_owner_is_refused(home: Path) -> None:
    with filled(home, everything()) as db:
        with pytest.raises(UnknownNameError) as caught:
            forget.plan(db, home, "Samm")
        assert "Sam" in caught.value.hint
        with pytest.raises(SettingsError, match="yourself"):
            forget.plan(db, home, OWNER)


def test_exports_outside_the_home_are_named(home: Path, tmp_path: Path) -> None:
    build(home)
    with recorded_run(home, "export") as run:
        run.result = export(run.db, tmp_path / "mine", ExportOptions())
    plan, _ = forget_sam(home)
    assert plan.artifacts.elsewhere == (str(tmp_path / "mine"),)
    assert (tmp_path / "mine" / "train.jsonl").exists()


def test_an_export_into_a_folder_beside_is_named_from_wherever_it_is_forgotten(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build(home)
    beside = Path.cwd()
    with recorded_run(home, "export") as run:
        run.result = export(run.db, Path("mine"), ExportOptions())
    monkeypatch.chdir(tmp_path)
    plan, _ = forget_sam(home)
    assert plan.artifacts.elsewhere == (str(beside / "mine"),)


def test_reports_are_found_wherever_they_were_written(home: Path, tmp_path: Path) -> None:
    build(home)
    (tmp_path / "link").symlink_to(home)
    places = [tmp_path / "report.html", home / "deep" / "report.html", tmp_path / "link" / "linked.html"]
    (home / "deep").mkdir()
    for place in places:
        place.write_text(WORD)
        with recorded_run(home, "eval", {"report": str(place)}):
            pass
    with recorded_run(home, "export") as run:
        run.result = export(run.db, tmp_path / "link" / "exported", ExportOptions())
    plan, _ = forget_sam(home)
    assert plan.artifacts.elsewhere == (str(tmp_path / "report.html"),)
    assert WORD.encode() not in bytes_under(home)


def test_what_an_evaluation_kept_of_a_run_elsewhere_is_named(home: Path, tmp_path: Path) -> None:
    build(home)
    for run in (tmp_path / "adapter", home / "runs" / "1"):
        adapter(run, [OWNER, "Sam"])
        (run / "evaluation").mkdir()
        (run / "evaluation" / "records.jsonl").write_text(WORD)
        with recorded_run(home, "eval", {"run": str(run)}):
            pass
    plan, _ = forget_sam(home)
    assert plan.artifacts.elsewhere == (str(tmp_path / "adapter" / "evaluation"),)
    assert WORD.encode() not in bytes_under(home)


def test_exports_chats_and_reports_anywhere_under_the_home_go(home: Path) -> None:
    build(home)
    for folder in (home, home / "deep" / "down"):
        with recorded_run(home, "export") as run:
            run.result = export(run.db, folder, ExportOptions())
    (home / "deep" / "down" / "mine.txt").write_text("kept")
    (home / "report.html").write_text(WORD)
    (home / "chats").mkdir()
    (home / "chats" / "history").write_text(WORD)
    (home / "redact.txt").write_text("mine: rule\n")
    forget_sam(home)
    assert WORD.encode() not in bytes_under(home)
    left = sorted(str(path.relative_to(home)) for path in home.rglob("*") if path.is_file())
    assert left == ["deep/down/mine.txt", "redact.txt", "ventriloquist.db", "ventriloquist.lock"]


def test_a_name_that_is_part_of_a_word_is_scrubbed_from_runs_as_a_word_alone(home: Path) -> None:
    build(home)
    with recorded_run(home, "note", {"text": "Sam and Samson", "Sam": 1}):
        pass
    forget_sam(home)
    with open_database(home) as db:
        (parameters,) = db.execute("SELECT parameters FROM runs WHERE command = 'note'").fetchone()
    assert json.loads(parameters) == {"text": "[forgotten] and Samson", "[forgotten]": 1}
