"""Write conversations as pages: plan which files there will be, then write them, or stream one conversation."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from hashlib import sha256
from itertools import groupby
from pathlib import Path
from types import ModuleType
from typing import Any, BinaryIO, Literal

from ventriloquist.errors import NotReadyError
from ventriloquist.export.files import HashedFile
from ventriloquist.export.folder import check_disk, check_folder, is_anothers, read_manifest, write_errors
from ventriloquist.export.pages import html, markdown
from ventriloquist.export.pages.shown import Book, Page, Shown, book, read
from ventriloquist.fs import make_private_folder, partial, partial_file, put_in_place
from ventriloquist.layout import MANIFEST
from ventriloquist.names import find_conversations, find_name
from ventriloquist.records import Progress
from ventriloquist.store import Connection, collected
from ventriloquist.store.collected import CollectedConversation
from ventriloquist.store.people import load_people
from ventriloquist.store.time_zones import COLLECTED, PREPARED, find_zone

PageFormat = Literal["html", "markdown"]
FORMATS: Mapping[PageFormat, ModuleType] = {"html": html, "markdown": markdown}
INDEX = "index"
AROUND = 600  # bytes of a page for each message, beside its text
STEP = 500  # messages between two reports of progress


@dataclass(frozen=True, slots=True)
class PagesOptions:
    """Which conversations to write: without a choice all of them."""

    format: PageFormat
    person: str | None = None  # all conversations that this person is in
    conversation: str | None = None  # by title, person or number


@dataclass(frozen=True, slots=True)
class PagesPlan:
    """What will be written. All that can fail is checked, and nothing is written."""

    options: PagesOptions
    folder: Path | None  # None: a stream
    books: tuple[Book, ...]
    names: Mapping[int, str]  # of people, by id
    messages: int
    bytes: int  # an estimate
    earlier: tuple[dict[str, Any], ...]  # the files of earlier exports, as the manifest lists them


@dataclass(frozen=True, slots=True)
class PageFile:
    """A page. `bytes` and `sha256` are the file's."""

    name: str
    format: PageFormat
    conversation: int
    title: str
    about: str
    year: str  # empty: all years
    messages: int
    first_day: str
    last_day: str
    bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class PagesSummary:
    """What was written where."""

    folder: str
    format: PageFormat
    index: str  # the page that lists the others
    conversations: int
    messages: int
    files: tuple[PageFile, ...]


def plan(db: Connection, folder: Path | None, options: PagesOptions, *, timezone: str | None = None) -> PagesPlan:
    """Choose the conversations, and check that the folder can take them.

    Args:
        folder: where the files go; None to stream one conversation.

    Raises:
        NotReadyError: nothing is collected.
        UnknownNameError: nobody, or no conversation, has the name.
        StorageError: the folder cannot be used or has another program's manifest, or its disk is too small.
    """
    people = {person.name: person.id for person in load_people(db)}
    names = {id: name for name, id in people.items()}
    chosen = _chosen(collected.conversations(db), people, names, options)
    zone = find_zone(db, timezone, PREPARED, COLLECTED).zone
    books = tuple(book(db, conversation, names, zone) for conversation in chosen)
    messages = sum(conversation.messages for conversation in chosen)
    needed = messages * AROUND + collected.text_bytes(db, [conversation.id for conversation in chosen])
    if folder is None:
        return PagesPlan(options, None, books, names, messages, needed, ())
    folder = folder.absolute()  # the run is recorded with it
    with write_errors(folder):
        existing = check_folder(folder)
        earlier = read_manifest(folder / MANIFEST)
        planned = [*_file_names(books, options.format), f"{INDEX}{FORMATS[options.format].ENDING}"]
        ours = {file["name"] for file in earlier}
        for name in planned:
            if name not in ours and (folder / name).exists():
                raise is_anothers(folder / name)
        partials = [partial(folder / name) for name in planned]
        check_disk(folder, existing, needed, partials, "Name a --conversation, or")
    return PagesPlan(options, folder, books, names, messages, needed, earlier)


def run(db: Connection, plan: PagesPlan, *, progress: Progress = lambda _done, _total: None) -> PagesSummary:
    """Write the pages, their index and the manifest; all take their places together, readable by the user alone.

    Pages of conversations that are not written now stay, and the index lists them too. If everything is written, those
    of conversations that are gone are removed.

    Raises:
        StorageError: the folder cannot be written, or the disk is full.
    """
    options, folder = plan.options, plan.folder
    if folder is None:
        raise ValueError("this plan is for a stream")
    ending = FORMATS[options.format].ENDING
    index, manifest = folder / f"{INDEX}{ending}", folder / MANIFEST
    written: list[PageFile] = []
    planned = [folder / name for name in _file_names(plan.books, options.format)]
    with write_errors(folder):
        if not folder.is_dir():  # a folder of the user's own keeps its mode
            make_private_folder(folder)
        try:
            advance = _counter(plan.messages, progress)
            for shown in plan.books:
                written += _write(db, plan, shown, folder, advance)
            kept, replaced = _earlier(plan, folder, {index.name, *(file.name for file in written)})
            entries = [*kept, *map(asdict, written)]
            listed = _index(entries, options.format).encode()
            entries.append({"name": index.name, "bytes": len(listed), "sha256": sha256(listed).hexdigest()})
            entries.sort(key=lambda file: str(file["name"]))
            for path, data in (
                (index, listed),
                (manifest, (json.dumps({"files": entries}, indent=2) + "\n").encode()),
            ):
                with partial_file(path) as file:
                    file.write(data)
            # the manifest comes first: if this is cut off, the next export knows that the pages are ours
            put_in_place(manifest, *(folder / file.name for file in written), index)
            for name in replaced:
                (folder / name).unlink(missing_ok=True)
        finally:
            for path in (*planned, index, manifest):
                partial(path).unlink(missing_ok=True)
    return PagesSummary(str(folder), options.format, str(index), len(plan.books), plan.messages, tuple(written))


