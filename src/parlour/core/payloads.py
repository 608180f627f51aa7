"""The payloads of events: one class for each type of event, and the one list of them."""

from __future__ import annotations

from sys import getsizeof
from typing import ClassVar, Literal

from msgspec import Struct

from parlour.core.accounts import Account, KeptMessages
from parlour.core.guest_links import PassState
from parlour.core.sign_outs import SignOut

SERVER_LOG = ".server"
"""The log of the server. It is stored like that of a room, but no room has such a name: see `core.names.room_name`."""


def log_of_account(account: str) -> str:
    """The log of an account: what concerns nobody else, such as what it has read. It is the name of no room, too."""
    return f".{account}"


Level = Literal["all", "mentions", "nothing"]
"""What of a room somebody is told of: every message, those that mention them, or none (the room is muted)."""

Everyone = Literal["room", "here"]
"""Whom a message is for beside those whom it names: the members of the room, or those of them who were there."""

MentionReason = Literal["name", "here", "keyword"]
"""Why a message is for somebody: it has their name, or `@here` while they were there, or a word that they watch for."""

Access = Literal["open", "members"]
"""`open`: whoever reaches the server may come in. `members`: only those with an account."""

RoomAccess = Literal["open", "members", "private", "direct"]
"""`private`: only the members of the room. `direct`: these too, and they are the same for ever (`core/direct.py`). A
room is one of both from its first event on, or never."""

RoomRole = Literal["member", "moderator", "owner"]
"""In a room, from the least to the most."""

LinkRule = Literal["all", "members", "nobody"]
"""Who may write links in a room: everybody, people with an account, or only who moderates it."""

History = Literal["all", "joined"]
"""What members may read: everything, or what has come since they joined."""


class Payload(Struct, frozen=True, gc=False):
    """The part of an event for its type; its fields are members of the event's JSON (`schema.event_json`)."""

    type: ClassVar[str]

    def size(self) -> int:
        """Bytes of memory that the fields take, roughly, while the event waits for the disk."""
        return 0


class Message(Payload, frozen=True, gc=False):
    """Somebody says something. `text` has passed `core.text.check_text`.

    `mentions` are the accounts that it names, by their ids; `everyone` says that it is for all who are in the room, or
    who were there.
    """

    type: ClassVar[str] = "message"
    text: str
    mentions: tuple[str, ...] | None = None
    everyone: Everyone | None = None

    def size(self) -> int:
        """Bytes of memory that the text takes."""
        return getsizeof(self.text)


class Settings(Payload, frozen=True, gc=False):
    """A change of a room's settings, from here on; None: left as it was.

    `slow_s` are the seconds between two messages of one author (0: no slow mode), `words` are refused in messages.
    """

    type: ClassVar[str] = "settings"
    access: RoomAccess | None = None
    title: str | None = None
    topic: str | None = None
    archived: bool | None = None
    read_only: bool | None = None
    history: History | None = None
    slow_s: int | None = None
    links: LinkRule | None = None
    words: tuple[str, ...] | None = None

    def size(self) -> int:
        """Bytes of memory that the texts take."""
        return getsizeof(self.title) + getsizeof(self.topic)


MemberChange = Literal["joined", "left", "added", "removed", "role", "takes_part"]


class MemberChanged(Payload, frozen=True, gc=False):
    """Somebody has come into a room or gone, or has another role; `role` is None for who is gone.

    `takes_part`: is in a direct conversation, which begins. `name` is how the account was shown then.
    """

    type: ClassVar[str] = "member"
    what: MemberChange
    account: str
    name: str
    role: RoomRole | None = None


class Restricted(Payload, frozen=True, gc=False):
    """Somebody may not write in a room (`muted`) or not use it at all (`banned`), or may again (`lifted`).

    `whom` is their id as the author of events, of an account or a guest, `name` how they were shown. It ends at
    `until_ms` (milliseconds since 1970; None: when it is lifted). Guests are known by `mark`, a digest of what they ask
    with; with `address`, that of where they ask from, it also holds newcomers from there, whose cookie is from after
    `since_ms`. `known`: these digests were found out later. `salt` is what digests of this room begin with, once.
    """

    type: ClassVar[str] = "restriction"
    what: Literal["muted", "banned", "lifted", "known"]
    whom: str
    name: str
    until_ms: int | None = None
    mark: str | None = None
    address: str | None = None
    since_ms: int | None = None
    salt: str | None = None


