"""The people in a room now, as JSON (docs/protocol-people.md#who-is-here)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import msgspec
from msgspec import Meta

from parlour.schema.fields import DisplayName, RoomName

Hue = Annotated[int, Meta(ge=0, le=11)]


class PersonHere(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody who has a stream or a page of a room open; `away` if they look at none of them."""

    id: str
    name: DisplayName
    kind: str
    hue: Hue | None = None
    away: bool = False


class PeopleHere(msgspec.Struct, frozen=True):
    """How many are in a room now, and who: those who look first, at most 50 of them.

    In a room with more than 500 streams on a node its streams are counted, and not the people behind them.
    """

    room: RoomName
    count: int
    people: Sequence[PersonHere]


class NodePresence(msgspec.Struct, frozen=True):
    """A message between nodes: how many are in a room there, and some of them."""

    node: str
    count: int
    people: Sequence[PersonHere] = ()


decode_node_presence = msgspec.json.Decoder(NodePresence).decode
"""A `NodePresence` from its JSON; raises msgspec.MsgspecError."""
