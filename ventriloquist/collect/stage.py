"""The stage: plan from what a source and the file say, then write all of it in one transaction."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from pathlib import Path
from zoneinfo import ZoneInfo

from ventriloquist.collect.conversations import ConversationIds, group_chats, merge_chats
from ventriloquist.collect.corrections import Corrections
from ventriloquist.collect.filters import Choice, RowFilter, row_filter
from ventriloquist.collect.handles import normalizer
from ventriloquist.collect.identity import (
    Directory,
    Person,
    UnionFind,
    build_directory,
    card_name,
    is_from_application,
    merge_by_hints,
    owner_name,
    region,
)
from ventriloquist.collect.names import PeopleIds, base_name, give_names
from ventriloquist.collect.tapbacks import conversations_with_tapback_texts, derive_reactions, move_text_tapbacks
from ventriloquist.collect.writer import Placer, Tally, move_messages, skip_copies, skip_echoes, write_rows
from ventriloquist.fs import open_to_others
from ventriloquist.records import SKIPPED, ContactCard, Progress, Source, application_of
from ventriloquist.store import Connection, transaction
from ventriloquist.store import messages as messages_store
from ventriloquist.store import people as people_store
from ventriloquist.store.connect import row_count, set_cache
from ventriloquist.store.forgotten import load_forgotten
from ventriloquist.store.messages import Place, StoredTapback
from ventriloquist.store.people import ConversationRow, Evidence, StoredIdentities
from ventriloquist.store.time_zones import COLLECTED, record_zone, zone_of_collect

CACHE_KIB = 16_384  # indexes of a new file are built last; until then rows only come at the end


@dataclass(frozen=True, slots=True)
class Options:
    """What a user can ask of a collect."""

    my_name: str | None = None
    user_identifiers: Sequence[str] = ()
    corrections: Corrections = field(default_factory=Corrections)
    choice: Choice = field(default_factory=Choice)
    replace: bool = False  # start over
    timezone: str | None = None  # IANA name of the zone where days begin; default this machine's
    elsewhere: Collection[str] = ()  # names that other sources of the same command know: `choice` may name them


@dataclass(frozen=True, slots=True)
class CollectPlan:
    """Who is who, which chats are one conversation, and which rows are wanted. A plan is run once."""

    evidence: Evidence  # of the source and the file
    owner_name: str
    directory: Directory
    hinted: Sequence[tuple[str, ...]]  # the handles of each person whom the source's hints merged
    people: PeopleIds
    conversations: ConversationIds
    renamed: Mapping[str, str]  # corrections of names, by normalised handle
    leave_out: RowFilter | None
    gone: frozenset[Person]  # whom `vq forget` removed
    notes: Sequence[str]  # for the user
    zone: ZoneInfo  # where days begin
    replace: bool  # delete what was collected before


@dataclass(frozen=True, slots=True)
class CollectSummary:
    """What one collect read, and what the file holds after it."""

    source: str
    rows: int  # = messages + reactions + all that is skipped
    messages: int
    reactions: int
    skipped: Mapping[str, int]  # by reason, as in records.SKIPPED
    added: int  # messages that are new in the file
    updated: int  # messages that the file had and that changed
    removed: int  # messages that the file had and that the options now leave out
    changed: bool  # the training messages would differ
    total_messages: int  # in the file, of all sources
    people: int
    conversations: int
    owner: str
    owner_identifiers: Mapping[str, int]  # how many rows of this source name each as the owner's
    timezone: str  # where days begin; it travels in the file
    ambiguous: Mapping[str, Sequence[str]]  # handles on several people's cards: they belong to none of them
    hinted: Sequence[Sequence[str]]  # the handles of each person whom the source's hints merged
    notes: Sequence[str]


def plan(db: Connection, source: Source, options: Options | None = None) -> CollectPlan:
    """Decide who is who, what is one conversation and what is wanted, from a source and the file.

    With `replace` the file counts as empty, except for who was forgotten.

    Raises:
        SettingsError: the owner's name is not known, or there is no such time zone.
        UnknownNameError: no person and no conversation has a name in `options.choice`.
    """
    options = options or Options()
    stored = StoredIdentities() if options.replace else people_store.load_identities(db)
    evidence = _merge_evidence(stored.evidence, source)
    known = stored.me.name if stored.me else None
    me = owner_name(options.my_name, evidence.cards, known)
    own = list(evidence.owner_identifiers)
    identifiers = [*options.user_identifiers, *filter(application_of, own)] if options.user_identifiers else own
    normalize = normalizer(
        region(options.user_identifiers, evidence.owner_identifiers, evidence.cards, evidence.handles)
    )
    in_applications = {card_name(card) for card in evidence.cards if card.is_me and is_from_application(card)}
    said_before = known if known not in in_applications else None
    directory = build_directory(
        evidence.cards, map(normalize, identifiers), options.my_name or said_before, options.corrections, normalize
    )
    for handle in evidence.handles:
        directory.person(handle)
    hinted = merge_by_hints(directory, evidence, frozenset(map(normalize, options.corrections.handles_to_split)))
    of_chat = group_chats(evidence.chats.values(), directory)
    renamed = {normalize(handle): name for handle, name in options.corrections.rename.items()}
    people = PeopleIds(stored, directory)
    forgotten = load_forgotten(db)
    gone = frozenset(one for one in directory if one is not directory.me and forgotten.has_any(one.handles))
    zone = zone_of_collect(None if options.replace else db, options.timezone)
    meanings: list[str] = []
    leave_out = row_filter(
        options.choice, directory, of_chat, people.current_names(), renamed, gone, zone,
        elsewhere=options.elsewhere, notes=meanings,
    )  # fmt: skip
    return CollectPlan(
        evidence=evidence,
        owner_name=me,
        directory=directory,
        hinted=hinted,
        people=people,
        conversations=ConversationIds(stored, of_chat),
        renamed=renamed,
        leave_out=leave_out,
        gone=gone,
        notes=[
            *source.notes,
            *meanings,
            *_nameless(source, evidence),
            *_unknown(options.corrections, evidence, normalize),
        ],
        zone=zone,
        replace=options.replace,
    )


def run(
    db: Connection,
    source: Source,
    plan: CollectPlan,
    *,
    home: Path | None = None,
    progress: Progress = lambda _done, _total: None,
) -> CollectSummary:
    """Copy a source into the file, in one transaction: what is new is added, what changed is updated.

    Args:
        source: the one that was planned with, still open.
        home: VQ_HOME, to warn if other users can read it.

    Raises:
        SourceError: the source turns out to be damaged.
    """
    set_cache(db, CACHE_KIB)
    with transaction(db):
        if plan.replace:
            messages_store.clear_collected(db)
        placer = Placer(plan.directory, plan.people, plan.conversations)
        people_store.insert_conversations(db, plan.conversations.new)
        is_new = not messages_store.has_rows(db)
        before = b"" if is_new else messages_store.digest_of_derived(db)
        notes_to_self = plan.conversations.notes_to_self()
        replies = {} if is_new else messages_store.digests_of_replies(db, notes_to_self)
        tally = write_rows(db, source, placer, plan.leave_out, is_new=is_new, progress=progress)
        moved = 0 if is_new else move_messages(db, placer)
        places: Iterable[Place] = placer.places()
        quoting = tally.quoting if is_new else conversations_with_tapback_texts(db)
        quoting = quoting & plan.conversations.with_tapback_texts()
        if quoting:
            _take_text_tapbacks(db, quoting, tally)
            places = messages_store.places(db)
        copies = skip_copies(db, plan.conversations.in_two_downloads(), {chat.guid for chat in source.chats})
        written = messages_store.digests_of_replies(db, notes_to_self) if replies else {}
        echoes = skip_echoes(db, notes_to_self, tally.received_notes)
        if replies:
            tally.changed += _changed_by_moves(replies, written, messages_store.digests_of_replies(db, notes_to_self))
        reactions = _take_reactions(db, placer, tally)
        tally.messages -= echoes + copies
        tally.skipped["echo"] += echoes
        tally.skipped["repeated"] += copies
        _finish(db, plan, placer, places)
        record_zone(db, COLLECTED, plan.zone.key)
        added, updated = tally.added - tally.moved - echoes - copies, tally.changed - tally.added
        changed = bool(added or updated or moved) or messages_store.digest_of_derived(db) != before
    return CollectSummary(
        source=source.name,
        rows=source.total,
        messages=tally.messages,
        reactions=reactions,
        skipped={reason: tally.skipped[reason] for reason in SKIPPED if tally.skipped[reason]},
        added=added,
        updated=updated,
        removed=tally.removed,
        changed=changed,
        total_messages=row_count(db, "text_messages"),
        people=row_count(db, "people"),
        conversations=row_count(db, "conversations"),
        owner=plan.owner_name,
        owner_identifiers=dict(sorted(source.owner_identifiers.items(), key=lambda item: (-item[1], item[0]))),
        timezone=plan.zone.key,
        ambiguous={handle: names for handle, names in plan.directory.ambiguous.items() if plan.people.knows(handle)},
        hinted=[handles for handles in plan.hinted if plan.people.knows(handles[0])],
        notes=[*plan.notes, *_removed(tally.removed), *(open_to_others(home) if home else ())],
    )


def _merge_evidence(stored: Evidence, source: Source) -> Evidence:
    """Merge what the file has with what a source says.

    An address book that is read again replaces what was stored, and so does each card that a copy of it elsewhere has.
    """
    cards = list(source.cards or ())
    read_again = {(card.folder, card.store) for card in cards}
    copied = {(card.store, card.number, one) for card in cards for one in card.identifiers}
    cards += [
        card
        for card in stored.cards
        if (card.folder, card.store) not in read_again
        and copied.isdisjoint((card.store, card.number, one) for one in card.identifiers)
    ]
    identifiers = dict(source.owner_identifiers)
    others = set(filter(application_of, source.handles))  # the user may have said another name with --me before
    for identifier, seen in stored.owner_identifiers.items():
        if identifier in others and identifier not in source.owner_identifiers:
            continue
        identifiers[identifier] = max(seen, identifiers.get(identifier, 0))
    chats = {chat.guid: chat for chat in source.chats}
    for guid, chat in stored.chats.items():
        chats[guid] = merge_chats(chat, chats[guid]) if guid in chats else chat
    in_chats = chain.from_iterable(chat.handles for chat in chats.values())
    handles = dict.fromkeys(chain(source.handles, stored.handles, in_chats))
    hints = dict.fromkeys(chain(source.person_hints, stored.person_hints))
    return Evidence(cards, identifiers, chats, list(handles), list(hints))


def _nameless(source: Source, evidence: Evidence) -> Iterator[str]:
    """Say that names are missing if no contacts were given. A source says itself if it cannot read its own."""
    if source.cards is None and not evidence.cards and not source.notes:
        yield (
            "Names are missing: no contacts were read, so people are called by their numbers and addresses. "
            "Give them with --contacts DIR: the AddressBook folder of the Mac, which is in "
            "~/Library/Application Support there."
        )


def _unknown(corrections: Corrections, evidence: Evidence, normalize: Callable[[str], str]) -> Iterator[str]:
    """Say which corrections have no effect, for example because they name people instead of handles."""
    on_cards = (card.identifiers for card in evidence.cards)
    known = set(map(normalize, chain(evidence.handles, evidence.owner_identifiers, *on_cards)))
    unknown = [handle for handle in corrections.handles() if normalize(handle) not in known]
    if unknown:
        yield f"corrections.toml: nobody here has the number or address {', '.join(map(repr, unknown))}."


def _removed(messages: int) -> Iterator[str]:
    """Say that messages left the file because of the options, and how they come back."""
    if messages:
        yield (
            f"Removed {messages:,} message{'s' * (messages > 1)} that an earlier collect kept and these options leave "
            "out. Options are not remembered: collect again without them to get the messages back."
        )


def _take_text_tapbacks(db: Connection, conversations: Collection[int], tally: Tally) -> None:
    """Turn texts that are tapbacks into tapbacks. Count those of this source as its tapbacks."""
    moved = move_text_tapbacks(db, conversations)
    if tally.tapbacks is None or tally.tapback_texts is None:
        tally.messages -= len(moved)
        tally.moved += len(moved)
        return
    own = [guid for guid in moved if guid in tally.tapback_texts]
    tally.tapbacks.update(own)
    tally.messages -= len(own)
    tally.moved += sum(tally.tapback_texts[guid] for guid in own)


def _changed_by_moves(before: Mapping[str, bytes], written: Mapping[str, bytes], now: Mapping[str, bytes]) -> int:
    """Return how many more replies have changed than was counted when they were written, or fewer if negative.

    A reply to an echo is written as the source has it, and then moved back to where it was.

    Args:
        before: digests of the replies to notes to self before the collect.
        written: those after the rows were written.
        now: those after the replies to echoes were moved.
    """
    kept = before.keys() & written.keys() & now.keys()
    return sum((before[guid] != now[guid]) - (before[guid] != written[guid]) for guid in kept)


def _take_reactions(db: Connection, placer: Placer, tally: Tally) -> int:
    """Derive the reactions and tally the other tapbacks as skipped; return how many of this source's stand."""

    def person_of(tapback: StoredTapback) -> int | None:
        person = placer.person_id(tapback.chat_guid or "", tapback.sender_handle or "", tapback.is_from_me)
        placer.write_new_people(db)
        return person

    seen = tally.tapbacks
    to_forgotten = messages_store.skip_tapbacks_on_forgotten(db)
    tally.skipped["forgotten"] += sum(seen is None or guid in seen for guid in to_forgotten)
    verdicts = derive_reactions(db, person_of, seen)
    standing = verdicts.pop("", 0)
    tally.skipped.update(verdicts)
    return standing


