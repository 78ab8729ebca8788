"""Settings from the environment and `.env` files, and the paths that follow from them.

Precedence: flag > environment > ./.env > VQ_HOME/.env > default.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import platformdirs
from dotenv import dotenv_values
from pydantic import Field, ValidationError, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ventriloquist.errors import SettingsError
from ventriloquist.regular import require_regular

ENCODING = "utf-8-sig"  # some editors put a mark before the first name


def home_folder() -> Path:
    """Return VQ_HOME: from the environment, else from ./.env, else the platform's user data folder.

    Raises:
        SettingsError: it cannot be a folder, or ./.env cannot be read.
    """
    with _readable_dotenv(Path(".env")):
        named = os.environ.get("VQ_HOME") or dotenv_values(".env", encoding=ENCODING).get("VQ_HOME")
    if not named:
        return platformdirs.user_data_path("ventriloquist", appauthor=False)
    try:
        home = Path(named).expanduser().resolve()
        is_other = home.exists() and not home.is_dir()
    except (OSError, RuntimeError, ValueError) as error:  # no such user, a circle of links, a name too long
        reason = str(error).rstrip(".")
        raise SettingsError(f"VQ_HOME cannot be {named!r}: {reason}.", hint="Set it to a folder.") from None
    if is_other:
        raise SettingsError(f"VQ_HOME is not a folder: {home}.", hint="Set it to a folder, or to one yet to be made.")
    return home


class Settings(BaseSettings):
    """What a user can set once instead of on every command."""

    model_config = SettingsConfigDict(extra="ignore", env_file_encoding=ENCODING)

    home: Path = Field(default_factory=home_folder, init=True, validation_alias="VQ_HOME")
    my_name: str | None = None  # default: the owner's contact card
    user_identifiers: Annotated[list[str], NoDecode] = []  # the owner's numbers and addresses, over what is detected
    time_zone: str | None = Field(None, validation_alias="VQ_TIME_ZONE")  # over the file's and the machine's
    wandb_api_key: str | None = None  # a `wandb login` serves too

    @field_validator("user_identifiers", mode="before")
    @classmethod
    def _comma_separated(cls, value: object) -> object:
        return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value

    @field_validator("my_name", "time_zone")
    @classmethod
    def _blank_is_unset(cls, value: str | None) -> str | None:
        return (value or "").strip() or None

    @property
    def database(self) -> Path:
        return self.home / "ventriloquist.db"

    @property
    def exports(self) -> Path:
        return self.home / "exports"

    @property
    def runs(self) -> Path:
        """One folder a training run: adapter, manifest, checkpoints, log, evaluations."""
        return self.home / "runs"

    @property
    def models(self) -> Path:
        """Base models that were converted here, such as SmolLM2."""
        return self.home / "models"

    @property
    def tokens(self) -> Path:
        """Token caches: as private as the messages they encode."""
        return self.home / "tokens"


def load_settings() -> Settings:
    """Read the settings.

    Raises:
        SettingsError: a value cannot be understood, or a file of them not be read.
    """
    home = home_folder()
    try:
        # later files win in pydantic-settings
        with _readable_dotenv(home / ".env"):
            return Settings(_env_file=(home / ".env", Path(".env")), VQ_HOME=home)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(
            f"The setting {field} makes no sense: {first['msg']}.", hint="Correct it in .env or the environment."
        ) from None


@contextmanager
def _readable_dotenv(path: Path) -> Iterator[None]:
    try:
        if path.is_fifo():  # to open it is to wait for whoever writes into it
            require_regular(path)
        yield
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise SettingsError(f"{path} cannot be read: {reason}.", hint="Make it a text file of yours.") from None
