"""The statements on what needs an account: its positions and levels in rooms, what is for it, and its settings."""

from __future__ import annotations

from typing import NamedTuple

from parlour.chat.statements import Statement, no_row
from parlour.core.payloads import Level, MentionReason


class MyRoom(NamedTuple):
    """The settings of an account for a room; None where the default is in force.

    `read_seq` is how far it has read; its own messages after `own_after` move that, too.
    """

    room: str
    read_seq: int | None
    own_after: int | None
    level: Level | None
    favourite: int


class Mention(NamedTuple):
    """The message `seq` of a room is for an account, as the event `place` of the account's log says."""

    room: str
    seq: int
    place: int
    why: MentionReason


class RoomMention(NamedTuple):
    """The message `seq` of a room, by the author with this id, is for all who have the room in their list."""

    seq: int
    author: str


class InboxSetting(NamedTuple):
    """A setting of an account for all its rooms."""

    account: str
    name: str
    value: str


_MY_ROOM = "SELECT room, read_seq, own_after, level, favourite FROM my_rooms"
MY_ROOMS = Statement(MyRoom, f"{_MY_ROOM} WHERE account = ?1 ORDER BY room")
MY_ROOM = Statement(MyRoom, f"{_MY_ROOM} WHERE account = ?1 AND room = ?2")
COUNT_MY_ROOMS = Statement(int, "SELECT COUNT(*) FROM my_rooms WHERE account = ?1")
SET_READ = Statement(
    no_row,
    "INSERT INTO my_rooms (account, room, read_seq, own_after) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT(account, room) DO UPDATE SET read_seq = excluded.read_seq, own_after = excluded.own_after",
)
ADD_READ = Statement(
    no_row,
    "INSERT INTO my_rooms (account, room, read_seq, own_after) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT(account, room) DO NOTHING",
)
SET_NOTIFY = Statement(
    no_row,
    "INSERT INTO my_rooms (account, room, level, favourite) VALUES (?1, ?2, ?3, ?4)"
    " ON CONFLICT(account, room) DO UPDATE SET level = excluded.level, favourite = excluded.favourite",
)
DROP_MY_ROOM = Statement(no_row, "DELETE FROM my_rooms WHERE account = ?1 AND room = ?2")
DROP_MY_ROOMS = Statement(no_row, "DELETE FROM my_rooms WHERE account = ?1")

_MENTION = "SELECT room, seq, place, why FROM mentions"
MENTIONS = Statement(Mention, f"{_MENTION} WHERE account = ?1 ORDER BY place DESC LIMIT ?2")
MENTIONS_IN = Statement(Mention, f"{_MENTION} WHERE account = ?1 AND room = ?2 ORDER BY seq")
ADD_MENTION = Statement(no_row, "INSERT INTO mentions (account, room, seq, place, why) VALUES (?1, ?2, ?3, ?4, ?5)")
DROP_OLD_MENTIONS = Statement(no_row, "DELETE FROM mentions WHERE account = ?1 AND place <= ?2")
DROP_MENTIONS_OF = Statement(no_row, "DELETE FROM mentions WHERE account = ?1")

ROOM_MENTIONS = Statement(RoomMention, "SELECT seq, author FROM room_mentions WHERE room = ?1 ORDER BY seq")
ADD_ROOM_MENTION = Statement(no_row, "INSERT INTO room_mentions (room, seq, author) VALUES (?1, ?2, ?3)")
OLD_ROOM_MENTION = Statement(int, "SELECT seq FROM room_mentions WHERE room = ?1 ORDER BY seq DESC LIMIT 1 OFFSET 1000")
DROP_OLD_ROOM_MENTIONS = Statement(no_row, "DELETE FROM room_mentions WHERE room = ?1 AND seq <= ?2")

ALL_INBOX_SETTINGS = Statement(InboxSetting, "SELECT account, name, value FROM inbox_settings")
SET_INBOX_SETTING = Statement(
    no_row,
    "INSERT INTO inbox_settings (account, name, value) VALUES (?1, ?2, ?3)"
    " ON CONFLICT(account, name) DO UPDATE SET value = excluded.value",
)
DROP_INBOX_SETTINGS = Statement(no_row, "DELETE FROM inbox_settings WHERE account = ?1")
