"""A value that is refused: the message names the flag, file or variable as it was given, and what it takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ventriloquist.cli.app import app

PYDANTICS = ("Input should", "unable to parse", "Value error", "validation error", "Traceback")


def vq(*arguments: object) -> Result:
    return CliRunner().invoke(app, list(map(str, arguments)), env={"COLUMNS": "300", "TERM": "dumb"})


WRONG = {
    ("train", "--rank"): (["0", "-1", "x", "1.5", "nan", "2000"], "a whole number from 1 to 1,024"),
    ("train", "--max-steps"): (["0", "x"], "a whole number of 1 or more"),
    ("train", "--max-minutes"): (["0", "-3", "nan", "x"], "a number of 0.1 or more"),
    ("train", "--epochs"): (["0", "x"], "a whole number of 1 or more"),
    ("train", "--learning-rate"): (["x"], "a number"),
    ("train", "--targets-per-window"): (["0", "x"], "a whole number of 1 or more"),
    ("train", "--max-length"): (["63", "inf"], "a whole number of 64 or more"),
    ("train", "--seed"): (["-1", "4294967296", "x"], "a whole number from 0 to 4,294,967,295"),
    ("chat", "--temperature"): (["-0.1", "2.1", "nan", "inf", "hot"], "a number from 0 to 2"),
    ("chat", "--endpoint-timeout"): (["0", "nan", "inf", "x"], "a number from 1 to 86,400"),
    ("chat", "--seed"): (["x"], "a whole number from 0 to"),
    ("eval", "--seed"): (["-1", "x"], "a whole number from 0 to"),
    ("demo", "--max-minutes"): (["0", "nan", "x"], "a number of 0.1 or more"),
    ("demo", "--max-steps"): (["0", "x"], "a whole number of 1 or more"),
    ("prepare", "--holdout"): (["-1", "x", "1.5"], "a whole number of 0 or more"),
    ("prepare", "--min-messages"): (["-1", "x"], "a whole number of 0 or more"),
    ("export", "--targets-per-window"): (["0", "x", "9" * 30], "a whole number from 1 to 100,000"),
    ("search", "--limit"): (["0", "-1", "x"], "a whole number from 1 to 1,000,000"),
    ("export", "--split"): (["tset", ""], "train, validation or test"),
    ("export", "--format"): (["csv"], "blocks, prompt-completion, windows, html or markdown"),
}


@pytest.mark.parametrize(
    ("command", "flag", "value", "takes"),
    [(*flag, value, takes) for flag, (values, takes) in WRONG.items() for value in values],
)
def test_a_flag_that_is_refused_names_itself_and_what_it_takes(command: str, flag: str, value: str, takes: str) -> None:
    result = vq(command, flag, value)
    assert result.exit_code == 2
    assert f"'{flag}'" in result.output
    assert f"it takes {takes}" in result.output
    assert repr(value)[:40] in result.output
    assert not any(words in result.output for words in PYDANTICS)


@pytest.mark.parametrize(
    ("arguments", "what"),
    [
        (["train", "--max-minutes", "inf"], "--max-minutes takes a number above 0, not inf."),
        (["train", "--learning-rate", "nan"], "--learning-rate takes a number above 0, and of at most 10, not nan."),
        (["train", "--learning-rate", "-1"], "--learning-rate takes a number above 0, and of at most 10, not -1.0."),
        (["train", "--backend", "jax"], "--backend takes auto, unsloth, mlx or transformers, not 'jax'."),
        (["demo", "--max-minutes", "inf"], "--max-minutes takes a number above 0, not inf."),
    ],
)
def test_a_flag_that_only_the_training_refuses_does_so_too(arguments: list[str], what: str) -> None:
    result = vq(*arguments)
    assert result.exit_code == 1, result.output
    assert what in result.output


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("rank = 0", "rank in my.toml takes a whole number from 1 to 1,024, not 0."),
        ('rank = "x"', "rank in my.toml takes a whole number from 1 to 1,024, not 'x'."),
        ("rank = [1]", "rank in my.toml takes a whole number from 1 to 1,024, not [1]."),
        ("rank = 1.5", "rank in my.toml takes a whole number from 1 to 1,024, not 1.5."),
        ("learning_rate = nan", "learning_rate in my.toml takes a number above 0, and of at most 10, not nan."),
        ("warmup = 1", "warmup in my.toml takes a number of 0 or more, and below 1, not 1."),
        ("four_bit = 7", "four_bit in my.toml takes true or false, not 7."),
        ("model = 3", "model in my.toml takes text, not 3."),
        ('supervise = "all"', "supervise in my.toml takes line or content, not 'all'."),
        ('top_layers = "all"', "top_layers in my.toml takes a whole number of 1 or more, not 'all'."),
        ("rnk = 3", "my.toml has the unknown setting 'rnk'."),
        (
            f'seed = "{"x" * 500}"',
            "seed in my.toml takes a whole number of 0 or more, and below 4,294,967,296, not 'xxx",
        ),
    ],
)
def test_a_file_of_settings_that_is_refused_is_named_with_its_line(line: str, what: str) -> None:
    Path("my.toml").write_text(line, encoding="utf-8")
    result = vq("train", "--config", "my.toml")
    assert result.exit_code == 1
    assert what in result.output
    assert not any(words in result.output for words in PYDANTICS)


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("unite = 3", "unite is 3, but it takes lists of handles"),
        ('unite = ["+12505550111"]', "unite.0 is '+12505550111', but it takes lists of handles"),
        ("part = [7]", "part.0 is 7, but it takes a list of handles"),
        ("merge = 3", "merge is 3, but it takes lists of handles"),
        ("split = [7]", "split.0 is 7, but it takes a list of handles"),
        ("rename = 1", "rename is 1, but it takes a name in quotes"),
        ('[rename]\n"+12505550111" = 5', "rename.+12505550111 is 5, but it takes a name in quotes"),
        ("marry = []", "there is no 'marry'"),
    ],
)
def test_corrections_that_are_refused_say_what_belongs_there(line: str, what: str, home: Path) -> None:
    home.mkdir()
    (home / "corrections.toml").write_text(line, encoding="utf-8")
    result = vq("collect", "--chat-db", "none")
    assert result.exit_code == 1
    assert f"corrections.toml: {what}" in result.output
    assert not any(words in result.output for words in PYDANTICS)


def test_a_variable_of_a_launcher_that_is_no_number_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "two")
    result = vq("train", "--model", "tiny")
    assert result.exit_code == 1
    assert "The variable RANK takes a whole number of 0 or more, not 'two'." in result.output
