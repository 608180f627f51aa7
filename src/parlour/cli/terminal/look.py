"""How a message and a remark look: as curl users read them in a pipe, shorter and in colour on a terminal."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime, tzinfo
from zlib import crc32

from parlour.core.event import shown_name
from parlour.core.text import notice_line, text_line, visible
from parlour.schema.events import Event, Reset

_COLOURS = (36, 33, 32, 35, 34, 31)
"""Cyan, yellow, green, magenta, blue, red: readable on light and on dark."""

_RESETS = {
    "epoch_changed": "the server's data was replaced; what follows is from the new log",
    "before_joining": "what was said before you joined is not shown",
    "below_retention": "older messages are not kept any more; some are missing here",
    "cursor_ahead": "the server has fewer messages than were shown here; what follows is from its log as it is now",
    "damaged": "the server cannot read some messages any more; they are missing here",
    "no_longer_member": "this room may not be read any more",
}


@dataclass(frozen=True, slots=True)
class Look:
    """`short`: local time of day instead of the full UTC time. `colour`: names in colour, remarks dim."""

    short: bool = False
    colour: bool = False
    zone: tzinfo | None = None
    """Where the clock on the wall hangs; None is the system's own zone."""

    def message(self, event: Event) -> str:
        """A message as one line, or several when its text has several. Nothing in it can act on the terminal."""
        at, name = visible(event.at), visible(shown_name(event.by))
        is_notice = event.text is None
        make = notice_line if is_notice else text_line
        line = make(at, name, event.shown_text or "")
        if not self.short:
            return line
        body = line[len(make(at, name, "")) :]
        label = f"* {name}" if is_notice else f"{name}:"
        if self.colour:
            label = f"\x1b[{_COLOURS[crc32(event.by.id.encode()) % len(_COLOURS)]}m{label}\x1b[0m"
        return f"{self._clock(at)} {label} {body}"

    def remark(self, text: str) -> str:
        """Something that the program has to say."""
        text = f"— {visible(text)}"
        return f"\x1b[2m{text}\x1b[0m" if self.colour else text

    def day(self, event: Event) -> str | None:
        """The local date of an event; None when its time cannot be read."""
        moment = self._moment(event.at)
        return None if moment is None else f"{moment:%A, %d %B %Y}"

    def _clock(self, at: str) -> str:
        moment = self._moment(at)
        return "--:--" if moment is None else f"{moment:%H:%M}"

    def _moment(self, at: str) -> datetime | None:
        try:
            return datetime.fromisoformat(at).astimezone(self.zone)
        except (ValueError, OverflowError):
            return None


def reset_text(reset: Reset) -> str:
    """Why events are missing, as a sentence for people."""
    return _RESETS.get(reset.reason, "some messages are missing here")


def wants_colour(is_terminal: bool) -> bool:
    """Whether colours may be used here (no-color.org)."""
    return is_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
