"""Kept chats: what a later session finds of an earlier one, and files that are not as they should be."""

from __future__ import annotations

import json
import os
import stat
import threading
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import ME, Script, Time

from ventriloquist.chat import ChatSession, Keeper, KeptChat, last
from ventriloquist.chat.kept import MOST, About, folder_of, keep, snapshot
from ventriloquist.chat.opening import Opening
from ventriloquist.clock import now_ms
from ventriloquist.errors import NotReadyError, StorageError, VentriloquistError
from ventriloquist.store.corpus import SentLine
from ventriloquist.transcript import Line

ABOUT = About("tiny (adapter one)", "runs/one")
DAY_MS = 86_400_000


def session(home: Path, *names: str, other: str = "Sam", about: About = ABOUT, **more) -> ChatSession:
    """Return a session that is kept in a home; `names` write after the first line of each answer."""
    keeper = Keeper(home, about, replaces=more.pop("replaces", None), warn=more.pop("warn", pytest.fail))
    opening = more.pop("opening", None) or Opening("dm", (ME, other))
    return ChatSession(
        Script(names), opening, window=100, max_tokens=100_000, keep=keeper, speaker=more.pop("speaker", other), **more
    )


def taken_up(home: Path, **more) -> ChatSession:
    """Return a session that goes on with the last kept chat of a home."""
    name, chat = last(home)
    opening = Opening(chat.type, tuple(chat.members), chat.lines, chat.title)
    chosen = {"me": chat.me, "speaker": chat.speaker, **more}
    going_on = session(home, opening=opening, replaces=name, **chosen)
    going_on.go_on(chat.opened_with, chat.session_turns, chat.ahead)
    return going_on


def exchange(conversation: ChatSession, text: str) -> None:
    assert conversation.say(text)
    assert [*conversation.answer()]


def files(home: Path) -> list[Path]:
    return sorted(folder_of(home).iterdir())


def contents(conversation: ChatSession) -> list[str]:
    return [said.line.content for said in conversation.said]


def test_a_chat_goes_on_with_everything_that_was_said_and_can_be_taken_back(home: Path) -> None:
    begun = session(home, opening=Opening("dm", (ME, "Sam"), (SentLine(Line("Sam", "<1m", "old"), 5, "1970-01-01"),)))
    exchange(begun, "one")
    exchange(begun, "two")
    later = taken_up(home)
    assert later.said == begun.said
    assert contents(later) == ["old", "one", "line 1", "two", "line 2"]
    assert [line.line.content for line in later.new_lines()] == ["one", "line 1", "two", "line 2"]
    [*later.retry()]
    assert contents(later) == ["old", "one", "line 1", "two", "line 1"]
    assert [line.content for line in later.undo() or ()] == ["two"]
    assert [line.content for line in later.undo() or ()] == ["one"]
    assert contents(later) == ["old"]
    assert later.undo() is None
    assert contents(taken_up(home)) == ["old"]  # what was taken back is not kept


def test_every_step_is_kept_before_the_next_one(home: Path) -> None:
    conversation = session(home, "Sam", ME)
    assert files(home) == []  # nothing was said
    conversation.say("hello")
    assert [line.line.content for line in last(home)[1].lines] == ["hello"]
    for piece in conversation.answer():
        if piece.line is not None:
            assert last(home)[1].lines[-1].line == conversation.said[-1].line
    conversation.alternatives(3)
    conversation.pick(2)
    assert last(home)[1].lines[-1].line.content == "other 1"
    conversation.add_members(["Kim"])
    conversation.let_answer("Kim")
    kept = last(home)[1]
    assert (kept.members, kept.speaker, kept.type) == ([ME, "Kim", "Sam"], "Kim", "group")
    (path,) = files(home)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (path.parent, path.parent.parent)} == {0o700}


