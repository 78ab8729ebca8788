from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from file_builder import Conversation, Message, chat, filled
from stages import prepare

from ventriloquist import chat as chatting
from ventriloquist.chat import ChatPlan, KeptChat, Request, Server, find_voice
from ventriloquist.chat.words import banner, where
from ventriloquist.errors import ModelError, NotReadyError, SettingsError, UnknownNameError
from ventriloquist.model.address import read_address
from ventriloquist.model.manifest import Manifest
from ventriloquist.prepare import PrepareOptions
from ventriloquist.store import open_database
from ventriloquist.store.corpus import data_hash
from ventriloquist.transcript import FORMAT_VERSION

ME = "Aidan Allchin"


def write_manifest(home: Path, run: str = "20240315-120000-000", **changes: object) -> Path:
    folder = home / "runs" / run
    folder.mkdir(parents=True, exist_ok=True)
    values: dict[str, object] = {
        "format_version": FORMAT_VERSION,
        "base_model": "tiny",
        "base_revision": None,
        "window": 100,
        "context": 99,
        "targets_per_window": 64,
        "max_length": 2048,
        "settings": {"model": "tiny"},
        "seed": 0,
        "data_hash": "",
        "people": [ME, "Kim", "Never Wrote", "Sam"],
        "held_out": {},
        "packages": {},
        "created_at": "2024-03-15T12:00:00+00:00",
    }
    Manifest.model_validate({**values, **changes}).write(folder)
    return folder


def plan_chat(home: Path, request: Request, run: str | None = None) -> ChatPlan:
    return chatting.plan(home, request, find_voice(home, run))


@pytest.fixture
def trained(home: Path) -> Path:
    """Return a home with prepared conversations and the manifest of an adapter."""
    talk = chat(*(f"text {index}" for index in range(30)), other="Sam")
    group = Conversation(
        [Message((ME, "Kim", "Sam")[index % 3], f"text {index}") for index in range(60)], type="group", title="Garden"
    )
    with filled(home, [talk, group], owner=ME) as db:
        prepare(db)
        write_manifest(home, data_hash=data_hash(db))
    return home


def test_a_plan_names_everybody_as_transcripts_do(trained: Path) -> None:
    plan = plan_chat(trained, Request(speaker="SAM"))
    assert (plan.me, plan.speaker, plan.opening.type, len(plan.opening.said)) == (ME, "Sam", "dm", 30)


def test_a_conversation_begins_with_fifty_messages_or_what_the_window_leaves(trained: Path) -> None:
    assert len(plan_chat(trained, Request(source="Garden")).opening.said) == 50
    write_manifest(trained, window=16)
    assert len(plan_chat(trained, Request(source="Garden")).opening.said) == 11


def test_the_other_one_answers_where_there_are_two_and_anybody_in_a_group(trained: Path) -> None:
    assert plan_chat(trained, Request(source="Sam")).speaker == "Sam"
    assert plan_chat(trained, Request(source="Garden")).speaker is None
    assert plan_chat(trained, Request(speaker=ME, me="Sam")).opening.members == (ME, "Sam")


def test_the_newest_run_is_used_unless_one_is_named(trained: Path) -> None:
    newer = write_manifest(trained, "20240316-120000-000")
    assert plan_chat(trained, Request(speaker="Sam")).voice.run == newer
    older = plan_chat(trained, Request(speaker="Sam"), "20240315-120000-000").voice.run
    assert older is not None
    assert older.name == "20240315-120000-000"


def test_an_adapter_alone_is_enough(home: Path) -> None:
    write_manifest(home)
    assert plan_chat(home, Request(speaker="Kim")).opening.said == ()
    assert find_voice(home).people == (ME, "Kim", "Never Wrote", "Sam")


def test_people_are_those_who_wrote_most_first(trained: Path) -> None:
    assert find_voice(trained).people == (ME, "Sam", "Kim", "Never Wrote")


