"""The settings that can change while the server runs: one row each, from which page, command and answers are made.

What is set at the start only stands in `config.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, NamedTuple

from parlour.core.direct import DIRECT_RULES, DirectRule
from parlour.core.errors import Refusal
from parlour.core.payloads import Access

Registration = Literal["open", "invitation", "closed"]
RoomMakers = Literal["members", "admins"]
Deletion = Literal["choose", "keep", "remove"]
PeopleRule = Literal["members", "admins"]
Approval = Literal["nobody", "open", "everybody"]
Raid = Literal["off", "on"]
FactorRule = Literal["nobody", "admins", "everybody"]


class ServerSettings(NamedTuple):
    """The settings in force. The fields are the rows of `SERVER_SETTINGS`."""

    access: Access = "open"
    registration: Registration = "invitation"
    rooms: RoomMakers = "members"
    deletion: Deletion = "choose"
    second_factor: FactorRule = "nobody"
    direct: DirectRule = "members"
    people: PeopleRule = "members"
    approval: Approval = "nobody"
    raid: Raid = "off"


@dataclass(frozen=True, slots=True)
class ServerSetting:
    """One row. `values` has what it can be set to, each with what that means."""

    name: str
    meaning: str
    values: Mapping[str, str]

    @property
    def default(self) -> str:
        """The value in force while nobody has set it; that of `access` is the start's (`--access`)."""
        return str(ServerSettings._field_defaults[self.name])


SERVER_SETTINGS = (
    ServerSetting(
        "access",
        "Who may read and write here",
        {"open": "everybody, as a guest", "members": "people with an account, and their bots"},
    ),
    ServerSetting(
        "registration",
        "Who may make an account",
        {
            "open": "everybody who opens /register",
            "invitation": "whoever has a link from those who run the server",
            "closed": "nobody: links make no accounts, but that of an owner",
        },
    ),
    ServerSetting(
        "rooms",
        "Who may make rooms",
        {
            "members": "everybody with an account; the first message to an address makes a room too",
            "admins": "those who run the server",
        },
    ),
    ServerSetting(
        "deletion",
        "What becomes of the messages of somebody who deletes their account",
        {"choose": "they choose", "keep": "the messages stay, without the name", "remove": "the messages are removed"},
    ),
    ServerSetting(
        "second_factor",
        "Who needs a second factor",
        {
            "nobody": "whoever wants one sets it up",
            "admins": "admins and owners",
            "everybody": "everybody but bots",
        },
    ),
    ServerSetting("direct", "Who may write direct messages", DIRECT_RULES),
    ServerSetting(
        "people",
        "Who may look through the list of people",
        {"members": "everybody with an account", "admins": "those who run the server; others find people in rooms"},
    ),
    ServerSetting(
        "approval",
        "Which new accounts wait until somebody approves them",
        {
            "nobody": "none: everybody writes at once",
            "open": "those made at /register, without a link",
            "everybody": "all, but that of an owner",
        },
    ),
    ServerSetting(
        "raid",
        "Whether the server is being raided",
        {"off": "no", "on": "yes: no new guests come in, and everybody writes one message in 10 seconds"},
    ),
)
"""The table, in the order in which people are shown it."""

_ROWS = {row.name: row for row in SERVER_SETTINGS}


def check_setting(name: str, value: str) -> None:
    """Raises Refusal("bad_parameter") for a setting that there is not, or a value that it cannot have."""
    row = _ROWS.get(name)
    if row is None:
        raise Refusal("bad_parameter", f"There is no such setting; there are {', '.join(_ROWS)}.", field="name")
    if value not in row.values:
        raise Refusal("bad_parameter", f"{name} is one of {', '.join(row.values)}.", field=name)
