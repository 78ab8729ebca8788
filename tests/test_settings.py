"""Settings: flag > environment > ./.env > VQ_HOME/.env > default."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from ventriloquist.collect import load_corrections
from ventriloquist.errors import SettingsError
from ventriloquist.prepare import load_own_rules
from ventriloquist.settings import load_settings
from ventriloquist.train.presets import resolve_settings


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


def test_the_back_end_is_set_in_a_file_or_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().backend is None
    home.mkdir()
    (home / ".env").write_text("vq_backend=mlx\n")
    assert load_settings().backend == "mlx"
    monkeypatch.setenv("VQ_BACKEND", " transformers ")
    assert load_settings().backend == "transformers"


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


def test_the_mark_that_some_editors_write_first_is_no_part_of_a_name(home: Path) -> None:
    home.mkdir()
    (home / ".env").write_text("\ufeffMY_NAME=Robin\n", encoding="utf-8")
    assert load_settings().my_name == "Robin"


@pytest.mark.parametrize("which", ["here", "home"])
def test_a_file_that_is_no_text_is_named(which: str, home: Path) -> None:
    home.mkdir()
    file = (Path() if which == "here" else home) / ".env"
    file.write_bytes(b"MY_NAME=\xff\n")
    with pytest.raises(SettingsError, match=r"\.env cannot be read: it is not UTF-8\."):
        load_settings()


@pytest.mark.parametrize("named", ["~nobody-is-called-so/there", "a file", "a" * 5000])
def test_a_home_that_cannot_be_one_is_an_error_with_a_remedy(named: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("a file").touch()
    monkeypatch.setenv("VQ_HOME", named)
    with pytest.raises(SettingsError, match="VQ_HOME") as failure:
        load_settings()
    assert "folder" in failure.value.hint
    assert ".." not in failure.value.what


@pytest.mark.parametrize("place", ["home/.env", "elsewhere/.env", "home/corrections.toml", "home/redact.txt"])
def test_a_pipe_in_the_place_of_a_file_of_settings_is_not_waited_for(home: Path, tmp_path: Path, place: str) -> None:
    home.mkdir()
    os.mkfifo(tmp_path / place)
    with pytest.raises(SettingsError, match="cannot be read"):
        load_corrections(load_settings().home), load_own_rules(home)


def test_a_pipe_in_the_place_of_settings_of_a_training_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "settings.toml")
    with pytest.raises(SettingsError, match="a pipe"):
        resolve_settings(str(tmp_path / "settings.toml"), {})


def test_the_key_of_a_server_is_kept_out_of_what_is_printed(home: Path) -> None:
    Path(".env").write_text("VQ_API_KEY=sk-123456\nWANDB_API_KEY=w-123456\n", encoding="utf-8")
    settings = load_settings()
    assert settings.key() == "sk-123456"
    assert "123456" not in f"{settings!r} {settings}"


def test_what_other_programs_keep_in_their_file_does_not_matter(home: Path) -> None:
    Path(".env").write_bytes(
        b"\xef\xbb\xbfPASSWORT=geh\xe4im\nURL=postgres://x\nexport MY_NAME='Robin Hale' # me\nnot a line\nmy key: 3\n"
    )
    assert load_settings().my_name == "Robin Hale"


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _gigabyte(path: Path) -> None:
    with path.open("wb") as file:
        file.truncate(1 << 30)


def _loop(path: Path) -> None:
    path.symlink_to(path)


UNREADABLE = {
    "pipe": _pipe,
    "gigabyte": _gigabyte,
    "circle of links": _loop,
    "not UTF-8": lambda path: path.write_bytes(b"MY_NAME=Zo\xeb\n"),
    "UTF-16": lambda path: path.write_text("MY_NAME=Robin\n", encoding="utf-16"),
    "home not UTF-8": lambda path: path.write_bytes(b"VQ_HOME=/tmp/Zo\xeb\n"),
}


@pytest.mark.parametrize("what", UNREADABLE)
@pytest.mark.parametrize("place", ["here", "home"])
def test_a_file_that_is_not_ours_is_an_error_that_status_gets_over(what: str, place: str, home: Path) -> None:
    home.mkdir()
    UNREADABLE[what]((Path() if place == "here" else home) / ".env")
    with pytest.raises(SettingsError, match=r"\.env cannot be read: "):
        load_settings()
    settings = load_settings(lenient=True)
    assert settings.home == home
    (warning,) = settings.warnings
    assert ".env cannot be read: " in warning


def test_a_folder_of_that_name_holds_no_settings(home: Path) -> None:
    Path(".env").mkdir()
    settings = load_settings()
    assert (settings.home, settings.warnings) == (home, [])


@pytest.mark.parametrize("lenient", [False, True])
def test_a_home_that_may_not_be_entered_is_an_error_with_a_remedy(
    lenient: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Path.lstat

    def refuse(path: Path) -> object:
        if path.parent == home:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path)

    monkeypatch.setattr(Path, "lstat", refuse)
    with pytest.raises(SettingsError, match=r"cannot be used: Permission denied\.") as refused:
        load_settings(lenient=lenient)
    assert "permissions" in refused.value.hint
