"""Exports as files, folders and zips: which application's they are, and what is never opened."""

from __future__ import annotations

import os
import random
import resource
import tracemalloc
import zipfile
from contextlib import suppress
from pathlib import Path
from zoneinfo import ZoneInfo

import chat_exports
import pytest
from chat_exports import OWNER, Sent

from ventriloquist.errors import SettingsError, SourceError, StorageError
from ventriloquist.records import SourceMessage
from ventriloquist.sources.export_files import open_items
from ventriloquist.sources.exports import FORMATS, Asked, open_export

HISTORY = [Sent("Ann", "hi", 1_684_144_800_000), Sent(OWNER, "yo", 1_684_144_860_000)]
ASKED = Asked(ZoneInfo("UTC"), me=OWNER)
CHAT = "[15.05.23, 10:00:00] Ann: hi\n[15.05.23, 10:01:00] Me: yo\n"


def texts(path: Path, name: str | None = None) -> list[str]:
    with open_export(name, path, path.parent / "home", ASKED) as source:
        return [row.text for row in source.rows() if isinstance(row, SourceMessage)]


def zipped(path: Path, files: dict[str, str | bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


OTHERS: list[tuple[str, bytes, str, str]] = [
    ("Manifest.db", b"\x17 as an encrypted one begins", "belongs to an iPhone's backup", "vq collect --backup DIR"),
    ("msgstore.db.crypt15", b"\0\1", "WhatsApp's encrypted backup", "64-digit key"),
    ("msgstore-2023-05-15.1.db.crypt14", b"\0\1", "WhatsApp's encrypted backup", "Export chat"),
    ("wa.db", b"SQLite format 3\0", "WhatsApp's contacts", "msgstore.db"),
    ("signal-2023-05-15-10-00-00.backup", b"\0\0", "Signal's encrypted backup", "signal-export"),
    ("chat.db", b"SQLite format 3\0", "database of Messages", "--chat-db"),
    ("calls.xml", b"<?xml version='1.0'?>\n<calls count='1'></calls>", "log of calls", "sms-"),
    ("messages.html", b'<!DOCTYPE html>\n<html><body><div class="page_wrap">', "Telegram's export as HTML", "JSON"),
    ("talk.html", b'<!DOCTYPE html><div class="preamble__entry">', "export as HTML", "--format Json"),
    ("talk.csv", b'AuthorID,Author,Date,Content\n', "export as CSV", "--format Json"),
    ("talk.txt", b"=" * 62 + b"\nGuild: Us\nChannel: talk\n", "as plain text", "--format Json"),
    ("messages.json", b'[{"ID": 1, "Timestamp": "", "Contents": "x", "Attachments": ""}]', "data package", "Exporter"),
    ("message_1.html", b"<html><head></head>", "Messenger or Instagram as HTML", "format JSON"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "data", "what", "hint"), OTHERS)
@pytest.mark.parametrize("place", ["file", "folder", "zip"])
def test_a_file_that_cannot_be_read_is_named_with_what_to_do(
    name: str, data: bytes, what: str, hint: str, place: str, tmp_path: Path
) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / name).write_bytes(data)
    path = {"file": folder / name, "folder": folder, "zip": tmp_path / "export.zip"}[place]
    if place == "zip":
        zipped(path, {f"inside/{name}": data})
    with pytest.raises(SourceError, match=what) as error:
        texts(path)
    assert name in error.value.what
    assert hint in error.value.hint


def test_a_folder_with_exports_of_several_applications_is_asked_about(tmp_path: Path) -> None:
    folder = tmp_path / "all"
    folder.mkdir()
    chat_exports.telegram(HISTORY, folder)
    (folder / "WhatsApp Chat - Ann.txt").write_text(CHAT)
    with pytest.raises(SourceError, match=r"WhatsApp \(WhatsApp Chat - Ann.txt\), Telegram \(result.json\)") as error:
        texts(folder)
    assert f"--source telegram:{folder}" in error.value.hint
    assert texts(folder, "telegram") == texts(folder, "whatsapp") == ["hi", "yo"]


def test_a_wrong_name_is_told_the_right_one(tmp_path: Path) -> None:
    path = chat_exports.telegram(HISTORY, tmp_path)
    with pytest.raises(SourceError, match="export of Telegram, not of Discord") as error:
        texts(path, "discord")
    assert f"--source telegram:{path}" in error.value.hint


@pytest.mark.parametrize("name", [None, *FORMATS])
def test_what_no_application_wrote_is_said(name: str | None, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    for data in (b"", b"\0" * 100, b"{}", b"[]", b"<x/>", b"hello\n"):
        path = folder / "some.json"
        path.write_bytes(data)
        for place in (path, folder):
            with pytest.raises(SourceError, match="holds no export"):
                texts(place, name)
    path.unlink()
    with pytest.raises(SourceError, match="holds no export"):
        texts(folder, name)


def test_a_single_file_needs_no_ending(tmp_path: Path) -> None:
    for number, path in enumerate((chat_exports.telegram(HISTORY, tmp_path), chat_exports.discord(HISTORY, tmp_path))):
        assert texts(path.rename(tmp_path / f"export{number}")) == ["hi", "yo"]
    (tmp_path / "WhatsApp Chat - Ann").write_text(CHAT)
    assert texts(tmp_path / "WhatsApp Chat - Ann") == ["hi", "yo"]


def test_hundreds_of_zips_in_a_folder_are_read_with_few_open_files(tmp_path: Path) -> None:
    for number in range(300):
        with zipfile.ZipFile(tmp_path / f"WhatsApp Chat - P{number}.zip", "w") as archive:
            archive.writestr("_chat.txt", f"[13.01.23, 10:00:00] P{number}: hi\n[13.01.23, 10:00:01] Me: yo\n")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (150, hard))
    try:
        with open_export(None, tmp_path, tmp_path.parent / "home", Asked(ZoneInfo("UTC"))) as source:
            assert source.total == 600
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_zips_in_a_folder_are_read_and_zips_in_a_zip_are_not(tmp_path: Path) -> None:
    folder = tmp_path / "chats"
    folder.mkdir()
    for name in ("Ann", "Bo"):
        zipped(folder / f"WhatsApp Chat - {name}.zip", {"_chat.txt": CHAT.replace("Ann", name)})
    with open_export(None, folder, tmp_path / "home", Asked(ZoneInfo("UTC"))) as source:
        assert {chat.guid.partition(":")[2] for chat in source.chats} == {"Ann", "Bo"}
        assert sum(isinstance(row, SourceMessage) and row.is_from_me for row in source.rows()) == 2
    outer = zipped(tmp_path / "outer.zip", {"inner.zip": (folder / "WhatsApp Chat - Ann.zip").read_bytes()})
    with pytest.raises(SourceError, match="lies in another zip"):
        texts(outer)


@pytest.mark.parametrize("says_utf_8", [True, False])
def test_names_in_a_zip_are_read_in_utf_8_whether_it_says_so_or_not(says_utf_8: bool, tmp_path: Path) -> None:
    name = "WhatsApp Chat - Zoë 🦊.txt"
    path = zipped(tmp_path / "x.zip", {name: CHAT})
    if not says_utf_8:
        data = bytearray(path.read_bytes())
        for mark, place in ((b"PK\3\4", 7), (b"PK\1\2", 9)):
            data[data.index(mark) + place] &= 0xF7
        path.write_bytes(data)
    with open_items(path) as items:
        assert [item.path.name for item in items] == [name]
    assert texts(path) == ["hi", "yo"]


@pytest.mark.parametrize("name", ["../../chat.txt", "/etc/chat.txt", "a/../../chat.txt", "..\\chat.txt"])
def test_a_path_that_leads_out_of_a_zip_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="leads out"):
        texts(zipped(tmp_path / "x.zip", {name: CHAT}))


