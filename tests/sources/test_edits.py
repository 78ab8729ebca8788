"""What an edited or unsent message's summary says, and summaries that are traps."""

from __future__ import annotations

import plistlib
import struct
import time
from typing import NoReturn

import pytest
from apple_bodies import body

from ventriloquist.sources.imessage import edits as edits_module
from ventriloquist.sources.imessage.edits import read_edits
from ventriloquist.sources.imessage.plist import load_plist


def summary(format: plistlib.PlistFormat = plistlib.FMT_BINARY, **keys: object) -> bytes:
    return plistlib.dumps(keys, fmt=format)


def version(text: str, at: float = 1.0) -> dict[str, object]:
    return {"d": at, "t": body(text)}


@pytest.mark.parametrize("format", [plistlib.FMT_BINARY, plistlib.FMT_XML])
def test_the_last_version_of_every_part(format: plistlib.PlistFormat) -> None:
    edits = read_edits(summary(format, ec={"10": [version("c")], "2": [version("x"), version("b", 5.5)]}, rp=[3]))
    assert edits is not None
    assert edits.text == "bc"  # part 2 comes before part 10
    assert edits.unsent_parts == {3}
    assert edits.at == 5.5


def test_a_part_that_was_edited_and_then_unsent_is_gone() -> None:
    edits = read_edits(summary(ec={"0": [version("a")], "1": [version("b")]}, rp=[0]))
    assert edits is not None
    assert edits.text == "b"


@pytest.mark.parametrize(("parts", "unsent", "all_of_it"), [(1, [0], True), (2, [0], False), (2, [0, 1], True)])
def test_all_parts_unsent(parts: int, unsent: list[int], all_of_it: bool) -> None:
    edits = read_edits(summary(rp=unsent, otr={str(part): {"lo": 0, "le": 1} for part in range(parts)}))
    assert edits is not None
    assert edits.all_unsent is all_of_it


def test_no_change_is_no_edit() -> None:
    for keys in ({}, {"ec": {}}, {"rp": []}, {"ec": {"0": []}}, {"otr": {"0": {}}}, {"record": "rp ec"}):
        assert read_edits(summary(**keys)) is None


def test_lists_of_something_else_are_no_edits() -> None:
    for keys in ({"ec": 5}, {"ec": {"a": [1]}}, {"rp": ["x"]}, {"ec": {"0": [{"t": "text"}]}}, {"ec": [[]], "rp": {}}):
        assert read_edits(summary(**keys)) is None
    assert read_edits(plistlib.dumps(["ec", "rp"], fmt=plistlib.FMT_BINARY)) is None


def test_a_time_that_is_none_counts_as_unknown() -> None:
    for at in (float("inf"), float("nan"), -5.0, 1e300):
        edits = read_edits(summary(ec={"0": [version("a", at)]}))
        assert edits is not None
        assert edits.at == 0


@pytest.mark.parametrize("part", [float("inf"), float("nan"), -1, 2**31, 0.5, "1" * 10, "9" * 4300, "x", b"1", [1]])
@pytest.mark.parametrize("key", ["rp", "otr", "ec"])
def test_what_is_not_the_number_of_a_part_is_no_edit(key: str, part: object) -> None:
    if key == "rp":
        assert read_edits(summary(rp=[part])) is None
        assert read_edits(summary(rp=[2**31 - 1, "999999999"])) is not None
    else:  # a key of a dictionary is a string
        number = str(part) if part != 2**31 else "1" * 10
        assert read_edits(summary(**{"rp": [0], key: {number: [version("a")]}})) is None


def test_a_time_of_hundreds_of_digits_counts_as_unknown() -> None:
    for digits in (400, 4300):
        data = summary(plistlib.FMT_XML, ec={"0": [version("a")]})
        data = data.replace(b"<real>1.0</real>", b"<integer>1" + b"0" * (digits - 1) + b"</integer>")
        edits = read_edits(data)
        assert edits is not None
        assert edits.at == 0


class Uncounted(list[object]):
    """A list that must not be walked."""

    def __iter__(self) -> NoReturn:
        raise AssertionError


@pytest.mark.parametrize("key", ["rp", "otr"])
def test_more_parts_than_a_message_has_are_not_looked_at(monkeypatch: pytest.MonkeyPatch, key: str) -> None:
    keys = {"rp": [0], key: Uncounted(["9" * 4300] * 1001)}
    monkeypatch.setattr(edits_module, "load_plist", lambda _data: keys)
    assert read_edits(summary(rp=[0])) is None


def test_overlapping_long_integers_are_refused() -> None:
    integers = 1_000
    top = b"\xaf\x11" + struct.pack(">H", integers) + b"".join(struct.pack(">H", 1 + n) for n in range(integers))
    for exponent, is_read in ((3, True), (4, True), (5, False), (15, False)):
        at = 8 + len(top)
        objects = top + bytes([0x10 + exponent]) + b"\x01" * (1 << exponent)
        table = struct.pack(">H", 8) + struct.pack(">H", at) * integers
        trailer = struct.pack(">6xBBQQQ", 2, 2, 1 + integers, 0, 8 + len(objects))
        assert (load_plist(b"bplist00" + objects + table + trailer) is not None) is is_read


def test_a_small_list_that_unfolds_to_billions_is_refused_at_once() -> None:
    references = 60_000
    array = b"\xaf\x12" + struct.pack(">I", references) + b"\x00\x01" * references
    table = struct.pack(">I", 8) * references  # every object is the same array
    trailer = struct.pack(">6xBBQQQ", 4, 2, references, 0, 8 + len(array))
    bomb = b"bplist00" + array + table + trailer + b""
    begin = time.process_time()
    assert load_plist(bomb) is None
    assert time.process_time() - begin < 5


def test_one_version_under_thousands_of_parts_is_refused_at_once() -> None:
    versions = [{"d": 1.0, "t": body("x" * 100_000)}] * 20_000
    for parts in (900, 20_000):
        bomb = summary(ec={str(part): versions for part in range(parts)})
        assert len(bomb) < 2_000_000
        begin = time.process_time()
        assert read_edits(bomb) is None
        assert time.process_time() - begin < 5  # 20,000 times 20,000 versions take a minute, and their texts a gigabyte


def test_a_list_in_itself_is_refused() -> None:
    deep: object = "x"
    for _ in range(5000):
        deep = [deep]
    nested = b"bplist00" + b"\xa1\x00" + b"\x08" + struct.pack(">6xBBQQQ", 1, 1, 1, 0, 10)
    assert load_plist(nested) is None or isinstance(load_plist(nested), list)
    assert load_plist(b"<?xml version='1.0'?><plist>" + b"<array>" * 100_000) is None