def _finish(db: Connection, plan: CollectPlan, placer: Placer, places: Iterable[Place]) -> None:
    """Write members, names, handles and evidence of everybody in the file, and delete orphans.

    `places` are those of every message in the file.
    """
    id_of = plan.people.get_or_create
    members = {(place.conversation_id, place.sender_id) for place in places if place.sender_id is not None}
    used = {place.conversation_id for place in places}
    kept = {conversation: id_ for conversation, id_ in plan.conversations.of.items() if id_ in used}
    for conversation, id_ in kept.items():
        others = (id_of(person) for person in conversation.people if person not in plan.gone)
        members.update((id_, member) for member in (placer.me, *others))
    placer.write_new_people(db)
    rows = [ConversationRow(id_, one.type, one.title, one.source) for one, id_ in kept.items()]
    people_store.replace_conversations(db, rows, members)
    left = people_store.delete_people_but(db, {placer.me, *(member for _, member in members)})

    by_id = {id_: person for person, id_ in plan.people.of.items() if id_ in left}
    _rename(db, plan, placer.me, by_id)
    handles = [(handle, id_) for id_, person in by_id.items() for handle in person.handles]
    people_store.insert_handles(db, handles)
    of_chat = {
        guid: kept[conversation] for guid, conversation in plan.conversations.of_chat.items() if conversation in kept
    }
    in_file = set(by_id.values())
    hints = [pair for pair in plan.evidence.person_hints if plan.directory.person(pair[1]) in in_file]
    people_store.insert_evidence(db, _without_gone(plan), of_chat, _kept_cards(plan, by_id), hints)


