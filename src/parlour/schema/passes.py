"""The pass of a guest who came by a link, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from parlour.core.guest_links import PassState
from parlour.schema.fields import RoomName


class PassInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """The pass of a guest. `token` is shown once: `Authorization: Bearer` with it asks as this guest.

    `rooms` are those that it opens, none while the guest waits to be let in.
    """

    id: str
    name: str
    state: PassState
    rooms: Sequence[RoomName]
    token: str | None = None
