"""Settings: flag > environment > ./.env > VQ_HOME/.env > default."""

from __future__ import annotations

from pathlib import Path

import pytest

from ventriloquist.settings import load_settings


def test_the_environment_wins_over_the_local_file_and_that_over_the_homes(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.mkdir()
    (home / ".env").write_text("MY_NAME=From Home\nUSER_IDENTIFIERS=a@example.com\n")
    assert load_settings().my_name == "From Home"
    Path(".env").write_text("MY_NAME=From Here\n")
    assert load_settings().my_name == "From Here"
    monkeypatch.setenv("MY_NAME", "From Environment")
    settings = load_settings()
    assert (settings.my_name, settings.user_identifiers) == ("From Environment", ["a@example.com"])


def test_identifiers_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USER_IDENTIFIERS", " +12505550100 , me@example.com,")
    assert load_settings().user_identifiers == ["+12505550100", "me@example.com"]


def test_a_blank_name_is_no_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MY_NAME", "  ")
    assert load_settings().my_name is None


def test_the_home_can_stand_in_the_local_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("VQ_HOME")
    Path(".env").write_text(f"VQ_HOME={tmp_path / 'there'}\n")
    settings = load_settings()
    assert settings.home == tmp_path / "there"
    assert settings.database == tmp_path / "there" / "ventriloquist.db"
