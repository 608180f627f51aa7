"""Accounts by the word of a trusted proxy, which has asked people who they are and sends the name."""

from __future__ import annotations

from parlour.chat.accounts import Accounts
from parlour.chat.identities import Identities
from parlour.chat.ports import Store
from parlour.core.accounts import Account, account_name
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.sign_outs import DISABLED

_WHO = "The proxy in front of this server says that you are somebody"


class Proxied:
    """Finds the accounts that a proxy names, or makes them. All methods are called on the event loop."""

    def __init__(self, store: Store, identities: Identities, accounts: Accounts, *, makes_accounts: bool) -> None:
        """`makes_accounts`: somebody whom the proxy names for the first time has an account from then on."""
        self._store = store
        self._identities = identities
        self._accounts = accounts
        self._makes_accounts = makes_accounts

    def actor(self, name: str, address: str) -> Actor | None:
        """The actor of that name; None if `identify` has to be asked."""
        account = self._named(name)
        if account is None or account.state != "active":
            return None
        return Actor(account.kind, account.id, "proxy", address, account)

    async def identify(self, name: str, address: str) -> Actor:
        """The actor of that name, with a new account where that is wanted.

        Raises Refusal("forbidden") for a name that nobody has, can have, or may have any more: the proxy has let
        somebody through who is no guest, so they are not taken for one.
        """
        account = self._named(name)
        if account is None and self._makes_accounts:
            account = await self._make(name, address)
        if account is None:
            raise Refusal("forbidden", f"{_WHO} who has no account here.")
        if account.state != "active":
            raise Refusal("forbidden", DISABLED)
        return Actor(account.kind, account.id, "proxy", address, account)

    async def _make(self, name: str, address: str) -> Account | None:
        if (refused := self._accounts.refused_address(address)) is not None:
            raise refused
        try:
            account = self._accounts.wanted(name, "")
            await self._store.run(self._accounts.add_without_password(account))
        except Refusal as refusal:
            if refusal.code == "name_taken" and (found := self._named(name)) is not None:
                return found  # by another request of theirs
            if refusal.code in ("bad_name", "reserved_name", "name_taken", "registration_closed"):
                raise Refusal("forbidden", f"{_WHO} who can have no account here: {refusal.detail}") from refusal
            raise
        return self._identities.accounts.get(account.id) or account

    def _named(self, name: str) -> Account | None:
        """The account of exactly this name, in the canonical form; not one that has had it, nor is shown so."""
        try:
            wanted = account_name(name)
        except Refusal:
            return None
        account = self._identities.accounts.named(wanted)
        return account if account is not None and account.name == wanted and account.kind == "member" else None
