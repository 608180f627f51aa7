"""The names of direct conversations over a store in which nobody has an account."""

from __future__ import annotations

from argon2 import PasswordHasher

from parlour.chat.directs import Directs
from parlour.chat.passwords import Passwords
from parlour.chat.people import people_of
from parlour.chat.policies import Policies
from parlour.chat.ports import Store
from tests.support.stores import CountedIds, HandClock


def directs_of(store: Store, policies: Policies) -> Directs:
    """What a verb or a session asks that has to do with nobody's direct conversations."""
    return people_of(store, HandClock(), CountedIds(), policies, Passwords(PasswordHasher(1, 8, 1))).directs