def test_a_message_without_an_answer_is_kept_and_is_answered_later(home: Path) -> None:
    conversation = session(home)
    conversation.say("are you there?")
    later = taken_up(home)
    assert [*later.answer()]
    assert contents(later) == ["are you there?", "line 1"]
    assert [line.content for line in later.undo() or ()] == ["are you there?"]


def test_an_earlier_self_stays_as_much_earlier(home: Path) -> None:
    clock = Time()
    years = 5 * 365 * DAY_MS
    past = Opening("dm", (ME, "Sam"), begins_at=clock.now - years)
    exchange(session(home, opening=past, time=clock), "how is school?")
    clock.now += 2 * DAY_MS
    later = taken_up(home, time=clock)
    later.say("still there?")
    assert later.said[-1].sent_at == clock.now - years
    assert later.said[-1].line.delta == "1d+"


def test_a_pause_that_the_model_chose_has_passed_when_the_chat_goes_on(home: Path) -> None:
    clock = Time()
    keeper = Keeper(home, ABOUT)
    opening = Opening("dm", (ME, "Sam"))
    begun = ChatSession(
        Script(delta="<1d"), opening, speaker="Sam", window=100, max_tokens=9999, time=clock, keep=keeper
    )
    exchange(begun, "good night")
    later = taken_up(home, time=clock)
    later.say("good morning")
    assert later.said[-1].sent_at == begun.said[-1].sent_at > clock.now
    assert [line.content for line in later.undo() or ()] == ["good morning"]
    later.undo()
    assert later.ahead == 0


def test_the_last_chat_is_found_also_by_who_answers_and_by_who_writes(home: Path) -> None:
    exchange(session(home, other="Zoë Field"), "to Zoë")
    session(home, opening=Opening("group", (ME, "Kim", "Sam")), speaker=None).say("to anyone")
    exchange(session(home, opening=Opening("dm", (ME, "Kim")), speaker=ME, me="Kim"), "as Kim")
    exchange(session(home, other="Sam"), "to Sam")
    exchange(session(home, opening=Opening("group", (ME, "Kim", "Sam")), other="Sam"), "to Sam alone")

    def found(*who: str | None) -> str:
        return last(home, *who)[1].lines[0].line.content

    assert found() == "to Sam alone"
    assert found("ZOË field") == "to Zoë"
    assert found("KIM") == "to anyone"  # anyone may answer there
    assert found(None, "kim") == "as Kim"
    with pytest.raises(NotReadyError, match="No kept chat is with 'Nobody'") as error:
        last(home, "Nobody")
    assert error.value.hint == f"Leave out --continue, or go on with 'Sam' or {ME!r} or 'Kim' or 'Zoë Field'."
    with pytest.raises(NotReadyError) as error:
        last(home, "Zoë Field", "Kim")
    assert "Zoë Field" in error.value.hint


def test_without_a_kept_chat_the_error_says_how_to_start_one(home: Path) -> None:
    with pytest.raises(NotReadyError, match="No chat is kept yet"):
        last(home)
    assert not home.exists()


def test_going_on_takes_the_place_of_the_chat_before(home: Path) -> None:
    exchange(session(home), "one")
    for number in range(3):
        exchange(taken_up(home), f"more {number}")
    assert len(files(home)) == 1
    assert len(last(home)[1].lines) == 8
    before = files(home)
    taken_up(home)  # and leave without a word
    assert files(home) == before


def test_two_chats_that_go_on_from_the_same_one_are_both_kept(home: Path) -> None:
    exchange(session(home), "one")
    first, second = taken_up(home), taken_up(home)
    exchange(first, "first")
    exchange(second, "second")
    exchange(first, "first again")
    kept = [json.loads(path.read_text(encoding="utf-8"))["said"] for path in files(home)]
    assert sorted([line[2] for line in said if line[0] == ME] for said in kept) == [
        ["one", "first", "first again"],
        ["one", "second"],
    ]


