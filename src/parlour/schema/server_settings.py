"""The settings of the server as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from parlour.core.direct import DirectRule
from parlour.core.payloads import Access
from parlour.core.server_settings import Approval, Deletion, FactorRule, PeopleRule, Raid, Registration, RoomMakers


class SettingInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A setting: its value, what each of its `values` means, and whether somebody has set it.

    `seq` is that of the event in the log of the server that did.
    """

    name: str
    value: str
    default: str
    meaning: str
    values: Mapping[str, str]
    seq: int | None = None


class SettingList(msgspec.Struct, frozen=True):
    """All settings that change while the server runs."""

    settings: Sequence[SettingInfo]


class ChangeSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The values to be set."""

    access: Access | None = None
    registration: Registration | None = None
    rooms: RoomMakers | None = None
    deletion: Deletion | None = None
    second_factor: FactorRule | None = None
    direct: DirectRule | None = None
    people: PeopleRule | None = None
    approval: Approval | None = None
    raid: Raid | None = None
