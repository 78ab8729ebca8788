"""Of a content only what its writer typed is style."""

from __future__ import annotations

import pytest

from ventriloquist.evaluate.texts import typed
from ventriloquist.prepare.redact import KINDS
from ventriloquist.transcript import attachment_placeholder, reply_marker


@pytest.mark.parametrize("content", ["ok ", "  [A] Ok", "[Sam]", "x [1] y", "see [this one]", '"] hm'])
def test_what_was_typed_stays_to_the_byte(content: str) -> None:
    assert typed(content) == content


@pytest.mark.parametrize("quoted", ["hi", 'say "yes" [or no]', "x" * 200, "[photo]", "[phone]"])
def test_the_quote_before_a_reply_is_somebody_elses(quoted: str) -> None:
    assert typed(reply_marker(quoted) + " great thanks!") == " great thanks!"


@pytest.mark.parametrize("kind", [*KINDS, "project", "nick_name-2"])
def test_a_placeholder_of_redaction_is_nobodys_style(kind: str) -> None:
    assert typed(f"call me at [{kind}], ok?") == "call me at, ok?"
    assert typed(f"[{kind}] is it") == "is it"
    assert typed(reply_marker("hm") + f"[{kind}]") == ""


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
