"""An iPhone's backup: found by its well-known names, by its manifest, or refused because it is encrypted."""

from __future__ import annotations

import contextlib
import hashlib
import os
import plistlib
import shutil
import socket
import sqlite3
from pathlib import Path

import pytest
from apple import ChatDb, MacCard, write_address_book, write_ios_address_book
from collected import collect_into, names, outcomes, query

from ventriloquist.errors import SettingsError, SourceError
from ventriloquist.sources import SOURCES
from ventriloquist.sources.imessage.backup import CONTACTS, MESSAGES, hashed_name

T = 1_700_000_000_000
ANN = "+12505550111"
CARDS = [
    MacCard("Robin", "Vale", ["+12505550100"], is_me=True),
    MacCard("Ann", "Lee", ["(250) 555-0111"], ["Ann@Example.com"]),
]


def write_backup(folder: Path, *, flat: bool = False, contacts: bool = True, manifest: bool = True) -> Path:
    """Write a backup with two messages of one person."""
    folder.mkdir(parents=True)
    db = ChatDb(folder.parent / "sms.db")
    db.message(db.dm(ANN), T, "hello", sender=ANN)
    db.message(db.dm("ann@example.com"), T + 1, "by mail", sender="ann@example.com")
    put(folder, MESSAGES, db.close(), flat=flat)
    if contacts:
        put(folder, CONTACTS, write_ios_address_book(folder.parent / "book.db", CARDS), flat=flat)
    if manifest:
        connection = sqlite3.connect(folder / "Manifest.db")
        connection.execute(
            "CREATE TABLE Files (fileID TEXT PRIMARY KEY, domain TEXT, relativePath TEXT, flags INTEGER)"
        )
        connection.close()
        (folder / "Manifest.plist").write_bytes(plistlib.dumps({"IsEncrypted": False, "Version": "10.0"}))
    return folder


def put(folder: Path, path: str, file: Path, *, flat: bool = False, name: str | None = None) -> Path:
    name = name or hashed_name(path)
    place = folder / name if flat else folder / name[:2] / name
    place.parent.mkdir(exist_ok=True)
    return Path(shutil.move(file, place))


def test_the_well_known_names_are_the_hashes_of_the_paths() -> None:
    assert hashed_name(MESSAGES) == "3d0d7e5fb2ce288813306e4d4636395e047a3d28"
    assert hashed_name(CONTACTS) == "31bb7ba8914766d4ba40d6dfb6113c8b614be442"
    assert hashed_name("x", "Camera") == hashlib.sha1(b"Camera-x").hexdigest()


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("manifest", [False, True])
def test_messages_and_contacts_are_found(tmp_path: Path, home: Path, flat: bool, manifest: bool) -> None:
    backup = write_backup(tmp_path / "backup", flat=flat, manifest=manifest)
    before = sorted(path.relative_to(backup) for path in backup.rglob("*"))
    summary = collect_into(home, backup=backup)
    assert summary.owner == "Robin Vale"
    assert names(home) == {"Robin Vale", "Ann Lee"}
    assert {getattr(outcome, "text", None) for outcome in outcomes(home).values()} == {"hello", "by mail"}
    assert query(home, "SELECT count(*) FROM conversations") == [(1,)]
    assert sorted(path.relative_to(backup) for path in backup.rglob("*")) == before


def test_a_folder_of_one_backup_will_do(tmp_path: Path, home: Path) -> None:
    write_backup(tmp_path / "Backup" / "00008030-000A")
    assert collect_into(home, backup=tmp_path / "Backup").messages == 2


def test_of_several_backups_one_must_be_named(tmp_path: Path, home: Path) -> None:
    for name in ("00008030-000A", "00008030-000B"):
        write_backup(tmp_path / "Backup" / name)
    with pytest.raises(SourceError, match="several backups") as caught:
        collect_into(home, backup=tmp_path / "Backup")
    assert "00008030-000A" in caught.value.hint


def test_an_encrypted_backup_says_so(tmp_path: Path, home: Path) -> None:
    backup = write_backup(tmp_path / "backup")
    (backup / "Manifest.plist").write_bytes(plistlib.dumps({"IsEncrypted": True}, fmt=plistlib.FMT_BINARY))
    (backup / "Manifest.db").write_bytes(b"\x17" * 9000)
    with pytest.raises(SourceError, match="is encrypted") as caught:
        collect_into(home, backup=backup)
    assert "Encrypt local backup" in caught.value.hint
    assert not home.exists()


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
def test_a_manifest_that_is_no_file_is_not_waited_for(tmp_path: Path, home: Path, kind: str) -> None:
    backup = write_backup(tmp_path / "backup")
    manifest = backup / "Manifest.plist"
    manifest.unlink()
    unreadable(manifest, kind)
    assert collect_into(home, backup=backup).messages == 2


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder"])
@pytest.mark.parametrize("name", [MESSAGES, f"{MESSAGES}-wal", CONTACTS, "Manifest.db"])
def test_nothing_in_a_backup_is_waited_for(tmp_path: Path, home: Path, kind: str, name: str) -> None:
    backup = write_backup(tmp_path / "backup")
    place = backup / name if name == "Manifest.db" else backup / hashed_name(name)[:2] / hashed_name(name)
    place.parent.mkdir(exist_ok=True)
    place.unlink(missing_ok=True)
    unreadable(place, kind)
    with contextlib.suppress(SourceError):
        collect_into(home, backup=backup, my_name="Robin")