def test_chats_in_many_threads_at_once_lose_nothing(home: Path) -> None:
    conversations = [session(home, other=f"Person {number}") for number in range(8)]
    threads = [
        threading.Thread(target=lambda each=each: [exchange(each, f"turn {turn}") for turn in range(5)])
        for each in conversations
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for conversation in conversations:
        _, chat = last(home, conversation.speaker)
        assert list(chat.lines) == conversation.said
    assert len(files(home)) == 8


def test_only_the_last_chats_are_kept(home: Path) -> None:
    for number in range(MOST + 3):
        session(home, other=f"Person {number}").say("hello")
    assert len(files(home)) == MOST
    with pytest.raises(NotReadyError):
        last(home, "Person 2")
    assert last(home, "Person 3")


def test_a_chat_whose_file_was_removed_stays_removed_and_goes_on(home: Path) -> None:
    warnings: list[str] = []
    conversation = session(home, warn=warnings.append)
    exchange(conversation, "one")
    (path,) = files(home)
    path.unlink()
    exchange(conversation, "two")
    exchange(conversation, "three")
    assert files(home) == []
    assert len(conversation.said) == 6
    assert len(warnings) == 1
    assert "vq forget" in warnings[0]


def test_a_chat_that_begins_before_vq_forget_is_not_kept_after_it(home: Path) -> None:
    warnings: list[str] = []
    conversation = session(home, warn=warnings.append)
    folder_of(home).rmdir()
    (home / "chats").rmdir()
    exchange(conversation, "one")
    assert not (home / "chats").exists()
    assert len(warnings) == 1


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="needs a user who cannot write everywhere")
def test_a_chat_goes_on_where_nothing_can_be_written(home: Path) -> None:
    warnings: list[str] = []
    home.mkdir(mode=0o500)
    exchange(session(home, warn=warnings.append), "one")
    assert len(warnings) == 1


def test_a_chat_goes_on_where_a_file_is_in_the_way(home: Path) -> None:
    warnings: list[str] = []
    home.mkdir()
    (home / "chats").write_text("in the way")
    conversation = session(home, warn=warnings.append)
    exchange(conversation, "one")
    assert len(conversation.said) == 2
    assert len(warnings) == 1
    assert "cannot be written" in warnings[0]


def write(home: Path, text: str | bytes, name: str = "20990101-000000-00000000.json") -> Path:
    folder_of(home).mkdir(parents=True, exist_ok=True)
    path = folder_of(home) / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def kept_value() -> dict[str, object]:
    conversation = ChatSession(Script(), Opening("dm", (ME, "Sam")), speaker="Sam", window=100, max_tokens=9999)
    exchange(conversation, "hello")
    return json.loads(snapshot(conversation, ABOUT).model_dump_json())


DAMAGED: list[tuple[str, object]] = [
    ("said", "no list"),
    ("said", [["Sam", "<2m", "an unknown delta", 1, "2024-03-15"]]),
    ("said", [["Sam", "<1m", "no time", None, "2024-03-15"]]),
    ("said", [["Sam", "<1m", "a surrogate \ud800", 1, "2024-03-15"]]),
    ("said", [[ME, "<1m", "no day", 1, "yesterday"], ["Sam", "<1m", "so", 1, "2024-03-15"]]),
    ("said", [[ME, "<1m", "beyond all years", 10**17, "2024-03-15"], ["Sam", "<1m", "so", 1, "2024-03-15"]]),
    ("said", [[ME, "<1m", "beyond all numbers", 10**30, "2024-03-15"], ["Sam", "<1m", "so", 1, "2024-03-15"]]),
    ("turns", [[0, 0, 5]]),
    ("turns", [[1, 0, 0]]),
    ("turns", [[0, 0, None], [1, 0, None]]),
    ("turns", [[0, 10**17, 1]]),
    ("turns", [[-1, 0, 1]]),
    ("opened_with", -1),
    ("opened_with", 3),
    ("opened_with", True),
    ("ahead", 10**17),
    ("ahead", -(10**14)),
    ("ahead", 0.5),
    ("members", []),
    ("members", [ME, ME]),
    ("me", "Nobody"),
    ("speaker", "Nobody"),
    ("speaker", ME),
    ("type", "crowd"),
    ("format", 0),
    ("format", "1"),
    ("kept_at", "now"),
]


