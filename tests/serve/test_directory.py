"""Who is served, under which names, and what happens when the database changes."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest
from file_builder import DAY, NOON, Conversation, Message, filled
from running import KIM, ME, NAMES, ZOE
from stages import prepare

from ventriloquist import chat, forget
from ventriloquist.errors import ModelError, SettingsError, StorageError, UnknownNameError
from ventriloquist.model.sampling import Sampling
from ventriloquist.serve.directory import Directory
from ventriloquist.serve.errors import RequestError, as_request_error
from ventriloquist.serve.served import Served
from ventriloquist.store import open_database


def talk(names: tuple[str, ...], word: str) -> list[Message]:
    return [Message(names[index % len(names)], f"{word} {index}") for index in range(30)]


@pytest.fixture
def busy(home: Path) -> Path:
    """Return a home with a chat with Kim and groups: two have one title, one is called Kim, one has no title."""
    conversations = [
        Conversation(talk((ME, KIM), "tea")),
        Conversation(talk(NAMES, "one"), type="group", title="Garden"),
        Conversation(talk((ME, KIM, "Ada"), "two"), type="group", title="Garden"),
        Conversation(talk((ME, ZOE, "Ada"), "three"), type="group", title=KIM),
        Conversation(talk((*NAMES, "Ada"), "four"), type="group"),
    ]
    with filled(home, conversations, owner=ME) as db:
        prepare(db)
    return home


def directory(home: Path, run: Path, **options) -> Directory:
    return Directory(home, chat.find_voice(home, str(run)), **options)


def test_names_that_are_alike_get_a_number_and_groups_without_a_title_their_members(run: Path, busy: Path) -> None:
    entries = directory(busy, run).entries()
    assert sorted(entry.id for entry in entries) == [
        "Ada, Kim, Zoë Field",
        "Garden",
        "Garden (2)",
        "Kim",
        "Kim (2)",
        "Zoë Field",
    ]
    assert all(entry.members[0] == ME for entry in entries)


def test_each_entry_continues_its_own_conversation(run: Path, busy: Path) -> None:
    served = directory(busy, run)
    contents = {}
    for entry in served.entries():
        plan = served.plan(entry)
        assert plan.opening.members == entry.members
        assert plan.opening.said[-1] == entry.last
        contents[entry.id] = plan.opening.said[-1].line.content
    assert len(set(contents.values())) >= 5
    assert served.plan(served.find("Garden"), fresh=True).opening.said == ()


def test_with_people_named_only_they_and_their_own_groups_are_served(run: Path, busy: Path) -> None:
    assert [entry.id for entry in directory(busy, run, only=[KIM]).entries()] == [KIM]
    assert {entry.id for entry in directory(busy, run, only=["ZOË FIELD", KIM]).entries()} == {KIM, ZOE, "Garden"}
    with pytest.raises(UnknownNameError):
        directory(busy, run, only=["Eve"])


def test_writing_as_somebody_else_makes_the_owner_one_of_those_who_answer(run: Path, busy: Path) -> None:
    served = directory(busy, run, me=KIM)
    assert served.me == KIM
    owner = served.find(ME)
    plan = served.plan(owner)
    assert (plan.me, plan.speaker) == (KIM, ME)
    assert plan.opening.said[-1].line.content.startswith("tea")
    assert KIM not in {entry.id for entry in served.entries() if entry.kind == "person"}
    assert all(KIM in entry.members for entry in served.entries())


def test_a_name_is_found_in_any_case_and_a_wrong_one_is_not_found(run: Path, busy: Path) -> None:
    served = directory(busy, run)
    assert served.find("GARDEN (2)").id == "Garden (2)"
    for name in ("Eve", "", None):
        with pytest.raises(RequestError) as refused:
            served.find(name)
        assert refused.value.status == 404
        assert refused.value.what == (f"No model is called {name!r}." if name else "The request names no model.")
    assert directory(busy, run, only=[KIM]).find(None).id == KIM


def test_a_database_that_changes_is_read_again(run: Path, busy: Path) -> None:
    served = directory(busy, run)
    assert served.plan(served.find(KIM)).opening.said[-1].line.content.startswith("tea")
    (busy / "ventriloquist.db").unlink()
    assert {entry.id for entry in served.entries()} == {KIM, ZOE}
    assert served.plan(served.find(KIM)).opening.said == ()


def test_a_person_who_is_forgotten_is_not_served_any_more(run: Path, busy: Path) -> None:
    folder = busy / "runs" / run.name
    shutil.copytree(run, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["base_model"] = manifest["settings"]["model"] = "large"  # forget removes runs of tiny
    (folder / "manifest.json").write_text(json.dumps(manifest))
    served, as_zoe, only = (directory(busy, folder, **options) for options in ({}, {"me": ZOE}, {"only": [ZOE]}))
    assert as_zoe.entries()
    assert served.find(ZOE).id == ZOE
    with open_database(busy) as db:
        forget.run(db, busy, forget.plan(db, busy, ZOE))
    assert ZOE not in {name for entry in served.entries() for name in entry.members}
    assert KIM in {entry.id for entry in served.entries()}
    assert as_zoe.entries() == only.entries() == []
    with pytest.raises(RequestError, match="No model is called 'Zoë Field'"):
        served.find(ZOE)


def test_a_run_that_forget_removes_is_not_served_any_more(run: Path, busy: Path) -> None:
    folder = busy / "runs" / run.name
    shutil.copytree(run, folder)
    served = directory(busy, folder)
    with open_database(busy) as db:
        forget.run(db, busy, forget.plan(db, busy, ZOE))
    assert not folder.exists()
    for _ in range(2):
        with pytest.raises(ModelError) as removed:
            served.find(KIM)
        assert as_request_error(removed.value).status == 503


def test_a_group_that_was_found_before_the_database_changed_never_gets_the_messages_of_another(
    run: Path, busy: Path
) -> None:
    served = directory(busy, run)
    found, gone = served.find("Garden"), served.find("Garden (2)")
    numbers = {entry.id: entry.request.source for entry in (found, gone)}
    (busy / "ventriloquist.db").unlink()
    order = [
        Conversation(talk((ME, ZOE, "Ada"), "other"), type="group", title="Work"),
        Conversation(talk((ME, KIM, "Eve"), "secret"), type="group", title="Eve's"),
        Conversation(talk((*NAMES, "Ada"), "secret"), type="group", title="Ada's"),
        Conversation(talk(NAMES, "one"), type="group", title="Garden"),
    ]
    with filled(busy, order, owner=ME) as db:
        prepare(db)
    assert numbers["Garden"] in {entry.request.source for entry in served.entries() if entry.id != "Garden"}
    assert served.plan(found).opening.said[-1].line.content.startswith("one")
    assert served.plan(served.find("Garden")).opening.said[-1].line.content.startswith("one")
    with pytest.raises(RequestError) as refused:
        served.plan(gone)
    assert refused.value.status == 404


def test_a_new_message_in_the_second_of_two_groups_with_one_title_changes_no_id(run: Path, home: Path) -> None:
    members = []
    for later in (0, 1):
        (home / "ventriloquist.db").unlink(missing_ok=True)
        groups = [talk(NAMES, "one"), talk((ME, KIM, "Ada"), "two")]
        groups[later].append(Message(ME, "later", NOON + DAY))
        with filled(home, [Conversation(said, type="group", title="Garden") for said in groups], owner=ME) as db:
            prepare(db)
        members.append(set(directory(home, run).find("Garden (2)").members))
    assert members == [{ME, KIM, "Ada"}] * 2


def test_a_database_that_cannot_be_read_is_not_the_fault_of_a_request() -> None:
    assert as_request_error(StorageError("It is damaged.", hint="Repair it.")).status == 503
    assert as_request_error(SettingsError("It is not a date.", hint="Correct it.")).status == 400


def test_without_a_database_every_chat_is_new(run: Path, home: Path) -> None:
    home.mkdir()
    served = directory(home, run)
    assert {entry.id: entry.last for entry in served.entries()} == {KIM: None, ZOE: None}
    assert served.plan(served.find(ZOE)).opening.said == ()


def test_a_manifest_that_loses_a_person_is_read_again(run: Path, busy: Path) -> None:
    folder = busy / "runs" / run.name
    shutil.copytree(run, folder)
    served, kept = directory(busy, folder), []
    keeper = Served(
        chat.find_voice(busy, str(folder)), None, served, sampling=Sampling(), seed=0, log=print,
        keep=lambda _request, _plan, session: kept.append(session),
    )  # fmt: skip
    with_zoe, with_kim = (SimpleNamespace(members=(ME, name, "Somebody new")) for name in (ZOE, KIM))
    keeper.finished(None, None, with_zoe)
    assert ZOE in {entry.id for entry in served.entries()}
    assert kept == [with_zoe]
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["people"].remove(ZOE)
    (folder / "manifest.json").write_text(json.dumps(manifest))
    assert ZOE not in {entry.id for entry in served.entries()}  # the database has not changed
    for session in (with_zoe, with_kim):
        keeper.finished(None, None, session)
    assert kept == [with_zoe, with_kim]
    (folder / "manifest.json").unlink()
    keeper.finished(None, None, with_kim)
    assert kept == [with_zoe, with_kim]


def test_forget_changes_the_manifests_before_it_removes_kept_chats(
    run: Path, busy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = busy / "runs" / run.name
    shutil.copytree(run, folder)
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["base_model"] = manifest["settings"]["model"] = "large"
    (folder / "manifest.json").write_text(json.dumps(manifest))
    served, known = directory(busy, folder), []
    unlink = Path.unlink

    def removed(path: Path, missing_ok: bool = False) -> None:
        if path == folder / "evaluation" / "records.jsonl":
            known.append(served.has_forgotten(ZOE))
        unlink(path, missing_ok=missing_ok)

    (folder / "evaluation").mkdir(exist_ok=True)
    (folder / "evaluation" / "records.jsonl").write_text("{}")
    monkeypatch.setattr(Path, "unlink", removed)
    with open_database(busy) as db:
        forget.run(db, busy, forget.plan(db, busy, ZOE))
    assert known == [True]
