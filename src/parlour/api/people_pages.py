"""The pages of people: the list of everybody at `/people`, and the card of somebody with what one can do about them."""

from __future__ import annotations

from collections.abc import Container, Sequence
from datetime import datetime
from typing import Annotated
from urllib.parse import quote

from msgspec import Struct

from parlour.api.directory import DirectoryOptions, DirectoryResource
from parlour.api.forms import Form, errors_of, form_fields, see_other, sign_in_first
from parlour.api.operation import Operation
from parlour.api.parameters import ACCOUNT_NAME, FLAG, TEXT, Format, formats
from parlour.api.people import own_account
from parlour.api.sign_ins import DISK
from parlour.chat.time_zones import time_zone
from parlour.core.accounts import Account
from parlour.core.direct import direct_address
from parlour.core.errors import Refusal
from parlour.http.request import Request
from parlour.http.response import Response

SHOWN = 200
"""People on the page; whoever is not among them is found by a longer beginning of the name."""


class PeopleOptions(Struct, frozen=True, kw_only=True):
    """The beginning of a name, whom one has chosen to write to, and the format of the answer."""

    to: Annotated[list[str], ACCOUNT_NAME, "Somebody to write to, by name or id; several for a group."]
    write: Annotated[bool, FLAG, "1: go to the conversation with those in `to`."] = False
    q: Annotated[str, TEXT, "How a name begins."] = ""
    format: Annotated[Format, formats("text", "html", "json"), "The format, instead of `Accept`."] = "text"


class CardOptions(Struct, frozen=True, kw_only=True):
    """The account whose card is shown."""

    name: Annotated[str, ACCOUNT_NAME, "The name of an account, or its id."]


