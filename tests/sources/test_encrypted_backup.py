"""An encrypted iPhone backup: opened with its password, and refused in one line whatever is wrong with it."""

from __future__ import annotations

import os
import plistlib
import shutil
import sqlite3
import stat
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any

import pexpect
import pytest
from apple import ChatDb, MacCard, write_ios_address_book
from collected import names, outcomes, query
from cryptography.hazmat.primitives.keywrap import aes_key_wrap
from encrypted_backup import PASSWORD, cbc, encrypt, keybag, tag
from hypothesis import given
from hypothesis import strategies as st

from ventriloquist import collect
from ventriloquist.errors import MissingExtraError, SourceError
from ventriloquist.home import Home
from ventriloquist.installation import install_hint
from ventriloquist.sources.imessage import encrypted
from ventriloquist.sources.imessage.backup import CONTACTS, MESSAGES, hashed_name, open_backup

T = 1_700_000_000_000
ANN = "+12505550111"
CARDS = [MacCard("Robin", "Vale", ["+12505550100"], is_me=True), MacCard("Ann", "Lee", ["(250) 555-0111"])]
WORDS = "a very private word"


def write_backup(folder: Path, *, password: str = PASSWORD, flat: bool = False, wal: bool = False) -> Path:
    """Write an encrypted backup with two messages; with `wal`, the second one is still in the write-ahead log."""
    folder.mkdir(parents=True)
    db = ChatDb(folder.parent / "sms.db")
    db.message(db.dm(ANN), T, WORDS, sender=ANN)
    db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    db.message(db.dm(ANN), T + 1, "and another", sender=ANN)
    if not wal:
        db.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    files = {MESSAGES: db.path, CONTACTS: write_ios_address_book(folder.parent / "book.db", CARDS)}
    if wal:
        files[f"{MESSAGES}-wal"] = Path(f"{db.path}-wal")
    for path, file in files.items():
        name = hashed_name(path)
        place = folder / name if flat else folder / name[:2] / name
        place.parent.mkdir(exist_ok=True)
        shutil.copyfile(file, place)
    db.close()
    return encrypt(folder, {path: hashed_name(path) for path in files}, password=password)


@pytest.fixture
def backup(tmp_path: Path) -> Path:
    return write_backup(tmp_path / "backup")


def change_manifest(backup: Path, **changes: object) -> None:
    path = backup / "Manifest.plist"
    manifest: dict[str, Any] = plistlib.loads(path.read_bytes())
    path.write_bytes(plistlib.dumps({**manifest, **changes}))


def snapshot(folder: Path) -> dict[str, tuple[bytes, int]]:
    return {
        str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file()
    }


def vq(home: Path, *arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ventriloquist", "collect", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env={"PATH": os.environ["PATH"], "VQ_HOME": str(home), **environment},
        check=False,
        text=True,
    )


@pytest.mark.parametrize("flat", [False, True])
@pytest.mark.parametrize("wal", [False, True])
def test_messages_and_contacts_are_read_and_the_backup_stays_as_it_was(
    tmp_path: Path, home: Path, flat: bool, wal: bool
) -> None:
    backup = write_backup(tmp_path / "backup", flat=flat, wal=wal)
    before = snapshot(backup)
    summary = Home(home).collect(backup, source="backup", password=PASSWORD)
    assert (summary.messages, summary.owner) == (2, "Robin Vale")
    assert names(home) == {"Robin Vale", "Ann Lee"}
    assert {getattr(outcome, "text", None) for outcome in outcomes(home).values()} == {WORDS, "and another"}
    assert snapshot(backup) == before
    assert not (home / "temporary").exists()
    again = Home(home).collect(backup, source="backup", password=PASSWORD)
    assert (again.messages, again.added) == (2, 0)