def stream(db: Connection, plan: PagesPlan, out: BinaryIO) -> int:
    """Write one conversation as one page to a stream; return how many messages it has."""
    (shown,) = plan.books
    page = Page(shown.pages[0].stem, "")
    whole = Book(shown.conversation, shown.title, shown.about, (page,), shown.zone)
    kind = FORMATS[plan.options.format]
    out.write(kind.begin(whole, page, is_alone=True).encode())
    out.writelines(part.encode() for part in kind.messages(read(db, whole, plan.names), page))
    out.write(kind.end().encode())
    out.flush()
    return plan.messages


def _chosen(
    conversations: Sequence[CollectedConversation],
    people: Mapping[str, int],
    names: Mapping[int, str],
    options: PagesOptions,
) -> list[CollectedConversation]:
    chosen = [one for one in conversations if one.messages]
    if not chosen:
        raise NotReadyError("There are no messages yet.", hint="Run: vq collect")
    if options.person is not None:
        person = people[find_name(options.person, people)]
        chosen = [one for one in chosen if person in one.members]
    if options.conversation is not None:
        found = find_conversations(options.conversation, [(one.id, one.labels(names)) for one in conversations])
        chosen = [one for one in chosen if one.id in found]
    if not chosen:
        raise NotReadyError("No conversation is left.", hint="Leave out --person or --conversation.")
    return chosen


def _file_names(books: Sequence[Book], format: PageFormat) -> Iterator[str]:
    return (f"{page.stem}{FORMATS[format].ENDING}" for shown in books for page in shown.pages)


def _write(
    db: Connection, plan: PagesPlan, shown: Book, folder: Path, advance: Callable[[], None]
) -> Iterator[PageFile]:
    """Write the partials of a conversation's pages."""
    kind = FORMATS[plan.options.format]
    pages = {page.year: page for page in shown.pages}

    def year(message: Shown) -> str:
        return "" if "" in pages else message.day[:4]

    for of_page, said in groupby(read(db, shown, plan.names), year):
        page = pages[of_page]
        name = f"{page.stem}{kind.ENDING}"
        count, first, last = 0, "", ""

        def counted(said: Iterator[Shown]) -> Iterator[Shown]:
            nonlocal count, first, last
            for message in said:
                count += 1
                first, last = first or message.day, message.day
                advance()
                yield message

        with ExitStack() as stack:
            out = HashedFile(stack.enter_context(partial_file(folder / name)))
            out.write(kind.begin(shown, page).encode())
            for part in kind.messages(counted(said), page):
                out.write(part.encode())
            out.write(kind.end().encode())
        yield PageFile(
            name, plan.options.format, shown.conversation.id, shown.title, shown.about, page.year, count, first, last,
            out.bytes, out.digest.hexdigest(),
        )  # fmt: skip


def _earlier(plan: PagesPlan, folder: Path, written: set[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the files of earlier exports that stay beside these, and the names of those that go."""
    is_whole = plan.options.person is None and plan.options.conversation is None
    numbers = {shown.conversation.id for shown in plan.books}
    kept, gone = [], []
    for file in plan.earlier:
        if file["name"] in written:
            continue
        if file.get("format") == plan.options.format and (is_whole or file.get("conversation") in numbers):
            gone.append(Path(file["name"]).name)
        elif (folder / file["name"]).exists():
            kept.append(file)
    return kept, gone


def _index(entries: Sequence[Mapping[str, Any]], format: PageFormat) -> str:
    """Return the page that lists the conversations, those with the newest messages first."""
    kind = FORMATS[format]
    conversations: dict[int, list[Mapping[str, Any]]] = {}
    for file in sorted(entries, key=lambda file: str(file["name"])):
        if file.get("format") == format:
            conversations.setdefault(file["conversation"], []).append(file)
    listed = []
    for files in sorted(conversations.values(), key=lambda files: str(files[-1]["last_day"]), reverse=True):
        messages = sum(file["messages"] for file in files)
        first, last = files[0]["first_day"], files[-1]["last_day"]
        days = first if first == last else f"{first} to {last}"
        about = f"{files[-1]['about']}; {messages:,} message{'s' * (messages != 1)}, {days}"
        pages = [(file["name"].removesuffix(kind.ENDING), file["year"]) for file in files]
        listed.append((files[-1]["title"], about, pages))
    return str(kind.index(listed))


def _counter(total: int, progress: Progress) -> Callable[[], None]:
    done = 0

    def advance() -> None:
        nonlocal done
        done += 1
        if done % STEP == 0 or done == total:
            progress(done, total)

    return advance