def test_a_served_model_needs_no_run_where_messages_are_prepared(trained: Path) -> None:
    shutil.rmtree(trained / "runs")
    voice = find_voice(trained, server=Server(read_address("http://127.0.0.1:1")))
    assert (voice.people, voice.window, voice.run) == ((ME, "Sam", "Kim"), 100, None)
    plan = chatting.plan(trained, Request(speaker="sam"), voice)
    assert (plan.speaker, len(plan.opening.said)) == ("Sam", 30)


def test_of_a_served_model_a_manifest_alone_says_enough(home: Path, tmp_path: Path) -> None:
    folder = write_manifest(tmp_path, window=8)
    voice = find_voice(home, str(folder), Server(read_address("http://127.0.0.1:1")))
    assert (voice.people[0], voice.window) == (ME, 8)


def test_whom_a_served_model_writes_as_must_be_known(home: Path) -> None:
    with pytest.raises(NotReadyError, match="whom the served model imitates"):
        find_voice(home, server=Server(read_address("http://127.0.0.1:1")))


@pytest.mark.parametrize(
    ("request_", "error"),
    [
        (Request(speaker="Sammy Davis"), UnknownNameError),
        (Request(speaker="Sam", others=("Kimm",)), UnknownNameError),
        (Request(speaker="Sam", me="Kimm"), UnknownNameError),
        (Request(source="Gardn"), UnknownNameError),
        (Request(speaker=ME), SettingsError),
        (Request(speaker="Sam", date="soon"), SettingsError),
        (Request(), NotReadyError),
    ],
)
def test_what_cannot_be_is_said_before_a_model_is_loaded(trained: Path, request_: Request, error: type) -> None:
    with pytest.raises(error):
        plan_chat(trained, request_)


def test_an_adapter_of_another_format_is_refused(trained: Path) -> None:
    write_manifest(trained, format_version=FORMAT_VERSION + 1)
    with pytest.raises(ModelError, match="format"):
        plan_chat(trained, Request(speaker="Sam"))


def test_the_banner_says_whom_it_imitates_and_warns_of_a_tainted_adapter(trained: Path) -> None:
    plan = plan_chat(trained, Request(speaker="Sam", fresh=True))
    (first,) = banner(plan)
    assert first.startswith("A simulation of Sam.")
    assert "20240315-120000-000" in first
    assert where(plan) == "A new conversation with Sam."
    dated = plan_chat(trained, Request(speaker="Sam", date="1999-06"))
    assert where(dated) == "There are no messages before 2024-03-15. A new conversation with Sam, on 1999-06-01."
    write_manifest(trained, tainted="Trained on somebody who was forgotten.")
    assert "Warning: Trained on somebody who was forgotten." in list(banner(plan_chat(trained, Request(speaker="Sam"))))


def test_the_banner_says_that_the_messages_were_prepared_anew(trained: Path) -> None:
    assert not plan_chat(trained, Request(speaker="Sam")).voice.changed_data
    with open_database(trained) as db:
        prepare(db)
        assert not plan_chat(trained, Request(speaker="Sam")).voice.changed_data
        prepare(db, PrepareOptions(holdout=4))
    assert any("prepared again" in line for line in banner(plan_chat(trained, Request(speaker="Sam"))))


def test_a_day_on_which_nothing_was_said_is_told_from_one_before_anybody_wrote(trained: Path) -> None:
    later = plan_chat(trained, Request(speaker="Sam", date="2031"))
    assert where(later) == "There are no messages of that time. A new conversation with Sam, on 2031-01-01."
    before = plan_chat(trained, Request(source="Garden@2024-03-14"))
    assert where(before) == "There are no messages before 2024-03-15. A new conversation with Garden, on 2024-03-14."
    assert "no messages" not in where(plan_chat(trained, Request(speaker="Sam", date="2024-03-15")))
    assert "no messages" not in where(plan_chat(trained, Request(speaker="Sam", fresh=True)))


def test_who_is_in_an_adapter_without_having_written_is_said_to_be_silent(trained: Path) -> None:
    lines = list(banner(plan_chat(trained, Request(speaker="never wrote"))))
    assert lines[1].startswith("Warning: Never Wrote wrote none of the prepared messages")
    assert len(list(banner(plan_chat(trained, Request(speaker="Sam"))))) == 1


