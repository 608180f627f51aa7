"""Words for an event that is no message: `ada added bob`, without the name of who did it.

`ui/static/notices.js` is its twin.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from parlour.core.durations import MINUTE_MS
from parlour.core.event import text_ms


def _pause(seconds: int) -> str:
    unit, size = next(each for each in (("hour", 3600), ("minute", 60), ("second", 1)) if seconds % each[1] == 0)
    return f"{seconds // size} {unit}{'' if seconds == size else 's'}"


_ROLES = {"member": "a member", "moderator": "a moderator", "owner": "an owner"}

_SETTINGS: Mapping[str, Callable[[Any], str | None]] = {
    "access": {
        "open": "opened this room to guests",
        "members": "closed this room to guests",
        "private": "made this private room",
    }.get,
    "title": lambda title: f"named this room \u201c{title}\u201d" if title else "took away the name of this room",
    "topic": lambda topic: f"set the topic \u201c{topic}\u201d" if topic else "took away the topic",
    "archived": {True: "archived this room", False: "took this room out of the archive"}.get,
    "read_only": {True: "locked this room: only moderators write in it", False: "let everybody write here"}.get,
    "history": {
        "all": "let members read everything from the beginning",
        "joined": "let members read what comes after they joined",
    }.get,
    "slow_s": lambda seconds: (
        f"set slow mode: one message in {_pause(seconds)}" if seconds else "switched slow mode off"
    ),
    "links": {
        "all": "let everybody write links",
        "members": "let only people with an account write links",
        "nobody": "let only moderators write links",
    }.get,
    "words": lambda words: "changed the words that are refused here" if words else "let all words be written here",
}
"""A setting that an event has changed, and the words for its new value."""

NOTES = "@me"
"""How the conversation of somebody with themselves is called in what they are answered."""

_MADE: Mapping[str, str] = {
    "open": "made this room",
    "members": "made this room for members",
    "private": "made this private room",
    "direct": "began this conversation",
}
"""The words for the access where the event is the first: with it the room came into being."""


def _made(event: Any) -> str | None:
    """The words for the event with which a room came into being; None for any other."""
    if event.seq != 1:
        return None
    return "began these notes" if event.room == NOTES else _MADE.get(event.access)


def unread_words(unread: int, mentions: int) -> str:
    """`2 mentions, 5 unread`; empty where nothing is."""
    what = {"1 mention" if mentions == 1 else f"{mentions} mentions": mentions, f"{unread} unread": unread}
    return ", ".join(words for words, count in what.items() if count)


def notice(event: Any) -> str | None:
    """The words for an event (`schema.events.Event`); None for a type that people are not told of."""
    if event.type == "settings":
        said = list(_settings(event))
        made = _made(event)
        if made is None or not event.title:
            return _list(said) or None
        named, (_, _, *others) = f"{made}, \u201c{event.title}\u201d", said
        return f"{named}, {'and ' if len(others) == 1 else ''}{_list(others)}" if others else named
    if event.type == "member":
        if event.what == "takes_part":  # its name says so
            return None
        if event.what in ("joined", "left"):
            return str(event.what)
        if event.what == "role":
            return f"made {event.name} {_ROLES.get(event.role, 'a member')}"
        return f"{event.what} {event.name}"
    if event.type == "restriction":
        return _restriction(event)
    if event.type == "guest":
        return _of_guest(event)
    if event.type == "redaction":
        return "deleted a message"
    return None


_UNITS = (("day", 1440), ("hour", 60), ("minute", 1))
"""In which a time is said, with their minutes: the first that it is a whole number of."""


def _restriction(event: Any) -> str | None:
    if event.what == "lifted":
        return f"let {event.name} write here again"
    if event.what not in ("muted", "banned"):
        return None
    if event.until_ms is None:
        return f"{event.what} {event.name}"
    minutes = max(1, round((event.until_ms - text_ms(event.at)) / MINUTE_MS))
    unit, size = next(each for each in _UNITS if minutes % each[1] == 0)
    count = minutes // size
    return f"{event.what} {event.name} for {count} {unit}{'' if count == 1 else 's'}"


def _of_guest(event: Any) -> str | None:
    if event.what == "ended":
        return f"ended a guest link: {event.count} {'guest is' if event.count == 1 else 'guests are'} gone"
    if event.what == "renamed":
        return f"renamed {event.was} to {event.name}"
    return f"removed {event.name}" if event.what == "removed" else {"joined": "came in", "left": "left"}.get(event.what)


def _list(said: Sequence[str]) -> str:
    *others, last = said or ("",)
    return f"{', '.join(others)} and {last}" if others else last


def _settings(event: Any) -> Iterator[str]:
    for name, words in _SETTINGS.items():
        value = getattr(event, name)
        made = _made(event) if name == "access" else None
        said = None if value is None else made or words(value)
        if said is not None:
            yield said