class GuestChanged(Payload, frozen=True, gc=False):
    """A guest with a pass (core/guest_links.py) is in the room from here on, is gone, or has another name.

    `guest` is the id of the pass, `name` how the guest is called from here on, `was` what they were called before.
    `ended`: the link `link` has ended, and with it all `count` guests are gone who came by it.
    """

    type: ClassVar[str] = "guest"
    what: Literal["joined", "left", "removed", "renamed", "ended"]
    guest: str | None = None
    name: str | None = None
    was: str | None = None
    link: str | None = None
    count: int | None = None


class AccountChanged(Payload, frozen=True, gc=False):
    """An account is as `account` says from here on; in the log of the server (`SERVER_LOG`).

    One that is `deleted` keeps its names from others until it is `erased`: no event names it any more.
    """

    type: ClassVar[str] = "account"
    what: Literal["made", "role", "state", "name", "profile", "password", "factors", "deleted", "erased"]
    account: Account


class SignInChanged(Payload, frozen=True, gc=False):
    """A session or an API token of an account has begun or ended; in the log of the server.

    `renewed`: a session has another secret, because the password was given again or is a new one. `why` it has ended.
    """

    type: ClassVar[str] = "sign_in"
    what: Literal["begun", "renewed", "ended"]
    account: str
    sign_in: str
    label: str
    why: SignOut = ""


class FactorChanged(Payload, frozen=True, gc=False):
    """A second factor of an account was added, used up, removed, or refused as a copy; in the log of the server.

    `app` is an authenticator app, `codes` are all recovery codes, `code` is one of them, `all` is everything.
    """

    type: ClassVar[str] = "factor"
    what: Literal["added", "used", "removed", "refused"]
    account: str
    factor: Literal["app", "codes", "code", "passkey", "all"]


class InvitationChanged(Payload, frozen=True, gc=False):
    """An invitation was made, used or ended; `role` is what it gives, `into` the room that it leads to.

    `account` is whose password it sets, where it makes no account. In the log of the server.
    """

    type: ClassVar[str] = "invitation"
    what: Literal["made", "used", "ended"]
    invitation: str
    role: str
    into: str | None = None
    account: str | None = None


class EmailChanged(Payload, frozen=True, gc=False):
    """Something happened to the e-mail address of an account, which is in no log; in the log of the server.

    `asked`: a link was sent to an address, `verified`: the account has it from here on, `removed`: it has none.
    """

    type: ClassVar[str] = "email"
    what: Literal["asked", "verified", "removed"]
    account: str


class BlockChanged(Payload, frozen=True, gc=False):
    """The account `account` takes no messages of the account `blocked` any more, or takes them again.

    In the log of the server; nobody else learns of it.
    """

    type: ClassVar[str] = "block"
    what: Literal["made", "ended"]
    account: str
    blocked: str


class GuestLinkChanged(Payload, frozen=True, gc=False):
    """A link by which guests come into rooms was made, changed or ended; `into` are the names of the rooms.

    In the log of the server.
    """

    type: ClassVar[str] = "guest_link"
    what: Literal["made", "changed", "ended"]
    link: str
    into: tuple[str, ...] = ()


class PassChanged(Payload, frozen=True, gc=False):
    """The pass of a guest was made, or is another one from here on: `state` and `name` are those from then on.

    In the log of the server. A pass whose link has ended has ended with it; `left` is the end of this one.
    """

    type: ClassVar[str] = "pass"
    what: Literal["made", "let_in", "renamed", "removed", "left"]
    guest: str
    link: str
    name: str
    state: PassState


class ProviderLinkChanged(Payload, frozen=True, gc=False):
    """An account was linked to one of a sign-in provider, or is no more; in the log of the server."""

    type: ClassVar[str] = "provider_link"
    what: Literal["linked", "unlinked"]
    account: str
    issuer: str


