"""Direct conversations: the room that people have together, and what it is called for each of them."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b32encode
from collections.abc import Iterable, Sequence

from parlour.chat.blocks import Blocks
from parlour.chat.identities import Identities
from parlour.chat.policies import WRONG_ROOM, Policies
from parlour.chat.server_settings import LiveSettings
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.direct import (
    MAX_PEOPLE,
    ME,
    Conversation,
    direct_address,
    direct_names,
    is_direct,
    refused_direct,
)
from parlour.core.errors import Refusal
from parlour.core.names import PRIVATE, room_name
from parlour.core.policy import Membership, Policy

NOTES = "Notes to yourself"
"""What people call a conversation with nobody else."""


class Directs:
    """Finds direct rooms and names them. All methods are called on the event loop.

    A direct room has a name that follows from the ids of its people and a secret of the server, so two who write to
    each other at the same moment write into one room, and nobody else can tell its name. It is shown to nobody: each of
    its people knows it as `@` and the names of the others.
    """

    def __init__(
        self, secret: bytes, identities: Identities, policies: Policies, blocks: Blocks, settings: LiveSettings
    ) -> None:
        self._key = hmac.digest(secret, b"the names of direct rooms", hashlib.sha256)
        self._identities = identities
        self._policies = policies
        self._blocks = blocks
        self._settings = settings

    def room(self, actor: Actor, text: str) -> str:
        """The canonical name of the room that somebody means. Raises Refusal as `room_name` and `find` do."""
        return self.find(actor, text) if is_direct(text) else room_name(text)

    def find(self, actor: Actor, address: str) -> str:
        """The room that an address such as `@alice` leads somebody to, whether something has been said in it or not.

        Raises Refusal("login_required") for a guest, ("bad_room_name"), ("not_found") for names that nobody has,
        ("forbidden") for a token that is for other rooms, whatever is asked.
        """
        account = actor.account
        if account is None:
            raise Refusal("login_required", "Direct messages are for people with an account: sign in.")
        try:
            room = self.room_of(account, address)
        except Refusal:
            if actor.rooms is not None:
                raise Refusal("forbidden", WRONG_ROOM) from None
            raise
        if actor.rooms is not None and room not in actor.rooms:
            raise Refusal("forbidden", WRONG_ROOM)
        return room

    def room_of(self, account: Account, address: str) -> str:
        """The same for an account, of which is not known what it asks with."""
        people = {account.id: account, **{each.id: each for each in self._named(account, direct_names(address))}}
        if len(people) > MAX_PEOPLE:
            raise Refusal("bad_room_name", f"A direct conversation has at most {MAX_PEOPLE} people.", field="room")
        room = self._room(people)
        if self._policies.of(room).seq == 0:
            states = {each.state for each in people.values()}
            if "deleted" in states:
                raise _nobody()
            if "disabled" in states:  # as the card of the account says
                raise Refusal("not_found", "Nobody signs in with this account at present.")
            members = {id_: Membership("member", 1) for id_ in people}
            self._policies.expect(room, Policy(0, "direct", members=members))
        return room

    def _named(self, account: Account, names: Sequence[str]) -> Iterable[Account]:
        for name in names:
            accounts = self._identities.accounts
            found = account if name == ME else accounts.get(name) or accounts.named(name)
            if found is None:
                raise _nobody()
            yield found

    def _room(self, ids: Iterable[str]) -> str:
        digest = hmac.digest(self._key, "\n".join(sorted(ids)).encode(), hashlib.sha256)
        return PRIVATE + b32encode(digest[:20]).decode().lower()  # 160 bits: nobody guesses it, no two are the same

    def is_direct(self, room: str) -> bool:
        """Whether a room, by its canonical name, is a direct one."""
        return room[0] == PRIVATE and self._policies.of(room).access == "direct"

    def has_begun(self, room: str) -> bool:
        """Whether something has been said in a direct room."""
        return self._policies.of(room).seq > 0

    def address(self, account: str | None, room: str) -> str:
        """The name of a room for an account, by its id; only direct rooms have another than their own.

        Who was deleted has no name, and is called by their id.
        """
        if not self.is_direct(room):
            return room
        return direct_address(each.name if each.state != "deleted" else each.id for each in self.others(account, room))

    def others(self, account: str | None, room: str) -> list[Account]:
        """The other accounts in a direct room, by name."""
        found = [self._identities.accounts.get(id_) for id_ in self._policies.of(room).members if id_ != account]
        return sorted([each for each in found if each is not None], key=lambda each: each.name)

    def title(self, account: str | None, room: str) -> str:
        """The title of a direct room: the names of the others in it."""
        return ", ".join(each.display for each in self.others(account, room)) or NOTES

    def policy(self, account: str | None, room: str) -> Policy:
        """The policy of a room as it is shown to an account: a direct one has the names of people as its title."""
        policy = self._policies.of(room)
        return policy._replace(title=self.title(account, room)) if policy.access == "direct" else policy

    def why_not(self, account: Account, room: str) -> Refusal | None:
        """Why an account that is in a direct room may not write there now; the store judges again."""
        others, blocks = self.others(account.id, room), self._blocks
        return refused_direct(
            Conversation(
                self._settings.now.direct,
                account,
                others,
                {each.id for each in others if blocks.is_blocked(account.id, by=each.id)},
                {each.id for each in others if blocks.is_blocked(each.id, by=account.id)},
                self.rooms_in_common(account, others).keys(),
            )
        )

    def to_unblock(self, account: Account, room: str) -> Account | None:
        """The one whose block by the account is why it may not write in a direct room; None where there is another."""
        others, blocks = [each for each in self.others(account.id, room) if each.state != "deleted"], self._blocks
        if len(others) != 1 or blocks.is_blocked(account.id, by=others[0].id):
            return None
        return others[0] if blocks.has_blocked(account.id, others[0].id) else None

    def rooms_in_common(self, account: Account, others: Iterable[Account]) -> dict[str, list[str]]:
        """The private rooms in which an account is together with each of the others, by the ids of those."""
        of, rooms_of = self._policies.of, self._policies.rooms_of
        own = {room for room in rooms_of(account.id) if of(room).access == "private"}
        found = {each.id: sorted(own & rooms_of(each.id)) for each in others}
        return {id_: rooms for id_, rooms in found.items() if rooms}


def _nobody() -> Refusal:
    return Refusal("not_found", "There is no such account.")
