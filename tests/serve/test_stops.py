from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ventriloquist.serve.stops import Stops

LETTERS = st.text("ab\n", max_size=12)


@given(pieces=st.lists(LETTERS, max_size=6), stops=st.lists(LETTERS.filter(bool), max_size=3))
def test_text_ends_before_its_first_stop_however_it_is_cut_into_pieces(pieces: list[str], stops: list[str]) -> None:
    text = "".join(pieces)
    ends = [at for stop in stops if (at := text.find(stop)) >= 0]
    reader = Stops(stops)
    shown = "".join(map(reader.add, pieces)) + reader.rest()
    assert reader.is_stopped == bool(ends)
    if not ends:
        assert shown == text
    else:  # a longer stop that begins earlier may end later than another, which then ends the text
        assert text.startswith(shown)
        assert not any(stop in shown for stop in stops)


def test_what_may_begin_a_stop_is_held_back_and_nothing_else() -> None:
    reader = Stops(["\nUser:"])
    assert reader.add("hello") == "hello"
    assert reader.add(" there\nUs") == " there"
    assert reader.add("ed") == "\nUsed"
    assert reader.add("\nUser: no") == ""
    assert reader.is_stopped
    assert reader.add("more") == ""