def _rename(db: Connection, plan: CollectPlan, me: int, by_id: Mapping[int, Person]) -> None:
    """Give everybody in the file the name they should have now."""
    current = plan.people.names
    bases = {id_: base_name(person, plan.renamed, current.get(id_)) for id_, person in by_id.items() if id_ != me}
    bases[me] = plan.owner_name  # who may have neither a card nor a handle yet

    def first_seen(ids: Collection[int]) -> dict[int, tuple[people_store.MessageKey, people_store.MessageKey, str]]:
        seen = people_store.first_seen(db, ids)
        return {id_: (*seen[id_], min(by_id[id_].handles, default="")) for id_ in ids}

    names = give_names(bases, current, me, first_seen)
    people_store.rename_people(db, {id_: name for id_, name in names.items() if name != current.get(id_)})


def _without_gone(plan: CollectPlan) -> Evidence:
    """Return the evidence without the handles of forgotten people in the chats of others."""
    if not plan.gone:
        return plan.evidence
    person = plan.directory.person
    chats = {
        guid: chat._replace(handles=tuple(handle for handle in chat.handles if person(handle) not in plan.gone))
        for guid, chat in plan.evidence.chats.items()
    }
    return replace(plan.evidence, chats=chats)


def _kept_cards(plan: CollectPlan, by_id: Mapping[int, Person]) -> dict[ContactCard, int | None]:
    """Return the cards of people in the file and those that share a handle with one, and whose each is."""
    owners = {card: id_ for id_, person in by_id.items() for card in person.cards}
    together: UnionFind[object] = UnionFind()
    for card in plan.evidence.cards:
        for identifier in card.identifiers:
            together.merge(card, plan.directory.normalize(identifier))
    kept = {together.find(one) for person in by_id.values() for one in (*person.cards, *person.handles)}
    gone = {card for person in plan.gone for card in person.cards}
    return {card: owners.get(card) for card in plan.evidence.cards if together.find(card) in kept and card not in gone}