def unreadable(path: Path, kind: str) -> None:
    """Make something that is not a regular file."""
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        bound = socket.socket(socket.AF_UNIX)
        with contextlib.chdir(path.parent):  # a socket's address is short
            bound.bind(path.name)
        bound.close()
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()


def test_a_manifest_may_give_other_names(tmp_path: Path, home: Path) -> None:
    backup = write_backup(tmp_path / "backup", contacts=False)
    other = "ab" * 20
    put(backup, MESSAGES, backup / "3d" / hashed_name(MESSAGES), name=other)
    connection = sqlite3.connect(backup / "Manifest.db")
    connection.execute("INSERT INTO Files VALUES (?, 'HomeDomain', ?, 1)", (other, MESSAGES))
    connection.commit()
    connection.close()
    assert collect_into(home, backup=backup, my_name="Robin").messages == 2


def test_a_manifest_cannot_name_a_file_elsewhere(tmp_path: Path, home: Path) -> None:
    backup = write_backup(tmp_path / "backup", contacts=False)
    outside = shutil.move(backup / "3d" / hashed_name(MESSAGES), tmp_path / "outside.db")
    connection = sqlite3.connect(backup / "Manifest.db")
    connection.execute("INSERT INTO Files VALUES (?, 'HomeDomain', ?, 1)", (f"../../{Path(outside).name}", MESSAGES))
    connection.commit()
    connection.close()
    with pytest.raises(SourceError, match="has no messages"):
        collect_into(home, backup=backup, my_name="Robin")


def test_a_log_that_was_backed_up_beside_the_messages_is_read(tmp_path: Path, home: Path) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    db = ChatDb(tmp_path / "sms.db")
    db.message(db.dm(ANN), T, "only in the log", sender=ANN)
    wal = tmp_path / "copy.wal"
    shutil.copyfile(f"{db.path}-wal", wal)
    shutil.copyfile(db.path, tmp_path / "copy.db")
    put(backup, MESSAGES, tmp_path / "copy.db")
    put(backup, f"{MESSAGES}-wal", wal)
    assert collect_into(home, backup=backup, my_name="Robin").messages == 1
    db.close()


def test_without_contacts_it_goes_on_and_says_so(tmp_path: Path, home: Path) -> None:
    backup = write_backup(tmp_path / "backup", contacts=False)
    summary = collect_into(home, backup=backup, my_name="Robin")
    assert any("has none" in text for text in summary.notes)
    assert names(home) == {"Robin", ANN, "ann@example.com"}


def test_damaged_contacts_are_done_without(tmp_path: Path, home: Path) -> None:
    backup = write_backup(tmp_path / "backup")
    (backup / "31" / hashed_name(CONTACTS)).write_bytes(b"damaged")
    with pytest.raises(SettingsError):
        collect_into(home, backup=backup)
    assert any("not an SQLite database" in text for text in collect_into(home, backup=backup, my_name="R").notes)


def test_a_macs_contacts_can_stand_in_for_the_backups(tmp_path: Path, home: Path) -> None:
    backup = write_backup(tmp_path / "backup", contacts=False)
    contacts = write_address_book(tmp_path / "contacts", [MacCard("Annie", None, [ANN], ["ann@example.com"])])
    collect_into(home, None, contacts, backup=backup, my_name="Robin")
    assert names(home) == {"Robin", "Annie"}


@pytest.mark.parametrize(
    ("kind", "said", "hint"),
    [
        ("missing", "There is no backup at", "MobileSync/Backup"),
        ("empty", "is empty", "MobileSync/Backup"),
        ("hidden", "is empty", "MobileSync/Backup"),
        ("file", "is a file", "--chat-db"),
        ("other", "is not an iPhone's backup", "MobileSync/Backup"),
        ("of others", "is not an iPhone's backup", "MobileSync/Backup"),
    ],
)
def test_what_is_no_backup_says_what_it_is(tmp_path: Path, kind: str, said: str, hint: str) -> None:
    place = tmp_path / "place"
    if kind == "file":
        place.write_text("no folder")
    elif kind != "missing":
        place.mkdir()
    if kind == "hidden":
        (place / ".DS_Store").write_bytes(b"")
    elif kind == "other":
        (place / "holiday.jpg").write_bytes(b"")
    elif kind == "of others":
        (place / "folder").mkdir()
    with pytest.raises(SourceError) as caught, SOURCES["backup"].open(place):
        pass
    assert str(place) in caught.value.what
    assert said in caught.value.what
    assert hint in caught.value.hint


def test_a_backup_without_its_messages_says_so(tmp_path: Path) -> None:
    backup = write_backup(tmp_path / "backup")
    shutil.rmtree(backup / "3d")
    with pytest.raises(SourceError, match="has no messages"), SOURCES["backup"].open(backup):
        pass
