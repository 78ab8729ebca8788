"""An encrypted iPhone backup: unlocked with its password, and decrypted one file at a time into a private folder.

Manifest.plist holds the keybag, whose class keys are wrapped with a key derived from the password, and the wrapped key
of Manifest.db. That database holds the wrapped key of each file. iphone-backup-decrypt reads the keybag and decrypts;
everything else is read with our own limits, since a backup may be anybody's.
"""

from __future__ import annotations

import errno
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from plistlib import UID
from typing import TYPE_CHECKING, Any

from ventriloquist.errors import MissingExtraError, SourceError
from ventriloquist.fs import require_regular
from ventriloquist.installation import install_hint
from ventriloquist.settings import home_folder
from ventriloquist.sources.imessage import hardening
from ventriloquist.sources.imessage.connect import open_untrusted, translated
from ventriloquist.sources.imessage.plist import load_plist
from ventriloquist.sources.imessage.private_copy import check_space
from ventriloquist.store.temporary import temporary_folder

if TYPE_CHECKING:
    from iphone_backup_decrypt.utils import BackupKeyBag

Password = Callable[[int], str | None]  # asked with the number of wrong ones before; None: there is no other

TRIES = 3
MANIFEST_DB = "Manifest.db"
_HASH = re.compile(r"[0-9a-f]{40}")
_CLASS_BYTES = 4  # before a wrapped key: the number of its protection class, little-endian
_MAX_RECORD_BYTES = 1 << 20  # of a file, in Manifest.db; an ordinary one has 1 to 3 KB


@contextmanager
def decrypted(
    folder: Path, domain: str, manifest: Mapping[str, Any], password: Password | None, home: Path | None
) -> Iterator[Callable[[str], Path | None]]:
    """Unlock a backup, and yield a function that decrypts the file at a path of a domain; None: there is none.

    The decrypted files are removed when the block ends, also after Ctrl-C. If the process is killed, the next run
    removes them. Nothing is written into the backup, and the password is not kept.

    Args:
        manifest: what Manifest.plist holds.
        password: asks for it, up to three times.
        home: VQ_HOME, in which the decrypted files lie. Default: the one of the settings.

    Raises:
        SourceError: there is no password or a wrong one, or the backup is damaged.
        MissingExtraError: the extra `backup` is not installed.
    """
    if password is None:
        raise _locked(folder)
    if find_spec("iphone_backup_decrypt") is None:
        raise MissingExtraError(
            f"The backup in {folder} is encrypted, and the extra `backup` is not installed.",
            hint=install_hint("backup"),
        )
    keybag = _unlock(folder, manifest, password)
    with temporary_folder(home or home_folder()) as private:
        key = manifest.get("ManifestKey")
        if not isinstance(key, bytes):
            raise SourceError(
                f"The list of files in the backup in {folder} is not encrypted, as in iOS before 10.2.",
                hint="Update the iPhone and back up again, or make a backup without encryption.",
            )
        with _reading(folder):
            opened = keybag.unwrap_key_for_class(int.from_bytes(key[:_CLASS_BYTES], "little"), key[_CLASS_BYTES:])
        listed = private / MANIFEST_DB
        _decrypt(folder, folder / MANIFEST_DB, opened, listed)
        yield partial(_find, folder, domain, keybag, listed)


def _unlock(folder: Path, manifest: Mapping[str, Any], password: Password) -> BackupKeyBag:
    """Ask for the password until it opens the keybag, and return the open keybag."""
    from iphone_backup_decrypt.utils import BackupKeyBag

    with _reading(folder):
        keybag = BackupKeyBag(manifest["BackupKeyBag"])
        if not keybag.classes_data:
            raise ValueError("no keys")
    for wrong in range(TRIES):
        asked = password(wrong)
        if asked is None and not wrong:
            raise _locked(folder)
        if asked is None:
            break
        with _reading(folder):
            if asked and keybag.unlock_with_passphrase(asked.encode("utf-8", "surrogateescape")):
                return keybag
    raise SourceError(
        f"The password does not open the backup in {folder}.",
        hint="It is the one that was chosen for encrypted backups of this iPhone. "
        "If it is lost, reset all settings on the iPhone, which keeps its data, and back up again.",
    )


def _locked(folder: Path) -> SourceError:
    return SourceError(
        f"The backup in {folder} is encrypted.",
        hint="Run the command on a terminal, which asks for its password, or set VQ_BACKUP_PASSWORD. "
        "Or, in Finder, select the iPhone, clear 'Encrypt local backup', and back up again.",
    )


def _find(folder: Path, domain: str, keybag: BackupKeyBag, listed: Path, path: str) -> Path | None:
    """Decrypt a file beside the list of files, under its own name, so that SQLite finds a -wal beside its database."""
    with (
        open_untrusted(listed, what="a backup") as reading,
        translated(folder / MANIFEST_DB, "a backup"),
    ):
        hardening.check(reading.connection, listed, ("Files",))
        row = reading.connection.execute(
            "SELECT CAST(fileID AS TEXT), CAST(file AS BLOB) FROM Files "
            "WHERE domain = ? AND relativePath = ? AND length(file) <= ?",
            (domain, path, _MAX_RECORD_BYTES),
        ).fetchone()
    if not row or not _HASH.fullmatch(row[0] or ""):  # only a hash, so that it cannot be a path
        return None
    places = (folder / row[0][:2] / row[0], folder / row[0])
    place = next((place for place in places if place.is_file()), None)
    if place is None:
        return None
    with _reading(folder):
        wrapped, protection_class = _key_in(load_plist(row[1]))
        key = keybag.unwrap_key_for_class(protection_class, wrapped)
    found = listed.with_name(Path(path).name)
    _decrypt(folder, place, key, found)
    return found


def _key_in(record: Any) -> tuple[bytes, int]:
    """Return the wrapped key of a file and its protection class, from its record: an archive of NSKeyedArchiver."""
    objects: list[Any] = record["$objects"]

    def at(reference: UID) -> Any:
        return objects[reference.data]

    file = at(record["$top"]["root"])
    return at(file["EncryptionKey"])["NS.data"][_CLASS_BYTES:], file["ProtectionClass"]


def _decrypt(folder: Path, encrypted: Path, key: bytes, to: Path) -> None:
    from iphone_backup_decrypt.utils import aes_decrypt_chunked

    with _reading(folder):
        require_regular(encrypted)
        check_space(to.parent, encrypted.stat().st_size)
        aes_decrypt_chunked(in_filename=str(encrypted), key=key, out_filepath=str(to))


@contextmanager
def _reading(folder: Path) -> Iterator[None]:
    """Turn what the library raises on a damaged backup into one line, without its words: they may quote a key.

    Raises:
        SourceError: the backup is damaged, or the disk is full.
    """
    try:
        yield
    except SourceError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise
        raise SourceError(
            f"The backup in {folder} cannot be decrypted: {error.strerror or error}.", hint="Make a new backup."
        ) from None
    except Exception:  # on damaged bytes the library raises many errors
        raise SourceError(
            f"The backup in {folder} is damaged and cannot be decrypted.", hint="Copy it again, or make a new backup."
        ) from None
