from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from ventriloquist.cli.flow import Flow

texts = st.lists(st.text(alphabet="ab \u3000é東😀", max_size=12))


def flowed(pieces: list[str], width: int, indent: int = 0) -> list[str]:
    flow = Flow(width, indent=indent)
    return ("".join(map(flow.add, pieces)) + flow.end()).split("\n")


@given(texts, st.integers(8, 40), st.integers(0, 8))
def test_nothing_is_lost_but_space_at_a_break(pieces: list[str], width: int, indent: int) -> None:
    assert "".join("".join(flowed(pieces, width, indent)).split()) == "".join("".join(pieces).split())


@given(texts, st.integers(20, 40), st.integers(0, 8))
def test_no_line_is_wider_than_the_terminal_unless_a_word_is(pieces: list[str], width: int, indent: int) -> None:
    indent = min(indent, width // 3)
    first, *rest = flowed(pieces, width, indent)
    longest = max(map(cell_len, "".join(pieces).split()), default=0)
    if longest <= width - indent:
        assert indent + cell_len(first.rstrip()) <= width
        assert all(cell_len(line.rstrip()) <= width for line in rest)


@given(texts, st.integers(8, 40))
def test_pieces_break_where_the_whole_text_does(pieces: list[str], width: int) -> None:
    whole = "".join(pieces)
    if all(cell_len(word) < width for word in whole.split()):
        assert flowed(pieces, width) == flowed([whole], width)


def test_words_move_to_the_next_line_under_the_first() -> None:
    assert flowed(["one tw", "o three fo", "ur"], width=15, indent=5) == ["one two ", "     three four"]


def test_a_word_is_shown_when_it_is_whole() -> None:
    flow = Flow(40)
    assert flow.add("hel") == ""
    assert flow.add("lo the") == "hello "
    assert flow.add("re") == ""
    assert flow.end() == "there"


def test_a_word_longer_than_the_terminal_is_not_held_back_for_ever() -> None:
    flow = Flow(10)
    assert flow.add("a" * 25) == "a" * 25
