"""Settings from the environment and `.env` files, and the paths that follow from them.

Precedence: flag > environment > ./.env > VQ_HOME/.env > default.
"""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import platformdirs
from dotenv import dotenv_values
from pydantic import Field, PrivateAttr, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ventriloquist.errors import SettingsError
from ventriloquist.fs import require_regular
from ventriloquist.layout import DATABASE, EXPORTS, MODELS, TOKENS

DOTENV = Path(".env")  # in the current folder: it wins over the one in VQ_HOME
MAX_BYTES = 1 << 20  # of a .env
FIELDS = {  # by variable; VQ_HOME is read before the others
    "MY_NAME": "my_name",
    "USER_IDENTIFIERS": "user_identifiers",
    "WANDB_API_KEY": "wandb_api_key",
    "VQ_API_KEY": "VQ_API_KEY",
    "VQ_SERVE_TOKEN": "VQ_SERVE_TOKEN",
    "VQ_BACKEND": "VQ_BACKEND",
    "VQ_TIME_ZONE": "VQ_TIME_ZONE",
}


class Settings(BaseSettings):
    """What a user can set once instead of on every command."""

    model_config = SettingsConfigDict(extra="ignore")

    home: Path = Field(validation_alias="VQ_HOME")
    my_name: str | None = None  # default: the owner's contact card
    user_identifiers: Annotated[list[str], NoDecode] = []  # the owner's numbers and addresses, over what is detected
    time_zone: str | None = Field(None, validation_alias="VQ_TIME_ZONE")  # over the file's and the machine's
    backend: str | None = Field(None, validation_alias="VQ_BACKEND")  # of train, chat and eval
    wandb_api_key: str | None = Field(None, repr=False)  # a `wandb login` also works
    api_key: SecretStr | None = Field(None, validation_alias="VQ_API_KEY")  # for chat --endpoint
    backup_password: SecretStr | None = Field(None, validation_alias="VQ_BACKUP_PASSWORD")  # never from a .env
    token: SecretStr | None = Field(None, validation_alias="VQ_SERVE_TOKEN")  # of vq serve
    _home_from: Path | None = PrivateAttr(None)  # the .env that chose the home
    _warnings: list[str] = PrivateAttr(default_factory=list)
    _values: dict[str, str] = PrivateAttr(default_factory=dict)  # of the .env files

    @field_validator("user_identifiers", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("my_name", "time_zone", "backend")
    @classmethod
    def _blank_is_unset(cls, value: str | None) -> str | None:
        return (value or "").strip() or None

    @field_validator("backup_password")
    @classmethod
    def _empty_is_unset(cls, value: SecretStr | None) -> SecretStr | None:
        return value if value and value.get_secret_value() else None

    @property
    def notes(self) -> list[str]:
        """Notes to show before anything is written: ./.env may have chosen another VQ_HOME."""
        return [f"VQ_HOME comes from ./{self._home_from}: {self.home}"] if self._home_from else []

    @property
    def warnings(self) -> list[str]:
        """Problems with the .env files that are not errors."""
        return self._warnings

    @property
    def serve_token(self) -> str | None:
        """The token that clients of `vq serve` must send, or None if there is none. Error messages never contain it."""
        return (self.token.get_secret_value().strip() if self.token else "") or None

    def key(self, variable: str | None = None) -> str | None:
        """Return the API key for `--endpoint`, or None if there is none. Error messages never contain it.

        Args:
            variable: name of the variable that holds it, in the environment or a .env. Default: VQ_API_KEY, which is
            optional.

        Raises:
            SettingsError: the named variable is not set, or its value is not a valid key.
        """
        if variable is None:
            value = self.api_key.get_secret_value() if self.api_key else ""
        else:
            value = os.environ.get(variable) or self._values.get(variable, "")
            if not value.strip():
                raise SettingsError(
                    "--api-key-env names a variable that is not set.",
                    hint="Set it in the environment or .env, and name the variable, not the key: --api-key-env MY_KEY",
                )
        value = value.strip()
        if not (value.isascii() and value.isprintable()) or " " in value:
            raise SettingsError(
                f"The variable {variable or 'VQ_API_KEY'} does not hold a key: a key is one word of ASCII characters.",
                hint="Correct it in the environment or .env.",
            )
        return value or None

    @property
    def database(self) -> Path:
        return self.home / DATABASE

    @property
    def exports(self) -> Path:
        return self.home / EXPORTS

    @property
    def models(self) -> Path:
        return self.home / MODELS

    @property
    def tokens(self) -> Path:
        return self.home / TOKENS


def load_settings(home: Path | None = None, *, lenient: bool = False) -> Settings:
    """Read the settings: from the environment, else from ./.env, else from VQ_HOME/.env.

    Args:
        home: instead of the VQ_HOME that is set.
        lenient: skip a .env that cannot be read, with a warning.

    Raises:
        SettingsError: VQ_HOME cannot be a folder, or a .env cannot be read.
    """
    warnings: list[str] = []

    def read(path: Path) -> Mapping[str, str]:
        try:
            return read_dotenv(path)
        except SettingsError as error:
            if not lenient:
                raise
            warnings.append(error.what)
            return {}

    here = read(DOTENV)
    is_set = home is not None or bool(os.environ.get("VQ_HOME"))
    named = str(home) if home else os.environ.get("VQ_HOME") or here.get("VQ_HOME")
    home = _folder(named) if named else platformdirs.user_data_path("ventriloquist", appauthor=False)
    _check_permitted(home)
    values = {**read(home / DOTENV), **here}
    in_environment = {name.upper() for name in os.environ}
    chosen: dict[str, Any] = {FIELDS[name]: values[name] for name in FIELDS.keys() & values.keys() - in_environment}
    settings = Settings(VQ_HOME=home, **chosen)
    settings._values = values
    settings._warnings = warnings
    settings._home_from = DOTENV if named and not is_set else None
    return settings


def home_folder() -> Path:
    """Return VQ_HOME; a .env that cannot be read is skipped."""
    return load_settings(lenient=True).home


def _check_permitted(home: Path) -> None:
    """Raise a SettingsError if this user may not look into a home."""
    with suppress(FileNotFoundError, NotADirectoryError):
        try:
            (home / DATABASE).lstat()
        except PermissionError as error:
            raise SettingsError(
                f"{home} cannot be used: {error.strerror}.",
                hint="Check its permissions, or set VQ_HOME to a folder of yours.",
            ) from None


def _folder(named: str) -> Path:
    try:
        home = Path(named).expanduser().resolve()
        is_other = home.exists() and not home.is_dir()
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a loop of links, a name too long
        reason = str(error).rstrip(".")
        raise SettingsError(f"VQ_HOME cannot be {named!r}: {reason}.", hint="Set it to a folder.") from None
    if is_other:
        raise SettingsError(f"VQ_HOME is not a folder: {home}.", hint="Set it to a folder, or to a new path.")
    return home


def read_dotenv(path: Path) -> dict[str, str]:
    """Return the variables of a .env, ours in upper case. A folder has none: some virtual environments are called .env.

    Raises:
        SettingsError: it cannot be read. Invalid UTF-8 in the variables of other programs is allowed.
    """
    try:
        require_regular(path)
        reason = f"it has more than {MAX_BYTES >> 20} MiB" if path.stat().st_size > MAX_BYTES else ""
        data = b"" if reason else path.read_bytes()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    except OSError as error:
        reason, data = error.strerror or str(error), b""
    text = data.decode("utf-8-sig", "surrogateescape")  # some editors write a byte order mark
    values = {name: value for name, value in dotenv_values(stream=io.StringIO(text)).items() if value is not None}
    values |= {name.upper(): value for name, value in values.items() if name.upper() in (*FIELDS, "VQ_HOME")}
    if "\0" in text or re.search("[\ud800-\udfff]", "".join(values.get(name, "") for name in (*FIELDS, "VQ_HOME"))):
        reason = "it is not UTF-8"
    if reason:
        raise SettingsError(f"{path} cannot be read: {reason}.", hint="Make it a text file that you can read.")
    return values