def test_the_decrypted_files_are_private_and_gone_after_reading(backup: Path, home: Path) -> None:
    with open_backup(backup, home=home, password=lambda _: PASSWORD):
        (private,) = (home / "temporary").iterdir()
        assert stat.S_IMODE(private.stat().st_mode) == 0o700
        assert {path.name for path in private.iterdir()} >= {"Manifest.db", "sms.db", "AddressBook.sqlitedb"}
        assert {stat.S_IMODE(path.stat().st_mode) for path in private.glob("*.*")} == {0o600}
    assert not home.exists()
    with pytest.raises(KeyboardInterrupt):  # Ctrl-C while messages are read
        with open_backup(backup, home=home, password=lambda _: PASSWORD):
            raise KeyboardInterrupt
    assert not home.exists()


def test_what_a_killed_process_decrypted_is_removed_by_the_next_run(backup: Path, home: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path\n"
        "from ventriloquist.sources.imessage.backup import open_backup\n"
        f"with open_backup(Path({str(backup)!r}), home=Path({str(home)!r}), password=lambda _: {PASSWORD!r}):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -9
    assert [*(home / "temporary").glob("*/sms.db")]
    assert vq(home, "--backup", backup, VQ_BACKUP_PASSWORD="wrong").returncode == 1
    assert not (home / "temporary").exists()


def test_a_password_is_asked_for_up_to_three_times(backup: Path, home: Path) -> None:
    asked: list[int] = []

    def ask(wrong: int) -> str:
        asked.append(wrong)
        return PASSWORD if wrong == 2 else "wrong"

    with open_backup(backup, home=home, password=ask) as source:
        assert source.name == f"Messages in the backup at {backup}"
    assert asked == [0, 1, 2]
    with pytest.raises(SourceError, match="The password does not open the backup") as error:
        with open_backup(backup, home=home, password=lambda _: ""):
            pass
    assert "reset all settings" in error.value.hint
    assert not home.exists()


@pytest.mark.parametrize("password", ["", "mistyped", PASSWORD.upper(), PASSWORD + " ", "\ud800", "x" * 10_000])
def test_a_wrong_password_is_one_line_without_the_password(backup: Path, home: Path, password: str) -> None:
    with pytest.raises(SourceError) as error:
        Home(home).collect(backup, source="backup", password=password or None)
    assert not password or (password not in error.value.what + error.value.hint)
    assert not home.exists()


def test_on_a_terminal_the_password_is_not_shown(backup: Path, home: Path) -> None:
    terminal = pexpect.spawn(
        sys.executable,
        ["-m", "ventriloquist", "collect", "--backup", str(backup)],
        env={"PATH": os.environ["PATH"], "VQ_HOME": str(home), "TERM": "xterm"},
        encoding="utf-8",
        timeout=120,
        dimensions=(40, 200),
    )
    shown = ""
    terminal.expect("This backup is encrypted.")
    terminal.expect("Its password: ")
    terminal.sendline("a wrong one")
    terminal.expect("Opening the backup takes a few seconds")
    shown += terminal.before
    terminal.expect("That password does not open the backup.")
    terminal.expect("Its password: ")
    terminal.sendline(PASSWORD)
    terminal.expect("Ann|Robin Vale")
    shown += terminal.before
    terminal.expect(pexpect.EOF)
    terminal.close()
    assert terminal.exitstatus == 0
    shown += terminal.before
    assert "a wrong one" not in shown
    assert PASSWORD not in shown
    everything = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    assert PASSWORD.encode() not in everything
    assert b"correct horse" not in everything


def test_without_a_terminal_the_variable_has_the_password(backup: Path, home: Path, tmp_path: Path) -> None:
    done = vq(home, "--backup", backup)
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: The backup in {backup} is encrypted.\n")
    assert "VQ_BACKUP_PASSWORD" in done.stderr
    assert vq(home, "--backup", backup, VQ_BACKUP_PASSWORD="").stderr == done.stderr
    done = vq(home, "--backup", backup, VQ_BACKUP_PASSWORD="not it, no")
    assert done.returncode == 1
    assert done.stderr.startswith(f"Error: The password does not open the backup in {backup}.\n")
    assert "not it, no" not in done.stderr
    done = vq(home, "--backup", backup, "--json", VQ_BACKUP_PASSWORD=PASSWORD)
    assert done.returncode == 0, done.stderr
    assert PASSWORD not in done.stdout + done.stderr
    assert PASSWORD not in str(query(home, "SELECT parameters, result FROM runs"))


def test_a_password_in_a_dotenv_is_not_used(backup: Path, home: Path) -> None:
    home.mkdir()
    (home / ".env").write_text(f"VQ_BACKUP_PASSWORD={PASSWORD}\n", encoding="utf-8")
    assert vq(home, "--backup", backup).returncode == 1


def test_without_the_extra_the_error_says_how_to_add_it(
    backup: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encrypted, "find_spec", lambda _: None)
    with pytest.raises(MissingExtraError, match="extra `backup` is not installed") as error:
        Home(home).collect(backup, source="backup", password=PASSWORD)
    assert error.value.hint == install_hint("backup")
    assert "[backup]" in error.value.hint


def refused(backup: Path, home: Path, match: str = "damaged|does not open|has no messages|cannot be decrypted") -> None:
    with pytest.raises(SourceError, match=match):
        Home(home).collect(backup, source="backup", password=PASSWORD)
    assert not home.exists()


@pytest.mark.parametrize(
    "bag",
    [
        None,
        "text",
        b"",
        b"\0" * 100,
        tag(b"TYPE", 9),
        tag(b"CLAS", 3),
        tag(b"UUID", b"\1" * 16) + tag(b"WRAP", 0) + tag(b"UUID", b"\2" * 16) + tag(b"CLAS", 3),  # no salts
        keybag({3: bytes(32)}, PASSWORD).replace(tag(b"ITER", 10), tag(b"ITER", 0)),
        keybag({3: bytes(32)}, PASSWORD).replace(tag(b"DPIC", 10), tag(b"DPIC", 4_000_000_000)),  # hours
        keybag({3: bytes(32)}, PASSWORD),  # without the key of Manifest.db
        keybag({4: bytes(32)}, PASSWORD),  # with another one
    ],
)
def test_a_damaged_keybag_is_one_line(backup: Path, home: Path, bag: object) -> None:
    if bag is None:
        manifest = plistlib.loads((backup / "Manifest.plist").read_bytes())
        del manifest["BackupKeyBag"]
        (backup / "Manifest.plist").write_bytes(plistlib.dumps(manifest))
    else:
        change_manifest(backup, BackupKeyBag=bag)
    refused(backup, home)


@pytest.mark.parametrize("key", [b"", b"\4\0\0\0", b"\4\0\0\0" + bytes(40), b"\x63\0\0\0" + bytes(40), b"\4" * 1000])
def test_a_damaged_key_of_the_manifest_is_one_line(backup: Path, home: Path, key: bytes) -> None:
    change_manifest(backup, ManifestKey=key)
    refused(backup, home)


@pytest.mark.parametrize("key", ["text", 4])
def test_a_backup_before_ios_10_2_says_what_to_do(backup: Path, home: Path, key: object) -> None:
    change_manifest(backup, ManifestKey=key)
    refused(backup, home, "iOS before 10.2")


@pytest.mark.parametrize("name", ["Manifest.db", f"3d/{hashed_name(MESSAGES)}"])
@pytest.mark.parametrize("how", ["cut", "cut to blocks", "empty", "other", "gone", "folder", "pipe"])
def test_a_damaged_file_is_one_line(backup: Path, home: Path, name: str, how: str) -> None:
    path = backup / name
    content = path.read_bytes()
    path.unlink()
    if how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how != "gone":
        changed = {"cut": content[:-7], "cut to blocks": content[:-512], "empty": b"", "other": bytes(len(content))}
        path.write_bytes(changed[how])
    refused(backup, home)


def test_damaged_contacts_are_a_note(backup: Path, home: Path) -> None:
    name = hashed_name(CONTACTS)
    (backup / name[:2] / name).write_bytes(b"\0" * 64)
    options = collect.Options("Robin")
    summary = Home(home).collect(backup, source="backup", password=PASSWORD, options=options)
    assert summary.messages == 2
    assert any(note.startswith("Contacts were not read: ") for note in summary.notes)


RECORDS: list[Any] = [
    None,
    b"",
    b"bplist00",
    plistlib.dumps({}, fmt=plistlib.FMT_BINARY),
    plistlib.dumps({"$top": {"root": plistlib.UID(0)}, "$objects": []}, fmt=plistlib.FMT_BINARY),
    plistlib.dumps({"$top": {"root": plistlib.UID(0)}, "$objects": [{"ProtectionClass": 3}]}, fmt=plistlib.FMT_BINARY),
    b"\0" * (2 << 20),
]


@pytest.mark.parametrize("record", RECORDS)
def test_a_damaged_record_of_a_file_is_one_line(tmp_path: Path, home: Path, record: bytes | None) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    listed = tmp_path / "list.db"
    with sqlite3.connect(listed) as connection:
        connection.execute("CREATE TABLE Files (fileID TEXT, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)")
        connection.execute(
            "INSERT INTO Files VALUES (?, 'HomeDomain', ?, 1, ?)", (hashed_name(MESSAGES), MESSAGES, record)
        )
    connection.close()
    write_list(backup, listed.read_bytes())
    (backup / "3d").mkdir()
    (backup / "3d" / hashed_name(MESSAGES)).write_bytes(bytes(64))
    refused(backup, home)


def write_list(backup: Path, content: bytes) -> None:
    """Encrypt a Manifest.db of any content."""
    (backup / "Manifest.db").write_bytes(cbc(content, b"k" * 32))
    manifest = {
        "IsEncrypted": True,
        "BackupKeyBag": keybag({4: b"c" * 32}, PASSWORD),
        "ManifestKey": struct.pack("<l", 4) + aes_key_wrap(b"c" * 32, b"k" * 32),
    }
    (backup / "Manifest.plist").write_bytes(plistlib.dumps(manifest))


@pytest.mark.parametrize("name", ["../../outside", "3d0d7e5fb2ce288813306e4d4636395e047a3d2", None, "A" * 40])
def test_a_list_cannot_name_a_file_elsewhere(tmp_path: Path, home: Path, name: str | None) -> None:
    backup = tmp_path / "backup"
    backup.mkdir()
    listed = tmp_path / "list.db"
    with sqlite3.connect(listed) as connection:
        connection.execute("CREATE TABLE Files (fileID TEXT, domain TEXT, relativePath TEXT, flags INTEGER, file BLOB)")
        connection.execute("INSERT INTO Files VALUES (?, 'HomeDomain', ?, 1, x'00')", (name, MESSAGES))
    connection.close()
    write_list(backup, listed.read_bytes())
    refused(backup, home, "has no messages")


@given(st.data())
def test_a_keybag_with_other_bytes_opens_or_is_one_line(tmp_path_factory: pytest.TempPathFactory, data: Any) -> None:
    folder = tmp_path_factory.mktemp("damaged")
    bag = bytearray(keybag({3: b"f" * 32, 4: b"c" * 32}, PASSWORD))
    head = bag.index(b"ITER"), bag.index(b"DPIC") + 12
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(bag) - 1))
        if not any(bag.index(name) + 8 <= at < bag.index(name) + 12 for name in (b"ITER", b"DPIC") if name in bag):
            bag[at] = data.draw(st.integers(0, 255))  # another number of steps may take seconds
    if data.draw(st.booleans()):
        del bag[data.draw(st.integers(head[0], len(bag))) :]
    asked: list[int] = []

    def ask(wrong: int) -> str | None:
        asked.append(wrong)
        return None if wrong else PASSWORD

    try:
        opened = encrypted._unlock(folder, {"BackupKeyBag": bytes(bag)}, ask)
    except SourceError:
        return
    assert opened.unlocked
