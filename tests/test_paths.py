from __future__ import annotations

from pathlib import Path

import pytest

from ventriloquist.paths import found_path, kept_path, without_home


def test_a_path_inside_the_home_is_kept_from_it_and_found_wherever_the_home_is(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    (old / "models" / "mine").mkdir(parents=True)
    kept = kept_path(old / "models" / "mine", old)
    assert kept == "models/mine"
    old.rename(new)
    assert found_path(kept, new) == new / "models" / "mine"


def test_a_path_elsewhere_is_kept_whole(tmp_path: Path) -> None:
    assert kept_path(tmp_path / "home-of-another" / "x", tmp_path / "home") == str(tmp_path / "home-of-another" / "x")
    assert found_path(str(tmp_path / "x"), tmp_path / "home") == tmp_path / "x"


def test_a_home_that_is_reached_by_a_link_is_the_same_home(tmp_path: Path) -> None:
    (tmp_path / "home" / "runs" / "1").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "home")
    assert kept_path(tmp_path / "link" / "runs" / "1", tmp_path / "home") == "runs/1"
    assert kept_path(tmp_path / "home" / "runs" / "1", tmp_path / "link") == "runs/1"


def test_a_folder_of_the_home_that_is_a_link_is_kept_by_its_place_in_the_home(tmp_path: Path) -> None:
    (tmp_path / "large" / "1").mkdir(parents=True)
    (tmp_path / "home" / "runs").mkdir(parents=True)
    (tmp_path / "home" / "runs" / "1").symlink_to(tmp_path / "large" / "1")
    assert kept_path(tmp_path / "home" / "runs" / "1", tmp_path / "home") == "runs/1"


@pytest.mark.parametrize("old", ["/was/there/vq/models/mine", "/Users/sam/Library/vq/models/mine"])
def test_an_old_absolute_path_is_looked_for_in_the_present_home(old: str, tmp_path: Path) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)
    assert found_path(old, tmp_path) == tmp_path / "models" / "mine"


@pytest.mark.parametrize(
    "kept", ["/was/there/mine", "/x/../../models/none", "/\0/models/mine", f"/{'x' * 5000}/models"]
)
def test_what_is_not_there_is_not_made_up(kept: str, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    assert found_path(kept, tmp_path) == Path(kept)


def test_values_lose_the_home_wherever_a_path_stands_in_them(tmp_path: Path) -> None:
    home = tmp_path / "home"
    value = {"a": [str(home / "x"), home / "y"], "b": f"see {home}", "c": f"{home}2/x", "d": 1, "e": None}
    assert without_home(value, home) == {"a": ["x", "y"], "b": f"see {home}", "c": f"{home}2/x", "d": 1, "e": None}