def test_links_in_a_zip_and_resource_forks_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("WhatsApp Chat - Bo.txt")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
        archive.writestr("__MACOSX/._WhatsApp Chat - Ann.txt", CHAT)
        archive.writestr("WhatsApp Chat - Ann.txt", CHAT)
    with open_items(path) as items:
        assert [str(item.path) for item in items] == ["WhatsApp Chat - Ann.txt"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_of_two_files_with_one_name_the_last_counts(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("WhatsApp Chat - Ann.txt", CHAT.replace("hi", "old"))
        archive.writestr("WhatsApp Chat - Ann.txt", CHAT)
    assert texts(path) == ["hi", "yo"]


def test_an_encrypted_zip_says_what_to_do(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"_chat.txt": CHAT})
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        data[data.index(mark) + place] |= 1
    path.write_bytes(data)
    with pytest.raises(SourceError, match="is encrypted") as error:
        texts(path)
    assert "password" in error.value.hint


def test_a_compression_that_is_not_known_says_what_to_do(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"_chat.txt": CHAT})
    data = bytearray(path.read_bytes())
    for mark, place in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        data[data.index(mark) + place] = 9  # Deflate64, of Windows
    path.write_bytes(data)
    with pytest.raises(SourceError, match="compressed in a way"):
        texts(path)


