"""Of a content only what its writer typed is style."""

from __future__ import annotations

from pathlib import Path

import pytest
from file_builder import Conversation, Message, Reaction, filled
from stages import prepare

from ventriloquist.evaluate.texts import Placeholders, Texts, read_placeholders, typed
from ventriloquist.prepare import PrepareOptions
from ventriloquist.prepare.redact import KINDS
from ventriloquist.prepare.redact.own import parse_own_rules
from ventriloquist.transcript import attachment_placeholder, reply_marker


@pytest.mark.parametrize("content", ["ok ", "  [A] Ok", "[Sam]", "x [1] y", "see [this one]", '"] hm'])
def test_what_was_typed_stays_to_the_byte(content: str) -> None:
    assert typed(content) == content


@pytest.mark.parametrize("quoted", ["hi", 'say "yes" [or no]', "x" * 200, "[photo]", "[phone]"])
def test_the_quote_before_a_reply_is_somebody_elses(quoted: str) -> None:
    assert typed(reply_marker(quoted) + " great thanks!") == " great thanks!"


@pytest.mark.parametrize("kind", [*KINDS, "project", "nick_name-2"])
def test_a_placeholder_of_redaction_is_nobodys_style(kind: str) -> None:
    placeholders = Placeholders(secrets=frozenset({kind}))
    assert typed(f"call me at [{kind}], ok?", placeholders) == "call me at, ok?"
    assert typed(f"[{kind}] is it", placeholders) == "is it"
    assert typed(reply_marker("hm") + f"[{kind}]", placeholders) == ""


@pytest.mark.parametrize(
    "content", ["[redacted] lol [sic]", "[project] x", "[laughs]", '[loved "x"]', "see [photo] there"]
)
def test_what_redaction_cannot_have_written_is_text(content: str) -> None:
    assert typed(content) == content
    assert typed("[phone] [code]", Placeholders(frozenset({"code"}))) == "[phone]"
    assert typed("[photo]", Placeholders(attachments=False)) == "[photo]"
    assert typed('[loved "x"]', Placeholders(reactions=True)) == ""


LOOKALIKES = [
    "[redacted] lol [sic]",
    "[photo]",
    "[sticker]",
    "[phone]",
    "[file: a.pdf]",
    "[voice message: hm]",
    '[loved "x"]',
    '[replying to "x"] y',
    "call [phone], [email] [project]",
    " [code] ",
]


@pytest.mark.parametrize("said", LOOKALIKES)
@pytest.mark.parametrize("options", [PrepareOptions(reactions=True), PrepareOptions(redact=())])
def test_what_a_person_typed_is_text_whatever_it_looks_like(home: Path, said: str, options: PrepareOptions) -> None:
    """Beside the real thing: a photo, a reaction, a reply, and secrets of all these kinds."""
    real = [
        Message("Sam", "250-555-0133 is a number", guid="first", attachments=[("image/png", None, None)]),
        Message("Sam", "and a@b.example for bluebird", reply_to="first"),
        Message("Sam", said, guid="said"),
        Message("Sam", f"ok\n{said}\nfine"),
        Message("Sam", said, reply_to="first"),
        Message("Sam", "hm", reply_to="said"),
        Message("Sam", f"{said} 250-555-0133"),
    ]
    with filled(home, [Conversation(real, reactions=[Reaction("Sam", "said")])]) as db:
        prepare(db, options, own_rules=parse_own_rules("project: bluebird"))
        texts = Texts(db)
        rows = db.execute("SELECT content, message_id, kind FROM training_messages ORDER BY position").fetchall()
        own = [texts.typed(content, message_id) for content, message_id, kind in rows if kind == "text"]
        placeholders = read_placeholders(db)
    redacted = options.redact is None
    assert own[2:8] == [said, "ok", said, "fine", said, "hm"]
    assert own[:2] == (
        ["is a number", "and for"] if redacted else ["250-555-0133 is a number", "and a@b.example for bluebird"]
    )
    assert said.strip() in own[8]
    assert placeholders == Placeholders(
        frozenset({"phone", "email", "project"} if redacted else ()), True, options.reactions
    )


ATTACHMENTS = [
    ("image/png", None, None),
    ("video/mp4", None, None),
    ("audio/x", None, None),
    ("audio/x", None, "call [phone]"),
    (None, "a b.pdf", None),
    (None, None, None),
]


@pytest.mark.parametrize("attachment", ATTACHMENTS)
def test_an_attachment_that_a_model_wrote_as_text_is_not_typed(attachment: tuple[str | None, ...]) -> None:
    assert typed(attachment_placeholder(*attachment)) == ""


@pytest.mark.parametrize("part", ["[file: ", "[voice message: ", '[replying to "', "[a", " ["])
def test_a_long_hostile_content_is_read_once(part: str) -> None:
    content = part * 500_000  # read anew from each bracket it would take hours
    assert typed(content) == content