class PeoplePages(DirectoryResource):
    """The handlers of these pages."""

    @Operation(
        "GET",
        "/people",
        "The people: a page for browsers, a line for each to curl, JSON for programs",
        right=None,
        page_for="people",
        parameters=PeopleOptions,
        refusals=("forbidden", "bad_parameter", "bad_room_name", "not_found", "rate_limited"),
        example="-u alice '{url}/people?q=bo'",
    )
    async def all(self, request: Request, options: PeopleOptions) -> Response:
        """Everybody, or those whose names begin like that, and the way to a conversation with those who are chosen.

        A guest is led to signing in.
        """
        actor = request.actor
        if actor.account is None:
            return sign_in_first(request)
        self.guard.limit_reading(request)
        if options.format == "json":
            if options.to or options.write:
                raise Refusal("bad_parameter", "Programs post to the address itself, such as /@ada+bob.", field="to")
            return self.list(request, DirectoryOptions(q=options.q))
        directory, own = self.context.people.directory, own_account(request)
        chosen = {each.id: each for each in (directory.one(actor, name) for name in options.to)}
        refusal = None
        if options.write:
            try:
                return see_other(request, self._conversation(own, [each.name for each in chosen.values()]))
            except Refusal as refused:
                refusal = refused
        bill = self.guard.bill(request)
        began = bill.began()
        found = directory.find(actor, options.q, SHOWN)
        bill.charge(began, 0)
        blocked = await self._blocked(request)
        return await self.framed(
            request,
            "people.html",
            "People",
            refusal=refusal,
            said=[_line(account, blocked) for account in found.people] or ["Nobody here is called like that."],
            here="people",
            is_admin=own.has_role("admin"),
            q=options.q,
            people=[*(each for each in chosen.values() if each not in found.people), *found.people],
            chosen=chosen,
            is_more=found.is_more,
            errors={} if refusal is None else errors_of(refusal),
            me=own.id,
            blocked=blocked if not options.q else (),
        )

    def _conversation(self, own: Account, names: Sequence[str]) -> str:
        """The path of the conversation of an account with others. Raises Refusal where they cannot be written to."""
        if not names:
            raise Refusal(
                "bad_parameter", "Tick whom you want to write to: one person, or several for a group.", field="to"
            )
        address = direct_address(names)
        why_not = self.context.people.directs.why_not(own, self.context.people.directs.room_of(own, address))
        if why_not is not None:
            raise why_not
        return "/" + quote(address, safe="@+")

    async def _blocked(self, request: Request) -> Sequence[Account]:
        """Whom somebody has blocked, the last one first; none for a token that may not know."""
        people, actor = self.context.people, request.actor
        if not self.context.policies.may(actor, "account", "lobby"):
            return ()
        found = [people.identities.accounts.get(block.blocked) for block in await people.blocks.all(actor)]
        return [account for account in found if account is not None]

    @Operation(
        "GET",
        "/people/{name}",
        "The card of somebody",
        right=None,
        page_for="people",
        parameters=CardOptions,
        refusals=("forbidden", "not_found", "rate_limited"),
        example="-u alice {url}/people/bob",
    )
    async def card(self, request: Request, options: CardOptions) -> Response:
        """The card of an account; a guest is led to signing in."""
        if request.actor.account is None:
            return sign_in_first(request)
        self.guard.limit_reading(request)
        return await self._card(request, self.context.people.directory.one(request.actor, options.name))

    @Operation(
        "POST",
        "/people/{name}",
        "What the forms of somebody's card do: block and unblock",
        right="account",
        parameters=CardOptions,
        body=Form,
        refusals=("bad_form", "unsupported_media_type", "not_found", "bad_parameter", *DISK),
        example="-u alice -d do=block {url}/people/bob",
    )
    async def submit(self, request: Request, options: CardOptions) -> Response:
        """Block somebody, or take their messages again; the card as it is then, or the conversation, to write there."""
        people, actor = self.context.people, request.actor
        own_account(request)
        form = form_fields(request, "do", "then")
        account = people.directory.one(actor, options.name)
        try:
            if form["then"] not in ("", "write"):
                raise Refusal("bad_form", "After this form one can write, or see the card.", field="then")
            if form["do"] == "block":
                await people.blocks.block(actor, account)
                done = f"{account.display} is blocked: they write to you no more."
            elif form["do"] == "unblock":
                await people.blocks.unblock(actor, account)
                done = f"{account.display} can write to you again."
            else:
                raise Refusal("bad_form", "The page has no such form.", field="do")
        except Refusal as refusal:
            return await self._card(request, account, refusal=refusal)
        if form["then"] == "write":
            return see_other(request, f"/{quote(direct_address([account.name]), safe='@')}")
        return await self._card(request, account, done=done)

    async def _card(
        self, request: Request, account: Account, *, done: str = "", refusal: Refusal | None = None
    ) -> Response:
        people, own = self.context.people, own_account(request)
        owner = None if account.owner is None else people.identities.accounts.get(account.owner)
        is_self, is_own_bot = account.id == own.id, account.owner == own.id
        address = direct_address([] if is_self else [account.name])
        why_not = None
        if _is_active(account):
            why_not = people.directs.why_not(own, people.directs.room_of(own, address))
        local = ""
        if account.time_zone:
            now = datetime.fromtimestamp(self.context.clock.now_ms() / 1000, time_zone(account.time_zone))
            local = f"{now:%H:%M}"
        return await self.framed(
            request,
            "person.html",
            account.display,
            refusal=refusal,
            said=[done or _line(account), (local and not done and f"{local} {account.time_zone}") or ""],
            here="people",
            is_admin=own.has_role("admin"),
            who=account,
            owner=owner,
            is_self=is_self,
            can_block=not is_self and not is_own_bot,
            is_blocked=people.blocks.has_blocked(own.id, account.id),
            address=address,
            why_not="" if why_not is None else why_not.detail,
            is_active=_is_active(account),
            local=local,
            done=done,
            errors={} if refusal is None else errors_of(refusal),
        )


def _is_active(account: Account) -> bool:
    return account.state == "active"


def _line(account: Account, blocked: Container[Account] = ()) -> str:
    """`bob  Bob B.  bot  At the fair`: the name, how somebody is shown, what they are, their status."""
    kinds = {"bot": account.kind == "bot", "disabled": account.state != "active", "blocked": account in blocked}
    words = ", ".join(word for word, is_so in kinds.items() if is_so)
    parts = (account.name, account.display if account.display != account.name else "", words, account.status)
    return "  ".join(part for part in parts if part)
