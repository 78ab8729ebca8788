"""What is written to the disk: nothing, or with --keep each chat."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from running import KIM, ME, Running, chat_body, running

from ventriloquist.layout import CHATS
from ventriloquist.transcript import parse


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


def test_a_chat_is_one_file_that_grows_for_the_user_alone(keeping: Running) -> None:
    folder = keeping.plan.home / CHATS
    first = keeping.chat(KIM, "hello", max_tokens=4)["choices"][0]["message"]["content"]
    keeping.chat(KIM, "hello", first, "and now?", max_tokens=4)
    keeping.chat(KIM, "another chat", max_tokens=4)
    transcripts = sorted(folder.glob("*.jsonl"))
    assert len(transcripts) == 2
    assert all(stat.S_IMODE(path.stat().st_mode) == 0o600 for path in folder.iterdir())
    texts = {path: [line.content for line in parse(path.read_text())[1]] for path in transcripts}
    path = next(path for path, contents in texts.items() if contents[0] == "hello")
    assert texts[path][:3] == ["hello", first, "and now?"]
    page = path.with_suffix(".md").read_text()
    assert page.startswith(f"# A simulation of {KIM}")
    assert f"{ME} wrote their own lines. Everything else was written by tiny" in page
    assert keeping.get("/page/about", headers=keeping.bearer).json()["kept"] is True
    for removed in folder.iterdir():  # as vq forget does
        removed.unlink()
    keeping.chat(KIM, "hello", first, "and later?", max_tokens=4)
    assert list(folder.iterdir()) == []


def test_a_disk_that_is_full_does_not_end_the_chat(keeping: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("ventriloquist.serve.kept.write_text", full)
    for _ in range(2):
        assert keeping.chat(KIM, "a full disk", max_tokens=2)["choices"]
    assert keeping.log.count("The chats cannot be kept: No space left on device") == 1
