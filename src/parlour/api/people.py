"""Helpers that the handlers of accounts, sessions and invitations share: JSON, and the account that asks."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from parlour.chat.directs import Directs
from parlour.chat.identities import Identities
from parlour.chat.policies import Policies
from parlour.chat.tables.invitations import Invitation
from parlour.chat.tables.sign_ins import SignIn
from parlour.chat.time_zones import time_zone
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.guest_links import GuestPass
from parlour.http.request import Request
from parlour.schema.event_json import at_text
from parlour.schema.passes import PassInfo
from parlour.schema.people import AccountInfo, InvitationInfo, Profile, SignInInfo


def code_of(invitation: str) -> str:
    """The secret at the end of a link, where somebody has given the whole link."""
    return invitation.rpartition("/")[2]


def own_account(request: Request) -> Account:
    """The account that asks. Raises Refusal("login_required") for a guest."""
    account = request.actor.account
    if account is None:
        raise Refusal("login_required", "Sign in first.")
    return account


def own_or_bot(identities: Identities, request: Request, name: str | None) -> Account:
    """The account that asks, or a bot of its own. Raises Refusal("login_required"), ("not_found")."""
    account = own_account(request)
    if name is None:
        return account
    named = identities.accounts.named(name)
    if named is None or (named.id != account.id and named.owner != account.id):
        raise Refusal("not_found", "You have no such bot.")
    return named


def named_account(identities: Identities, name: str) -> Account:
    """The account of a name. Raises Refusal("not_found")."""
    account = identities.accounts.named(name)
    if account is None:
        raise Refusal("not_found", "There is no such account.")
    return account


def known_account(identities: Identities, name: str) -> Account:
    """The account of a name, or of an id, that is not deleted. Raises Refusal("not_found")."""
    account = identities.accounts.get(name) or identities.accounts.named(name)
    if account is None or account.state == "deleted":
        raise Refusal("not_found", "There is no such account.")
    return account


def account_info(account: Account) -> AccountInfo:
    """An account as JSON."""
    return AccountInfo(
        account.id,
        account.name,
        account.display,
        account.kind,
        account.role,
        account.state,
        account.owner,
        account.status,
        account.time_zone,
        account.language,
        account.hue,
        account.factors > 0,
        account.hidden > 0,
    )


def profile(identities: Identities, account: Account) -> Profile:
    """The public part of an account as JSON, for people who have signed in."""
    owner = None if account.owner is None else identities.accounts.get(account.owner)
    return Profile(
        account.id,
        account.name,
        account.display,
        account.kind,
        account.state,
        None if owner is None else owner.name,
        account.status,
        account.time_zone,
        account.hue,
    )


def sign_in_info(directs: Directs, row: SignIn, this: str | None, secret: str | None = None) -> SignInInfo:
    """A session or token as JSON; `this` is the id of the one that asks. Rooms are called as its account calls them."""
    return SignInInfo(
        row.id,
        row.kind,
        row.label,
        at_text(row.made_ms),
        at_text(row.expires_ms),
        at_text(row.used_ms) if row.used_ms else None,
        row.scopes.split() if row.kind == "token" else None,  # type: ignore[arg-type]
        row.id == this,
        [directs.address(row.account, room) for room in row.rooms.split()] or None,
        secret,
    )


def zone_of(actor: Actor) -> tzinfo:
    """The time zone in which pages show times to somebody: UTC to who has said none, and to guests."""
    return time_zone("" if actor.account is None else actor.account.time_zone)


def shown_time(at_ms: int, zone: tzinfo = UTC) -> str:
    """A time for people: `2026-11-22 06:41 UTC`."""
    return f"{datetime.fromtimestamp(at_ms / 1000, zone):%Y-%m-%d %H:%M %Z}"


def invitation_info(row: Invitation, url: str | None = None) -> InvitationInfo:
    """An invitation as JSON."""
    made, expires = at_text(row.made_ms), at_text(row.expires_ms)
    return InvitationInfo(row.id, row.role, row.uses_left, made, expires, row.room, url, row.sent_to)


def pass_info(policies: Policies, guest: GuestPass, token: str | None = None) -> PassInfo:
    """A guest's pass as JSON."""
    return PassInfo(guest.id, guest.name, guest.state, sorted(policies.rooms_of(guest.id)), token)
