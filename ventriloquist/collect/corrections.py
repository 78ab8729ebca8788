"""VQ_HOME/corrections.toml: what a user knows better about who is who. Everything in it is by handle.

unite = [["+12505550111", "sam@example.com"]]   # one person, whatever the cards say
part = ["+12505550199"]                         # a person of its own, whoever's card has it

[rename]
"+12505550111" = "Sam"
"""

from __future__ import annotations

import tomllib
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from ventriloquist.collect.cards import fold
from ventriloquist.errors import SettingsError
from ventriloquist.fs import require_regular
from ventriloquist.layout import CORRECTIONS
from ventriloquist.values import shown

FORMS = {
    "unite": 'lists of handles, as in [["+12505550111", "sam@example.com"]]',
    "part": 'a list of handles, as in ["+12505550199"]',
    "rename": 'a name in quotes for each handle, as in "+12505550111" = "Sam"',
}


class Corrections(BaseModel):
    """The file; empty without one."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    unite: list[list[str]] = []
    part: list[str] = []
    rename: dict[str, str] = {}

    def handles(self) -> list[str]:
        """Return every handle that is named, once."""
        return list(dict.fromkeys([*chain.from_iterable(self.unite), *self.part, *self.rename]))


def load_corrections(home: Path) -> Corrections:
    """Read the file of corrections.

    Raises:
        SettingsError: it is not as described above; the error says where.
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
        raise SettingsError(f"{path}: {what}.", hint="It knows unite, part and [rename].") from None
    blank = [handle for handle, name in corrections.rename.items() if not fold(name)]
    if blank:
        raise SettingsError(f"{path}: rename.{blank[0]}: the name is empty.", hint="Name somebody, or drop the line.")
    return corrections
