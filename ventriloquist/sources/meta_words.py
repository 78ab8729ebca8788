"""Messenger's and Instagram's own sentences, which stand in a download where a person's words stand. English only.

A sentence counts only if its subject is its writer, as a name or as `You`: people write such sentences themselves.
"""

from __future__ import annotations

import re

_THING = (
    r"(?:an? (?:attachment|photo|video|sticker|GIF|voice message|audio file|file|link|post|reel|story|message)|"
    r"\d+ (?:photos|videos|files|attachments))"
)
_SENT = re.compile(rf"(?:sent|shared) {_THING}(?: to [^\n]+)?\.\s*\Z")
_ATTACHMENT = re.compile(r"sent (?:an attachment|\d+ attachments)\.\s*\Z")  # nobody writes this themselves
_PLACE = re.compile(
    r"(?:sent|shared|started sharing|stopped sharing) (?:an? |their |his |her |your )?(?:live )?location\b[^?]*\.\s*\Z"
)
_CALL = re.compile(
    r"(?:called (?:you|[^\n?]{1,80})\.|missed (?:your|a|an) (?:video |audio |voice |group )?(?:call|chat)[^\n?]*\.|"
    r"(?:started|joined|left|ended) (?:a|an|the) (?:video |audio |voice |group )?(?:call|chat)\.?)\s*\Z"
)
# What a member did, with the name in front
_EVENT = re.compile(
    r"(?:(?:set|changed|cleared|removed|updated) (?:the|your|their|his|her)\b[^\n]*"
    r"\b(?:nickname|emoji|theme|colou?rs?|reaction|photo|picture|name|group|poll|plan|admins?|approval|effects?)\b|"
    r"named the (?:group|chat|plan)\b|created (?:the|a|an) (?:group|poll|plan|event|room)\b|"
    r"added [^\n]+ to the (?:group|chat)|removed [^\n]+ from the (?:group|chat)|removed [^\n]+ as a group admin|"
    r"(?:left|joined) the (?:group|chat)|(?:un)?pinned a message|voted (?:for|in)\b|"
    r"(?:changed|removed) (?:their|his|her|your) vote|turned (?:on|off)\b|made [^\n]+ a group admin|"
    r"is waving at you|waved at\b|liked a message|reacted \S{1,20} to (?:your|a|the|their|his|her)\b)"
)
# The same, with `You` in front: whole sentences, since `You changed the plan.` may well be a message
_YOU_EVENT = re.compile(
    r"(?:set the (?:quick reaction|emoji|nickname for [^\n?]+) to [^\n?]+|set your nickname to [^\n?]+|"
    r"changed the (?:chat )?(?:theme|colou?rs)(?: to [^\n?]+)?|changed the group photo|"
    r"cleared (?:your nickname|the nickname for [^\n?]+)|named the group [^\n?]+|created the group|"
    r"added [^\n?]+ to the group|removed [^\n?]+ from the group|left the group|(?:un)?pinned a message|"
    r"created a poll: [^\n]+|voted for \"[^\n]+|turned (?:on|off) [^\n?]+ messages[^\n?]*|waved at [^\n?]+!|"
    r"reacted \S{1,20} to [^\n?]+)[.!]?\s*\Z"
)
_UNSENT = re.compile(r"(?:unsent|removed) a message\.?\s*\Z")
_MISSED = re.compile(r"You missed a (?:video |audio |voice |group )?(?:call|chat)(?: (?:from|with) ([^\n]+?))?\.?\s*\Z")
_YOU_CALL = re.compile(r"(?:started|joined|left|ended) (?:a|an|the) (?:video|audio|voice|group) (?:call|chat)\.?\s*\Z")
_WHOLE_CALL = re.compile(
    r"(?:The |Your )?(?:video|voice|audio|group video|missed(?: video| audio| voice)?) (?:call|chat)"
    r"(?: has)? (?:ended|started)\.?\s*\Z",
    re.IGNORECASE,
)
_WHOLE_EVENT = re.compile(
    r"(?:You are now connected on Messenger\.?|You can now (?:message and call|call|message) each other\b[^\n]*|"
    r"Say hi to your new [^\n]{1,40} friend, [^\n]{1,80}|This poll is no longer available\.|"
    r"[^\n]{0,160}\bpoll has multiple updates\.|User unsent a message|"
    r"Messages and calls are secured with end-to-end encryption\.[^\n]*|Reacted [^\w\s]\S{0,20} to your message|"
    r"Liked a message)\s*\Z"
)
_STARTS = (
    "sent ", "shared ", "called ", "missed ", "started ", "joined ", "left ", "ended ", "set ", "changed ",
    "cleared ", "removed ", "updated ", "named ", "created ", "added ", "pinned ", "unpinned ", "voted ",
    "turned ", "made ", "unsent ", "is waving ", "waved ", "liked ", "reacted ", "stopped ",
)  # fmt: skip


def subjects_of(sender: str) -> tuple[str, ...]:
    """Return what a sentence of the application about somebody begins with."""
    first = sender.partition(" ")[0]
    return tuple(f"{subject} " for subject in dict.fromkeys((sender, "You", first)) if subject)


def predicate(text: str, subjects: tuple[str, ...]) -> tuple[str, bool]:
    """Return what a sentence says of its writer, empty if its subject is another; and whether its subject is `You`."""
    for subject in subjects:
        if text.startswith(subject):
            rest = text[len(subject) :]
            if rest.startswith(_STARTS):
                return rest, subject == "You "
    return "", False


def is_sent(rest: str, *, beside_it: bool) -> bool:
    """Tell whether a predicate says that something was sent.

    Args:
        beside_it: the message has an attachment or a link.
    """
    return (_SENT if beside_it else _ATTACHMENT).match(rest) is not None


def why_not(text: str, rest: str, sender: str, *, is_you: bool) -> str:
    """Return why a text is not a person's, a key of SKIPPED; empty if it is, or may be."""
    rules = ((_UNSENT, "unsent"), (_PLACE, "location"), (_YOU_EVENT if is_you else _EVENT, "event"))
    for pattern, reason in rules if rest else ():
        if pattern.match(rest):
            return reason
    missed = _MISSED.match(text)
    if (
        (rest and (_YOU_CALL if is_you else _CALL).match(rest))
        or (missed and missed[1] in (None, sender, sender.partition(" ")[0]))
        or _WHOLE_CALL.match(text)
    ):
        return "call"
    return "event" if _WHOLE_EVENT.match(text) else ""


def may_be_sentence(text: str) -> bool:
    """Tell quickly whether `why_not` can say anything of a text that has no predicate."""
    return text[:1].isupper() and (text.rstrip().endswith(_ENDS) or text.startswith(_BEGINNINGS))


_ENDS = (".", "ended", "started", "Messenger", "message", "chat", "call")
_BEGINNINGS = ("Say hi to your new ", "You missed a ")