@pytest.mark.parametrize(("key", "value"), DAMAGED)
def test_a_chat_that_contradicts_itself_is_one_line_and_stays(home: Path, key: str, value: object) -> None:
    path = write(home, json.dumps({**kept_value(), key: value}))
    before = path.read_bytes()
    with pytest.raises(StorageError, match=r"is not a kept chat, or is damaged\.$") as error:
        last(home)
    assert "Move the file" in error.value.hint
    keep(home, KeptChat.model_validate_json(json.dumps(kept_value())))  # prunes, too
    assert path.read_bytes() == before


@pytest.mark.parametrize("text", [b"", b"\xff\xfe", b"[]", b"{", b'{"format": 1}', b"[" * 100_000, b"9" * 5000])
def test_a_foreign_file_is_one_line_and_stays(home: Path, text: bytes) -> None:
    path = write(home, text)
    with pytest.raises(StorageError):
        last(home)
    assert path.read_bytes() == text


@given(st.data())
def test_a_chat_with_a_few_other_bytes_is_read_or_refused(tmp_path_factory: pytest.TempPathFactory, data) -> None:
    home = tmp_path_factory.mktemp("home")
    text = bytearray(json.dumps(kept_value()).encode())
    for _ in range(data.draw(st.integers(1, 3))):
        text[data.draw(st.integers(0, len(text) - 1))] = data.draw(st.integers(0, 255))
    write(home, bytes(text))
    try:
        later = taken_up(home)
    except VentriloquistError:
        return
    later.say("still there?")
    assert [*later.answer()]
    later.undo()
    later.undo()


def test_a_chat_of_a_newer_version_is_not_called_damaged(home: Path) -> None:
    path = write(home, json.dumps({"format": 2, "everything": "else"}))
    with pytest.raises(StorageError, match="newer version") as error:
        last(home)
    assert "Update vq" in error.value.hint
    assert path.exists()


def test_a_damaged_file_that_is_older_than_the_last_chat_is_in_nobodys_way(home: Path) -> None:
    path = write(home, "damaged", "20200101-000000-00000000.json")
    os.utime(path, (1, 1))
    exchange(session(home), "one")
    assert last(home)[1].lines[0].line.content == "one"
    for number in range(MOST + 1):
        exchange(session(home, other=f"Person {number}"), "hello")
    assert path.exists()


def test_files_that_are_not_kept_chats_by_name_are_left_alone(home: Path) -> None:
    note = write(home, "mine", "notes.txt")
    exchange(session(home), "one")
    assert last(home)
    assert note.read_text(encoding="utf-8") == "mine"


def test_what_a_killed_process_left_is_removed_later(home: Path) -> None:
    old = write(home, "half of it", ".20200101-000000-00000000.json.partial")
    os.utime(old, (1, 1))
    young = write(home, "half of it", ".20990101-000000-00000000.json.partial")
    os.utime(young, (time.time(), time.time()))
    exchange(session(home), "one")
    assert not old.exists()
    assert young.exists()


def test_a_kept_chat_is_read_as_it_was_written(home: Path) -> None:
    said = 'quotes " and \\ and \u2028 and <|endoftext|> and \U0001f600'
    exchange(session(home), said)
    name, chat = last(home)
    assert chat.lines[0].line.content == said
    assert (chat.model, chat.run) == ("tiny (adapter one)", "runs/one")
    assert abs(chat.kept_at - now_ms()) < DAY_MS
    assert (folder_of(home) / name).read_text(encoding="utf-8").endswith("}\n")
