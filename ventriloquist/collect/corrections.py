"""VQ_HOME/corrections.toml: the user's corrections of who is who, by handle.

merge = [["+12505550111", "sam@example.com"]]   # one person, whatever the cards say
split = ["+12505550199"]                        # a person of its own, whatever the cards say

[rename]
"+12505550111" = "Sam"

`merge` and `split` were once called `unite` and `part`; both names work.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ventriloquist.collect.handles import one_line
from ventriloquist.errors import SettingsError
from ventriloquist.fs import new_file, require_regular
from ventriloquist.layout import CORRECTIONS
from ventriloquist.values import shown

_GROUPS = 'lists of handles, as in [["+12505550111", "sam@example.com"]]'
_LIST = 'a list of handles, as in ["+12505550199"]'
FORMS = {
    "merge": _GROUPS,
    "unite": _GROUPS,
    "split": _LIST,
    "part": _LIST,
    "rename": 'a name in quotes for each handle, as in "+12505550111" = "Sam"',
}


class Corrections(BaseModel):
    """What the file says; empty without a file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    merge: list[list[str]] = []
    split: list[str] = []
    rename: dict[str, str] = {}
    unite: list[list[str]] = []  # the older name of merge
    part: list[str] = []  # the older name of split

    @property
    def handles_to_merge(self) -> list[list[str]]:
        """The handles of each person whom the cards do not bring together."""
        return [*self.merge, *self.unite]

    @property
    def handles_to_split(self) -> list[str]:
        """The handles that are persons of their own."""
        return [*self.split, *self.part]

    def handles(self) -> list[str]:
        """Return every handle in the file, once."""
        return list(dict.fromkeys([*chain(*self.handles_to_merge), *self.handles_to_split, *self.rename]))


def load_corrections(home: Path) -> Corrections:
    """Read the file of corrections.

    Raises:
        SettingsError: the file has another form; the error says where.
    """
    path = home / CORRECTIONS
    try:
        require_regular(path)
        text = path.read_text("utf-8-sig")
    except FileNotFoundError:
        return Corrections()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SettingsError(f"{path} cannot be read: {reason}.", hint="Correct or remove it.") from None
    try:
        corrections = Corrections.model_validate(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path} is not TOML: {error}.", hint="Correct or remove it.") from None
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        form = FORMS.get(str(first["loc"][0]))
        what = f"{where} is {shown(first['input'])}, but it takes {form}" if form else f"there is no {shown(where)}"
        raise SettingsError(f"{path}: {what}.", hint="It knows merge, split and [rename].") from None
    blank = [handle for handle, name in corrections.rename.items() if not one_line(name)]
    if blank:
        raise SettingsError(f"{path}: rename.{blank[0]}: the name is empty.", hint="Name somebody, or drop the line.")
    return corrections


_OPENING = re.compile(
    r"""^[ \t]*(?:merge|"merge"|'merge')[ \t]*=[ \t]*\[""", re.MULTILINE
)  # of a list that stands there
_TABLE = re.compile(r"^[ \t]*\[", re.MULTILINE)


def with_merged(home: Path, groups: Sequence[Sequence[str]]) -> str:
    """Return the text of the file of corrections with more people to merge; what the user wrote stays as it is.

    Args:
        groups: the handles of each person.

    Raises:
        SettingsError: the file has a form in which no place was found.
    """
    path = home / CORRECTIONS
    text = path.read_bytes().decode("utf-8") if path.exists() else ""
    wanted = tomllib.loads(text.removeprefix("\ufeff"))
    wanted["merge"] = [*map(list, groups), *wanted.get("merge", [])]
    added = ", ".join(f"[{', '.join(map(_quoted, group))}]" for group in groups)
    for candidate in _with_added(text, added):
        try:
            if tomllib.loads(candidate.removeprefix("\ufeff")) == wanted:
                return candidate
        except tomllib.TOMLDecodeError:
            continue
    raise SettingsError(f"{path} has a form that cannot be added to.", hint=f"Add it yourself: merge = [{added}]")


def write_corrections(home: Path, text: str) -> None:
    """Write the file of corrections. A link to it stays."""
    with new_file((home / CORRECTIONS).resolve()) as file:
        file.write(text.encode())


def _with_added(text: str, added: str) -> Iterator[str]:
    """Yield texts with the people in every place where they may belong."""
    for found in _OPENING.finditer(text):
        yield f"{text[: found.end()]}{added}, {text[found.end() :]}"
    line = f"merge = [{added}]"
    yield f"{text.rstrip()}\n{line}\n".lstrip("\n")
    for found in _TABLE.finditer(text):
        yield f"{text[: found.start()]}{line}\n\n{text[found.start() :]}"


def _quoted(handle: str) -> str:
    """Return a TOML string; JSON has the same escapes."""
    return json.dumps(handle, ensure_ascii=False).replace("\x7f", "\\u007f")
