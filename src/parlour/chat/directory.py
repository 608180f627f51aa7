"""The verb of looking for people: those with an account, by how their names begin."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import NamedTuple

from parlour.chat.identities import Identities
from parlour.chat.policies import Policies
from parlour.chat.server_settings import LiveSettings
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.names import MAX_NAME_CHARS


class FoundPeople(NamedTuple):
    """People by how they are shown, and whether there are others beyond the limit."""

    people: Sequence[Account]
    is_more: bool


class Directory:
    """Finds people. Its methods are called on the event loop."""

    def __init__(
        self,
        policies: Policies,
        identities: Identities,
        settings: LiveSettings,
        is_kept_out: Callable[[Account], bool] = lambda _: False,
    ) -> None:
        """`is_kept_out` says who is banned from the server, or waits to be let in."""
        self._is_kept_out = is_kept_out
        self._policies = policies
        self._identities = identities
        self._settings = settings

    def find(self, actor: Actor, text: str, limit: int) -> FoundPeople:
        """Active accounts of which the name, or a word of how they are shown, begins with a text; all for none.

        Those who are kept out of the server are found by admins alone: what they call themselves reaches nobody.
        Raises Refusal("login_required"), ("forbidden") where those who run the server alone may look,
        ("bad_parameter") for a text that is longer than any name.
        """
        self._policies.require(actor, "people", None)
        account = actor.account
        if self._settings.now.people == "admins" and not (account is None or account.has_role("admin")):
            raise Refusal("forbidden", "Here only those who run the server look through the list of people.")
        if len(text) > MAX_NAME_CHARS:
            raise Refusal("bad_parameter", f"A name has at most {MAX_NAME_CHARS} characters.", field="q")
        wanted = text.strip().removeprefix("@").casefold()
        sees_all = account is None or account.has_role("admin")
        found = (
            each
            for each in self._identities.accounts.beginning(wanted)
            if each.state == "active" and (sees_all or not self._is_kept_out(each))
        )
        first = list(islice(found, limit + 1))
        return FoundPeople(first[:limit], len(first) > limit)

    def one(self, actor: Actor, name: str) -> Account:
        """The account of a name, or of an id, that is not deleted. Raises Refusal("not_found"), ("login_required")."""
        self._policies.require(actor, "people", None)
        account = self._identities.accounts.get(name) or self._identities.accounts.named(name)
        if account is None or account.state == "deleted":
            raise Refusal("not_found", "There is no such account.")
        return account
