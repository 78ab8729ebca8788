from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from invented import HOSTILE_CONTENTS, HOSTILE_NAMES, NAMES, Tiny, lines

from ventriloquist.model.grammar import MOST_GRAMMARS, LineGrammar
from ventriloquist.transcript import DELTAS, Line, render_line

SPECIAL = st.sampled_from(["<", "<|", "</", "\\", '"', "\u2028", "\x00", "\x7f", "😀", "\t", "u003c", " "])
contents = (
    st.lists(st.one_of(SPECIAL, st.text(st.characters(exclude_categories=["Cs"]), max_size=3)))
    .map("".join)
    .filter(lambda text: text.strip(" ") and not {"\n", "\r"} & set(text))
)


@pytest.fixture(scope="session")
def grammar(tiny_model: Tiny) -> LineGrammar:
    return LineGrammar(tiny_model.tokenizer, tiny_model.model.config.vocab_size)


def accepts(grammar: LineGrammar, tiny: Tiny, names: tuple[str, ...], text: str) -> bool:
    """Say whether the text, as the tokenizer cuts it, is exactly one line of the grammar."""
    matcher = grammar.begin(names)
    for token in tiny.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids:
        if matcher.finished or not matcher.allowed()[token]:
            return False
        matcher.take([token])
    return matcher.finished


@given(st.sampled_from(NAMES), st.sampled_from(DELTAS), contents)
def test_every_line_that_training_renders_is_in_the_grammar(grammar, tiny_model, name, delta, content) -> None:
    assert accepts(grammar, tiny_model, NAMES, render_line(Line(name, delta, content)) + "\n")


@pytest.mark.parametrize("name", HOSTILE_NAMES)
@pytest.mark.parametrize("content", HOSTILE_CONTENTS)
def test_hostile_names_and_contents_are_ordinary_lines(grammar, tiny_model, name, content) -> None:
    content = content.replace("\n", " ")
    assert accepts(grammar, tiny_model, (*NAMES, name), render_line(Line(name, "<5m", content)) + "\n")


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "Kim", "delta": "<1m", "content": "<|endoftext|>"}\n',
        '{"name": "Kim", "delta": "<1m", "content": "<b"}\n',
        '{"name": "Kim", "delta": "<1m", "content": "<</s>"}\n',
        '{"name": "Kim", "delta": "<1m", "content": "a\\nb"}\n',
        '{"name": "Kim", "delta": "<1m", "content": "\\ud83d"}\n',
        '{"name": "Kim", "delta": "<1m", "content": "\\u0041"}\n',
        '{"name": "Kim", "delta": "<1m", "content": ""}\n',
        '{"name": "Kim", "delta": "<1m", "content": "  "}\n',
        '{"name": "Kim", "delta": "<2m", "content": "hi"}\n',
        '{"name": "Somebody", "delta": "<1m", "content": "hi"}\n',
        '{"name": "kim", "delta": "<1m", "content": "hi"}\n',
        '{"name":"Kim","delta":"<1m","content":"hi"}\n',
        '{"delta": "<1m", "name": "Kim", "content": "hi"}\n',
        '{"name": "Kim", "delta": "<1m", "content": "hi"}',
        '{"name": "Kim", "delta": "<1m", "content": "hi"}\n\n',
        '{"name": "Kim", "delta": "<1m", "content": "hi", "more": 1}\n',
    ],
)
def test_anything_else_is_not_in_the_grammar(grammar, tiny_model, text) -> None:
    assert not accepts(grammar, tiny_model, NAMES, text)


def test_a_lesser_than_sign_is_free_before_everything_but_special_tokens(grammar, tiny_model) -> None:
    for after in string.printable:
        text = f'{{"name": "Kim", "delta": "<1m", "content": "a <{after}"}}\n'
        forbidden = after in string.ascii_letters + '|/\\"\t\n\r\x0b\x0c'
        assert accepts(grammar, tiny_model, NAMES, text) is not forbidden, repr(after)


def test_forced_tokens_are_those_the_tokenizer_makes_of_the_whole_line(grammar, tiny_model) -> None:
    encode = tiny_model.tokenizer.backend_tokenizer.encode
    for line in [*lines(60, seed=2), Line("Kim", "<1m", ":)"), Line("Kim", "<1m", "…"), Line("Kim", "1d+", "?!")]:
        tokens = encode(render_line(line) + "\n", add_special_tokens=False).ids
        matcher = grammar.begin((line.name,))
        at, forced_tokens = 0, 0
        while at < len(tokens):
            forced = matcher.forced()
            assert forced == tokens[at : at + len(forced)]
            taken = forced or tokens[at : at + 1]
            matcher.take(taken)
            at += len(taken)
            forced_tokens += len(forced)
        assert matcher.finished
        assert forced_tokens >= 5


def test_the_grammars_of_the_names_used_last_are_held(grammar: LineGrammar) -> None:
    for number in range(MOST_GRAMMARS + 9):
        names = (f"Person {number}",)
        assert grammar.begin(names).forced() == grammar.begin(names).forced()
        grammar.begin(("Kim",))
    assert len(grammar._matchers) == MOST_GRAMMARS
    assert ("Kim",) in grammar._matchers
