from __future__ import annotations

from pathlib import Path

import pytest

from ventriloquist.errors import ModelError
from ventriloquist.model.base import Base, resolve


@pytest.mark.parametrize("name", ["/nowhere/model", "./model", "../model", "~/model", "runs/of/mine"])
def test_a_folder_that_is_not_there_is_not_asked_for_on_the_hub(name: str, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="There is no folder"):
        resolve(name, tmp_path)


def test_an_id_is_one_of_the_hub(tmp_path: Path) -> None:
    assert resolve("unsloth/Qwen3-8B-Base", tmp_path) == Base("unsloth/Qwen3-8B-Base")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="holds no model"):
        resolve(str(tmp_path), tmp_path)
