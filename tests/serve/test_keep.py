"""What is written to the disk: nothing, or with --keep the chats."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import KIM, ME, Running, chat_body, running

from ventriloquist.chat import last
from ventriloquist.layout import CHATS, KEPT


@pytest.fixture(scope="module")
def keeping(run: Path, garden: Path) -> Iterator[Running]:
    with running(garden, run, keep=True) as served:
        yield served


def files(home: Path) -> set[tuple[str, int]]:
    return {(str(path), path.stat().st_size) for path in home.rglob("*") if path.is_file()}


def test_nothing_is_written_unless_it_is_asked_for(served: Running) -> None:
    home = served.plan.home
    before = files(home)
    served.chat(KIM, "hello", max_tokens=2)
    served.get(f"/page/opening?model={KIM}", headers=served.bearer)
    served.post("/v1/chat/completions", chat_body("nobody", "hello"))
    assert files(home) == before
    assert served.get("/page/about", headers=served.bearer).json()["kept"] is False


def test_a_chat_is_one_file_that_grows_and_that_vq_chat_goes_on_with(keeping: Running) -> None:
    home = keeping.plan.home
    folder = home / CHATS / KEPT
    before = {*folder.glob("*")}
    first = keeping.chat(KIM, "hello", max_tokens=4)["choices"][0]["message"]["content"]
    second = keeping.chat(KIM, "hello", first, "and now?", max_tokens=4)["choices"][0]["message"]["content"]
    assert len({*folder.iterdir()} - before) == 1
    _, kept = last(home, speaker=KIM)
    assert [(said.line.name, said.line.content) for said in kept.lines[kept.opened_with :]] == [
        (ME, "hello"), *((KIM, line) for line in first.splitlines()),
        (ME, "and now?"), *((KIM, line) for line in second.splitlines()),
    ]  # fmt: skip
    assert [turn.answer is None for turn in kept.turns] == [False, False]
    keeping.chat(KIM, "another chat", max_tokens=4)
    kept_now = {*folder.iterdir()} - before
    assert len(kept_now) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    assert keeping.get("/page/about", headers=keeping.bearer).json()["kept"] is True
    for removed in kept_now:  # as vq forget does
        removed.unlink()
    keeping.chat(KIM, "hello", first, "and later?", max_tokens=4)
    assert {*folder.iterdir()} <= before


def test_a_disk_that_is_full_does_not_end_the_chat(keeping: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ventriloquist.chat.kept.write_json", full)
    for _ in range(2):
        assert keeping.chat(KIM, "a full disk", max_tokens=2)["choices"]
    assert sum("No space left on device" in line for line in keeping.log) == 1


def test_a_chat_that_begins_like_an_earlier_one_has_a_file_of_its_own(keeping: Running) -> None:
    folder = keeping.plan.home / CHATS / KEPT
    before = {*folder.glob("*")}
    first = keeping.chat(KIM, "good morning", max_tokens=4)["choices"][0]["message"]["content"]
    keeping.chat(KIM, "good morning", first, "and now?", max_tokens=4)
    (long,) = {*folder.iterdir()} - before
    held = long.read_bytes()
    again = keeping.chat(KIM, "good morning", max_tokens=4)["choices"][0]["message"]["content"]
    keeping.chat(KIM, "good morning", again, "something else", max_tokens=4)
    assert len({*folder.iterdir()} - before) == 2
    assert long.read_bytes() == held
