"""What an event says: one class for each type of event, and the one list of them."""

from __future__ import annotations

from sys import getsizeof
from typing import ClassVar, Literal

from msgspec import Struct

Access = Literal["open", "members"]
"""`open`: whoever reaches the server may come in. `members`: only those with an account."""


class Payload(Struct, frozen=True, gc=False):
    """What is particular to a type of event; its fields are members of the event's JSON (`schema.event_json`)."""

    type: ClassVar[str]

    def size(self) -> int:
        """Bytes of memory that the fields take, roughly, while the event waits for the disk."""
        return 0


class Message(Payload, frozen=True, gc=False):
    """Somebody says something. `text` has passed `core.text.check_text`."""

    type: ClassVar[str] = "message"
    text: str

    def size(self) -> int:
        """Bytes of memory that the text takes."""
        return getsizeof(self.text)


class Settings(Payload, frozen=True, gc=False):
    """The policy of the room from here on: a policy event."""

    type: ClassVar[str] = "settings"
    access: Access


class Redacted(Payload, frozen=True, gc=False):
    """A tombstone: the event was of another type, and what it said has been removed for good."""

    type: ClassVar[str] = "redacted"


PAYLOADS: dict[str, type[Payload]] = {payload.type: payload for payload in (Message, Settings, Redacted)}
"""Type of event to its class."""