def test_a_zip_that_is_cut_off_or_spoilt_anywhere_is_damaged_or_whole(tmp_path: Path) -> None:
    rng = random.Random(0)
    chat = "".join(f"[15.05.23, 10:00:{n % 60:02}] Ann: {rng.random()}\n" for n in range(200))
    whole = zipped(tmp_path / "x.zip", {"_chat.txt": chat}).read_bytes()
    path = tmp_path / "y.zip"
    for _ in range(60):
        data = bytearray(whole)
        if rng.random() < 0.5:
            del data[rng.randrange(4, len(data)) :]
        else:
            data[rng.randrange(4, len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        with suppress(SourceError, SettingsError):
            assert texts(path)


def test_a_small_zip_that_unpacks_to_gigabytes_in_many_files_is_refused(tmp_path: Path) -> None:
    one = (bytes(10 << 20), f"{CHAT}{'x' * (30 << 20)}".encode())
    path = zipped(tmp_path / "x.zip", {f"{n}.txt": one[1] for n in range(3)})
    with pytest.raises(SourceError, match="unpacks to far more"):
        texts(path)


def test_a_zip_with_too_long_a_list_of_files_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"_chat.txt": CHAT})
    data = bytearray(path.read_bytes())
    at = data.rindex(b"PK\5\6")
    data[at + 12 : at + 16] = (100 << 20).to_bytes(4, "little")
    path.write_bytes(data)
    with pytest.raises(SourceError, match="more than 200,000 files"):
        texts(path)


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ventriloquist.sources.export_files.MOST_FILES", 3)
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(4):
        (folder / f"{number}.json").write_text("{}")
    with pytest.raises(SourceError, match="more than 3 files"):
        texts(folder)
    with pytest.raises(SourceError, match="more than 3 files"):
        texts(zipped(tmp_path / "x.zip", {f"{number}.json": "{}" for number in range(4)}))


def test_links_pipes_and_sockets_in_a_folder_are_passed_over(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "WhatsApp Chat - Ann.txt").write_text(CHAT)
    (tmp_path / "outside.txt").write_text(CHAT)
    (folder / "WhatsApp Chat - Bo.txt").symlink_to(tmp_path / "outside.txt")
    (folder / "loop").symlink_to(folder)
    os.mkfifo(folder / "WhatsApp Chat - Cy.txt")
    with open_items(folder) as items:
        assert [str(item.path) for item in items] == ["WhatsApp Chat - Ann.txt"]
    assert texts(folder) == ["hi", "yo"]
    with pytest.raises(SourceError, match="pipe"):
        texts(folder / "WhatsApp Chat - Cy.txt")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "export"
    folder.mkdir()
    chat_exports.telegram(HISTORY, folder).chmod(0)
    with pytest.raises(SourceError, match=r"result\.json cannot be read: Permission denied"):
        texts(folder)


def test_a_missing_place_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="nowhere cannot be read: No such file"):
        texts(tmp_path / "nowhere")


def test_files_are_read_in_the_order_of_their_paths(tmp_path: Path) -> None:
    names = ["b/1.json", "a/2.json", "a/10.json", "c.json", "a.json"]
    folder = tmp_path / "f"
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("{}")
    with open_items(folder) as items:
        found = [str(item.path) for item in items]
    assert found == ["a.json", "c.json", "a/10.json", "a/2.json", "b/1.json"]
    with open_items(zipped(tmp_path / "x.zip", dict.fromkeys(names, "{}"))) as items:
        first = [str(item.path) for item in items]
    with open_items(zipped(tmp_path / "y.zip", dict.fromkeys(names[::-1], "{}"))) as items:
        assert [str(item.path) for item in items] == first


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_not_blamed_on_the_export(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = chat_exports.telegram(HISTORY, tmp_path)
    monkeypatch.setattr("ventriloquist.sources.exports.open_archive", _full)
    with pytest.raises(StorageError, match="no space left"):
        texts(path)


def _full(*_: object, **__: object) -> None:
    with Path("/dev/full").open("w") as file:
        file.write("x")


def test_the_heads_of_many_files_are_not_kept(tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    for number in range(300):
        (folder / f"{number}.json").write_text("{" + " " * 70_000)
    tracemalloc.start()
    with pytest.raises(SourceError):
        texts(folder)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 << 20
