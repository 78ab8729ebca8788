"""The attachments of a message: their order and transcripts, and messages that were made to take long."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import SupportsIndex

import pytest
from apple_bodies import FILE, PART, TRANSCRIPTION, attributed

from ventriloquist.records import Attachment
from ventriloquist.sources.imessage import body as bodies
from ventriloquist.sources.imessage.attachments import MAX_SEARCHED, MAX_SEARCHES, File, placed

MANY = 3_000


class Searched(bytes):
    """A body that counts the searches for guids, and the bytes they pass."""

    searches = 0
    passed = 0

    def find(  # type: ignore[override]
        self, sub: bytes, start: SupportsIndex | None = None, end: SupportsIndex | None = None, /
    ) -> int:
        at = super().find(sub, start, end)
        if sub.startswith(b"GUID"):
            self.searches += 1
            self.passed += (at if at >= 0 else len(self)) - int(start or 0)
        return at


def guid(number: int) -> str:
    return f"GUID-{number:06}"


def files(guids: Sequence[str], kind: str = "image") -> list[File]:
    return [File(one.encode(), False, Attachment(None, one, kind=kind)) for one in guids]  # type: ignore[arg-type]


def message(guids: Sequence[str]) -> Searched:
    """Return a body with a slot for each guid."""
    runs: list[tuple[str, Mapping[str, object]]] = [("\ufffc", {PART: 0, FILE: one}) for one in guids]
    return Searched(attributed([*runs, ("look", {PART: 1})]))


def in_order(of_rows: Sequence[str], body: bytes) -> list[str | None]:
    """Return the names of the files in the order of their parts."""
    found = bodies.decode(body)
    assert found is not None
    attachments = placed(files(of_rows), found, body, "", found[0], ())
    return [one.filename for one in sorted(attachments, key=lambda one: one.part or 0)]


def test_files_are_put_in_the_order_of_the_body() -> None:
    guids = [guid(number) for number in range(8)]
    assert in_order(guids[::-1], message(guids)) == guids


@pytest.mark.parametrize(
    ("slots", "of_rows", "searches"),
    [
        (1, [guid(number) for number in range(MANY)], 0),  # more files than slots
        (MANY, [guid(MANY + number) for number in range(MANY)], 1),  # guids that are not in the body
        (MANY, [guid(MANY - 1)] * MANY, 2),  # one guid
    ],
)
def test_files_that_the_body_does_not_order_stay_in_the_order_of_their_rows(
    slots: int, of_rows: list[str], searches: int
) -> None:
    body = message([guid(number) for number in range(slots)])
    assert in_order(of_rows, body) == of_rows
    assert body.searches == searches


def test_searching_for_the_guids_of_thousands_of_files_is_bounded() -> None:
    guids = [guid(number) for number in range(MANY)]
    body = Searched(message(guids))
    in_order(guids[::-1], body)
    assert body.passed <= MAX_SEARCHED + (MAX_SEARCHES + 1) * len(body)


def test_no_more_transcripts_are_read_than_there_are_voice_messages(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    real = bodies.attribute_strings

    def counted(found: bodies.Body, data: bytes, name: bytes, most: int) -> list[str]:
        asked.append(most)
        return real(found, data, name, most)

    monkeypatch.setattr(bodies, "attribute_strings", counted)
    body = attributed([("\ufffc", {PART: number, FILE: guid(number), TRANSCRIPTION: "hi"}) for number in range(9)])
    found = bodies.decode(body)
    assert found is not None
    for kind, count in (("voice", 2), ("image", 1)):
        attachments = placed(files([guid(0), guid(1)], kind), found, body, "", found[0], ())
        assert [one.transcript for one in attachments].count("hi") == count
        assert asked.pop() == count
