"""Names as they are stored: on one line, and spelt as tokenizers spell them."""

from __future__ import annotations

import unicodedata

from hypothesis import example, given
from hypothesis import strategies as st

from ventriloquist.collect.handles import one_line


@given(st.text())
@example("e\x00\u0301")
def test_a_name_is_on_one_line_in_nfc_and_stays_as_it_is(name: str) -> None:
    found = one_line(name)
    assert found == one_line(found) == unicodedata.normalize("NFC", found)
    assert found.split() == found.split(" ") or not found


def test_an_accent_that_stands_apart_joins_its_letter() -> None:
    assert one_line("Zoe\u0308  Oak\n") == "Zo\xeb Oak"
