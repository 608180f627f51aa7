"""Bans of the whole server as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec

from parlour.schema.fields import RoomName, Time
from parlour.schema.people import Plain, from_to


class BanInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """Somebody who is kept out. `subject` is the name of an account, a range of addresses, or the id of a guest.

    `waiting` is an account that waits to be approved: lifting the ban approves it. `until` is absent where it holds
    until it is lifted. `name` is how a guest or an account is shown. `newcomers`: also for later guests from the same
    address.
    """

    id: str
    kind: Literal["account", "address", "guest", "waiting"]
    subject: str
    made: Time
    name: str = ""
    reason: str = ""
    until: Time | None = None
    by: str = ""
    newcomers: bool = False


class BanList(msgspec.Struct, frozen=True):
    """The bans in force, the newest first."""

    bans: Sequence[BanInfo]


class BanBody(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ban to make: of an `account`, an `address` or range, or the guest who wrote the message `seq` of `room`.

    Without `minutes` it holds until it is lifted.
    """

    account: Plain | None = None
    address: Plain | None = None
    room: RoomName | None = None
    seq: Annotated[int, from_to(1, 68_719_476_735)] | None = None
    reason: Plain = ""
    minutes: Annotated[int, from_to(1, 527_040)] | None = None
    newcomers: bool = True
