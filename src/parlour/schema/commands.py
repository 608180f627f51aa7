"""Requests of clients in JSON, and the answers of a WebSocket (docs/protocol.md#sending)."""

from __future__ import annotations

from typing import Literal, cast

import msgspec

from parlour.core.errors import Refusal
from parlour.schema.fields import CursorText, DisplayName, Key, RoomName, Seq, Text
from parlour.wire.strict_json import decode

INSTEAD = {
    **dict.fromkeys(("message", "content", "body", "msg", "title", "subject"), "text"),
    **dict.fromkeys(("username", "user", "nick", "author", "sender", "display_name"), "name"),
    **dict.fromkeys(("channel", "topic"), "room"),
}
"""What other services (Slack, Discord, ntfy, Apprise, Gotify, Matrix) call what has a member of its own here."""


class PostMessage(msgspec.Struct, forbid_unknown_fields=True):
    """The body where the address names the room: `POST /api/v1/rooms/<room>/messages`, and PUT with a key."""

    text: Text
    key: Key | None = None
    name: DisplayName | None = None


class SendMessage(PostMessage):
    """The body of `POST /send`, where the room may be in the body, and of `POST /<room>` and PUT beside it."""

    room: RoomName | None = None


class _Op(msgspec.Struct, forbid_unknown_fields=True, tag_field="op"):
    """One operation on a WebSocket. `room` may be left out where the address names it."""


class SendOp(SendMessage, _Op, tag="send"):
    """Store a message; answered by Ack or OpError with the same key."""


class TypingOp(_Op, tag="typing"):
    """Tell the others that somebody is writing."""

    room: RoomName | None = None
    name: DisplayName | None = None


class PresenceOp(_Op, tag="presence"):
    """Say how somebody is here by this connection, and be shown who is, in every room of it."""

    name: DisplayName | None = None
    state: Literal["online", "away"] = "online"


class ReadOp(_Op, tag="read"):
    """Everything up to `seq` has been read; answered by Marked. One's position only goes forward."""

    seq: int
    room: RoomName | None = None


class PingOp(_Op, tag="ping"):
    """Ask for a PongReply; for scripts, which cannot send the pings of the protocol."""


class SubscribeOp(_Op, tag="subscribe"):
    """Follow one more room, after the cursor `since` (`"k3f9.42"` or 42) or from now on."""

    room: RoomName
    since: CursorText | int | None = None


class MeOp(_Op, tag="me"):
    """Follow the log of one's account, after the cursor `since` or from now on, and what is unread in one's rooms."""

    since: CursorText | int | None = None


class UnsubscribeOp(_Op, tag="unsubscribe"):
    """Stop following a room."""

    room: RoomName


Op = SendOp | TypingOp | PresenceOp | ReadOp | PingOp | SubscribeOp | UnsubscribeOp | MeOp


def decode_op(data: bytes | str) -> Op:
    """Decode one operation. Raises Refusal("bad_op") without a known `op`, else Refusal("bad_json") with the field."""
    try:
        # A union is no class, which is what mypy takes type[T] for; msgspec decodes both.
        return decode(data, cast("type[Op]", Op), instead=INSTEAD)
    except Refusal as refusal:
        if refusal.code == "bad_json" and refusal.field == "op":
            known = "send, typing, presence, read, ping, subscribe, unsubscribe and me"
            raise Refusal("bad_op", f"The operations are {known}.", field="op") from None
        raise


class Ack(msgspec.Struct, frozen=True, tag="ack"):
    """The message is on disk at this place; `replay` if an earlier send with the key had stored it."""

    key: Key | None
    room: RoomName
    seq: Seq
    replay: bool = False


class OpError(msgspec.Struct, frozen=True, tag="error"):
    """An operation was refused; `key` is that of the send, if it could be read."""

    key: Key | None
    code: str
    detail: str
    retry_after_ms: int | None = None
    field: str | None = None


class PongReply(msgspec.Struct, frozen=True, tag="pong"):
    """The answer to PingOp."""


class Marked(msgspec.Struct, frozen=True, tag="marked"):
    """The read position is on disk."""

    room: RoomName
    seq: Seq


class Subscribed(msgspec.Struct, frozen=True, tag="subscribed"):
    """The room is followed; `cursor` is its head at this moment."""

    room: RoomName
    cursor: CursorText


class Unsubscribed(msgspec.Struct, frozen=True, tag="unsubscribed"):
    """Nothing more will come from the room."""

    room: RoomName
