"""The verbs of rooms: making one, and changing what it is."""

from __future__ import annotations

from base64 import b32encode
from hashlib import sha256
from typing import NamedTuple

from parlour.chat.policies import Policies
from parlour.chat.ports import Ids, Store
from parlour.chat.recheck import require_unchanged
from parlour.chat.room_steps import allowed_policy, change
from parlour.chat.server_log import by
from parlour.chat.slow_mode import MAX_SLOW_S
from parlour.chat.transactions import FindLog, Transaction
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.event import Log
from parlour.core.names import MAX_TITLE_CHARS, MAX_TOPIC_CHARS, PRIVATE, line, room_name, room_word
from parlour.core.payloads import MemberChanged, Settings
from parlour.core.permissions import Right, Rule
from parlour.core.policy import NO_POLICY, Policy
from parlour.core.text_rules import check_words

_WORD_CHARS = 40
"""Of a title, in the address of a private room."""

_TAIL_CHARS = 6
"""Random letters and digits at the end of that address: 30 bits, so that nobody tries out whether there is a room."""


class MadeRoom(NamedTuple):
    """A room that somebody has made: its name, which is its address, and what it is."""

    room: str
    policy: Policy


class Rooms:
    """Makes and changes rooms."""

    def __init__(self, store: Store, ids: Ids, policies: Policies) -> None:
        self._store = store
        self._ids = ids
        self._policies = policies

    async def create(self, actor: Actor, name: str | None, settings: Settings) -> MadeRoom:
        """Make a room that the actor owns. Without a name the address comes from the title.

        Raises Refusal("name_taken") for a public room that is there already, ("bad_room_name"), ("bad_parameter"), …
        """
        self._policies.require(actor, "create", None)
        if (refusal := self._policies.refused_new_room(actor)) is not None:
            raise refusal
        settings = _checked(settings)
        if settings.access == "private":
            word = room_word(name or settings.title or "", _WORD_CHARS)
            digits = b32encode(sha256(self._ids.secret().encode()).digest()).decode().lower()
            name = room_name(f"{PRIVATE}{word or 'room'}-{digits[:_TAIL_CHARS]}")
        else:
            name = room_name(name or room_word(settings.title or "", _WORD_CHARS))
            if name.startswith(PRIVATE):
                raise Refusal("bad_room_name", "The address of a private room is not chosen.", field="room")
            if settings.history is not None:
                raise _no_history()
        made = MadeRoom(name, await self._store.run(_create(actor, name, settings)))
        self._policies.learn(*made)
        return made

    async def change(self, actor: Actor, room: str, settings: Settings) -> Policy:
        """Change what a room is; makes a public room that is not there. What is so already is no event.

        Returns the policy in force once it is on disk. Raises Refusal.
        """
        room, settings = room_name(room), _checked(settings)
        right = right_to_change(settings)
        self._policies.require(actor, right, room)
        rule = self._policies.rule(actor, right)
        policy = await self._store.run(_change(actor, room, settings, rule))
        self._policies.learn(room, policy)
        return policy


def right_to_change(settings: Settings) -> Right:
    """The right that a change of a room needs: to lock it, and to slow it down, is to keep order there."""
    others = settings.access, settings.title, settings.topic, settings.archived, settings.history
    is_order = all(each is None for each in (*others, settings.links, settings.words))
    return "restrict" if is_order else "govern"


def _checked(settings: Settings) -> Settings:
    """The same with the texts as they are kept. Raises Refusal("bad_text"), ("bad_parameter")."""
    if settings.slow_s is not None and not 0 <= settings.slow_s <= MAX_SLOW_S:
        raise Refusal("bad_parameter", f"slow_s is from 0 to {MAX_SLOW_S}.", field="slow_s")
    title, topic = settings.title, settings.topic
    return Settings(
        access=settings.access,
        title=None if title is None else line(title, MAX_TITLE_CHARS, "title"),
        topic=None if topic is None else line(topic, MAX_TOPIC_CHARS, "topic"),
        archived=settings.archived,
        read_only=settings.read_only,
        history=settings.history,
        slow_s=settings.slow_s,
        links=settings.links,
        words=None if settings.words is None else check_words(settings.words),
    )


def _create(actor: Actor, room: str, settings: Settings) -> Transaction[Policy]:
    yield from require_unchanged(actor)
    log: Log = yield FindLog(room)
    if log.head_seq:
        raise Refusal("name_taken", f"There is a room {room} already.", field="room")
    policy = yield from change(by(actor), room, NO_POLICY, settings)
    account = actor.account
    if account is not None:
        owner = MemberChanged("joined", account.id, account.display, "owner")
        policy = yield from change(by(actor), room, policy, owner)
    return policy


def _change(actor: Actor, room: str, settings: Settings, rule: Rule) -> Transaction[Policy]:
    policy = yield from allowed_policy(actor, room, rule)
    is_private = policy.access == "private"
    if settings.access is not None and is_private is not (settings.access == "private"):
        raise Refusal("bad_parameter", "A room is private from its beginning, or never.", field="access")
    if settings.history is not None and not is_private:
        raise _no_history()
    now = {
        "access": policy.access,
        "title": policy.title,
        "topic": policy.topic,
        "archived": policy.is_archived,
        "read_only": policy.is_read_only,
        "history": policy.history,
        "slow_s": policy.slow_s,
        "links": policy.links,
        "words": policy.words,
    }
    new = {name: getattr(settings, name) for name in now}
    changed = {name: value for name, value in new.items() if value is not None and value != now[name]}
    if not changed:
        return policy
    return (yield from change(by(actor), room, policy, Settings(**changed)))


def _no_history() -> Refusal:
    return Refusal("bad_parameter", "Only a private room can hide what was said before.", field="history")