@pytest.mark.parametrize("server", [None, Server(read_address("http://127.0.0.1:1"))])
def test_who_is_in_the_file_and_has_written_nothing_is_not_said_to_be_unknown(
    server: Server | None, trained: Path
) -> None:
    with open_database(trained) as db:
        db.execute("INSERT INTO people (id, name) VALUES (99, 'Zo\u00eb O\u2019Neil')")
        db.commit()
    voice = find_voice(trained, server=server)
    for request in (Request(speaker="zoe\u0308 o'neil"), Request(speaker="Sam", others=("Zo\u00eb O'Neil",))):
        with pytest.raises(SettingsError, match="wrote none of the prepared messages") as error:
            chatting.plan(trained, request, voice)
        assert "'Sam'" in error.value.hint


def test_an_adapter_alone_says_of_nobody_that_they_wrote_nothing(home: Path) -> None:
    write_manifest(home)
    assert len(list(banner(plan_chat(home, Request(speaker="Never Wrote"))))) == 1


def test_of_three_hundred_members_a_banner_names_the_first_ones(home: Path) -> None:
    names = [f"Person {number:03}" for number in range(300)]
    write_manifest(home, people=[ME, *names, "x" * 500])
    plan = plan_chat(home, Request(others=tuple(names)))
    (first,) = banner(plan)
    assert first.startswith("A simulation of Person 000, Person 001, ")
    assert "Person 005 and 294 others. Everything here is written by" in first
    assert len(first) < 250
    assert where(plan).endswith("Person 005 and 294 others.")
    (first,) = banner(plan_chat(home, Request(speaker="x" * 500)))
    assert len(first) < 200


def kept_chat(trained: Path, run: str | None, me: str = ME, speaker: str | None = "Kim") -> KeptChat:
    """Return a chat of the group that was kept with a run."""
    return KeptChat(kept_at=1, model="tiny", run=run, type="group", members=[ME, "Kim", "Sam"], title="Garden", me=me,
                    speaker=speaker, said=[], opened_with=0, turns=[], ahead=-5)  # fmt: skip


def test_a_kept_chat_goes_on_with_its_own_run_else_with_the_newest(trained: Path) -> None:
    write_manifest(trained, "20250101-000000-000")

    def run_of(kept: str | None, chosen: str | None = None) -> str:
        run = chatting.find_kept_voice(trained, kept_chat(trained, kept), chosen).run
        return run.name if run else ""

    assert run_of("runs/20240315-120000-000") == "20240315-120000-000"
    assert run_of("runs/20240315-120000-000", "20250101-000000-000") == "20250101-000000-000"
    for gone in ("runs/gone", "/nowhere/runs/gone", "../outside", "", None):
        assert run_of(gone) == "20250101-000000-000"


def test_a_kept_chat_is_planned_as_it_was_and_starts_over_with_the_same_people(trained: Path) -> None:
    kept = kept_chat(trained, None)
    request, planned = chatting.go_on(trained, kept, chatting.find_kept_voice(trained, kept))
    assert (planned.me, planned.speaker, planned.opening.title) == (ME, "Kim", "Garden")
    assert where(planned) == "Going on with the chat with Kim, in which nothing was said."
    assert (request.speaker, request.others, request.me) == ("Kim", ("Sam",), ME)
    again = chatting.plan(trained, request, planned.voice)
    assert again.opening.members == (ME, "Kim", "Sam")


def test_a_kept_chat_with_somebody_whom_the_model_does_not_know_says_so(trained: Path) -> None:
    write_manifest(trained, "20250101-000000-000", people=[ME, "Sam"])
    kept = kept_chat(trained, None)
    _, planned = chatting.go_on(trained, kept, chatting.find_kept_voice(trained, kept))
    shown = [*banner(planned)]
    assert "Warning: tiny (adapter 20250101-000000-000) was not trained on Kim." in shown
    assert "The lines so far were written by tiny." in shown