class ServerChanged(Payload, frozen=True, gc=False):
    """A setting of the server has been changed; in its log."""

    type: ClassVar[str] = "server"
    setting: str
    value: str


class BanChanged(Payload, frozen=True, gc=False):
    """Somebody is kept out of the whole server (`made`), or not any more (`lifted`); in its log.

    The fields are those of `chat.tables.bans.Ban`; what is `lifted` has only the first ones.
    """

    type: ClassVar[str] = "ban"
    what: Literal["made", "lifted"]
    ban: str
    kind: Literal["account", "address", "guest", "waiting"]
    subject: str
    name: str
    reason: str = ""
    until_ms: int | None = None
    made_ms: int = 0
    made_by: str = ""
    mark: str | None = None
    address: str | None = None
    since_ms: int | None = None


class ReportChanged(Payload, frozen=True, gc=False):
    """The event `message` of the room `into` was reported, or something was done about that; in the server's log."""

    type: ClassVar[str] = "report"
    what: Literal["made", "noted", "open", "closed"]
    report: str
    into: str
    message: int


class Rewritten(Payload, frozen=True, gc=False):
    """Events of the server's log were replaced, because an account was deleted: their seqs, and the SHA-256 of each.

    In that log, before the chain of hashes it would else not fit (`chat/audit_chain.py`).
    """

    type: ClassVar[str] = "rewritten"
    seqs: tuple[int, ...]
    digests: tuple[str, ...]


class AccountDeleted(Payload, frozen=True, gc=False):
    """Nothing before this names an account any more, which was deleted; `messages` is what became of its messages."""

    type: ClassVar[str] = "deleted"
    account: str
    messages: KeptMessages


class ReadMoved(Payload, frozen=True, gc=False):
    """An account has read the room `of` up to `read_seq`; in the log of the account (`log_of_account`).

    A message of its own that comes after `own_after` moves the position, too.
    """

    type: ClassVar[str] = "read"
    of: str
    read_seq: int
    own_after: int


class Mentioned(Payload, frozen=True, gc=False):
    """The message `message` of the room `of` is for the account, by whoever has written it; in the account's log."""

    type: ClassVar[str] = "mention"
    of: str
    message: int
    why: MentionReason


class NotifyChanged(Payload, frozen=True, gc=False):
    """A change of what an account is told of the room `of` from here on; in its log.

    `level` None is the default. Where it is `forgotten`, the account wants to know nothing of the room any more.
    """

    type: ClassVar[str] = "notify"
    of: str
    level: Level | None = None
    favourite: bool = False
    forgotten: bool = False


class InboxChanged(Payload, frozen=True, gc=False):
    """A setting of an account for all rooms (`core.inbox_settings`); in its log."""

    type: ClassVar[str] = "inbox"
    setting: str
    value: str


class Redacted(Payload, frozen=True, gc=False):
    """A tombstone: the event was of another type, and what it said has been removed for good."""

    type: ClassVar[str] = "redacted"


class Redaction(Payload, frozen=True, gc=False):
    """Somebody has deleted the message `ref`, in whose place there is a tombstone (`Redacted`)."""

    type: ClassVar[str] = "redaction"


_PAYLOADS = (
    Message,
    Settings,
    MemberChanged,
    Restricted,
    GuestChanged,
    AccountChanged,
    SignInChanged,
    FactorChanged,
    InvitationChanged,
    EmailChanged,
    BlockChanged,
    GuestLinkChanged,
    PassChanged,
    ProviderLinkChanged,
    ServerChanged,
    BanChanged,
    ReportChanged,
    Rewritten,
    AccountDeleted,
    ReadMoved,
    Mentioned,
    NotifyChanged,
    InboxChanged,
    Redacted,
    Redaction,
)
PAYLOADS: dict[str, type[Payload]] = {payload.type: payload for payload in _PAYLOADS}
"""Type of event to its class."""

POLICY_PAYLOADS: frozenset[type[Payload]] = frozenset({Settings, MemberChanged, GuestChanged, Restricted})
"""Those of events that change what a room is (`core.policy`)."""

POLICY_TYPES = frozenset(payload.type for payload in POLICY_PAYLOADS)
