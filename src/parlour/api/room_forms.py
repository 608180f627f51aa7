"""The forms on the page of a room: what each does, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal, NamedTuple, TypeAlias, cast, get_args

from parlour.api.context import Context
from parlour.api.forms import number_field, optional_number
from parlour.api.invitations import link
from parlour.api.people import named_account, own_account
from parlour.api.restrictions import author_meant
from parlour.chat.guests import author_of
from parlour.chat.restrictions import Wanted
from parlour.core.accounts import Account
from parlour.core.errors import Refusal
from parlour.core.payloads import History, LinkRule, RoomAccess, RoomRole, Settings
from parlour.core.permissions import ROOM_ROLES
from parlour.http.request import Request

FIELDS = (
    *("do", "title", "topic", "access", "read_only", "history", "name", "member", "role"),
    *("to", "uses", "days", "accounts", "id", "seq", "minutes", "newcomers", "what", "whom"),
    *("slow_s", "links", "words"),
)
"""Of all these forms."""


class Done(NamedTuple):
    """The result of a form: the sentence that says so, or a new link with the id of its invitation."""

    words: str = ""
    address: str = ""
    link_id: str = ""


NOTHING = Done()


class Asked(NamedTuple):
    """A form that somebody has sent about a room."""

    context: Context
    request: Request
    room: str
    form: Mapping[str, str]


async def carry_out(context: Context, request: Request, room: str, form: Mapping[str, str]) -> Done:
    """Do what a form asks for. Raises Refusal, with the field that it is about where there is one."""
    do = _FORMS.get(form["do"])
    if do is None:
        raise Refusal("bad_form", "The page has no such form.", field="do")
    return await do(Asked(context, request, room, form))


async def _settings(asked: Asked) -> Done:
    form = asked.form
    if form["access"] not in ("", "open", "members", "private"):
        raise Refusal("bad_form", "access is one of open, members, private.", field="access")
    if form["history"] not in ("", "all", "joined"):
        raise Refusal("bad_form", "history is one of all, joined.", field="history")
    settings = Settings(
        access=cast("RoomAccess | None", form["access"] or None),
        title=form["title"],
        topic=form["topic"],
        read_only=bool(form["read_only"]),
        history=cast("History | None", form["history"] or None),
    )
    await asked.context.rooms.change(asked.request.actor, asked.room, settings)
    return Done("Saved.")


async def _archive(asked: Asked) -> Done:
    is_end = asked.form["do"] == "archive"
    await asked.context.rooms.change(asked.request.actor, asked.room, Settings(archived=is_end))
    return Done("The room is archived." if is_end else "The room is in use again.")


async def _lock(asked: Asked) -> Done:
    is_locked = asked.form["do"] == "lock"
    await asked.context.rooms.change(asked.request.actor, asked.room, Settings(read_only=is_locked))
    return Done("The room is locked: only moderators write in it." if is_locked else "Everybody writes here again.")


async def _rules(asked: Asked) -> Done:
    form = asked.form
    if form["links"] not in ("", *get_args(LinkRule)):
        raise Refusal("bad_form", f"links is one of {', '.join(get_args(LinkRule))}.", field="links")
    settings = Settings(
        slow_s=optional_number(asked.form, "slow_s"),
        links=cast("LinkRule | None", form["links"] or None),
        # Who may not change it has no such field: a form without it leaves the words as they are.
        words=tuple(form["words"].split()) if form["links"] else None,
    )
    await asked.context.rooms.change(asked.request.actor, asked.room, settings)
    return Done("Saved.")


async def _join(asked: Asked) -> Done:
    actor, members = asked.request.actor, asked.context.members
    if asked.context.policies.may(actor, "moderate", asked.room):
        await members.add(actor, asked.room, own_account(asked.request), "member")
    else:
        await members.join(actor, asked.room)
    return Done("You are in this room now.")


async def _leave(asked: Asked) -> Done:
    await asked.context.members.remove(asked.request.actor, asked.room, own_account(asked.request))
    return Done("You have left this room.")


async def _hand_over(asked: Asked) -> Done:
    actor, members, own = asked.request.actor, asked.context.members, own_account(asked.request)
    to = _named(asked, "to")
    await members.add(actor, asked.room, to, "owner")
    if to.id != own.id and asked.context.policies.of(asked.room).role_of(own.id) == "owner":
        await members.add(actor, asked.room, own, "member")
    return Done(f"{to.display} owns this room now, and you are a member.")


async def _add(asked: Asked) -> Done:
    account = _named(asked, _whom(asked))
    if account.id in asked.context.policies.of(asked.room).members:
        raise Refusal("bad_parameter", f"{account.display} is in this room already.", field="name")
    await asked.context.members.add(asked.request.actor, asked.room, account, "member")
    return Done(f"{account.display} is in this room now.")


def _whom(asked: Asked) -> str:
    """The field that names somebody: forms of a row say `member`, and one that is typed by hand may say either."""
    return "member" if asked.form["member"] else "name"


async def _role(asked: Asked) -> Done:
    role = asked.form["role"]
    if role not in ROOM_ROLES:
        raise Refusal("bad_form", f"A role is one of {', '.join(ROOM_ROLES)}.", field="role")
    account = _named(asked, _whom(asked))
    await asked.context.members.add(asked.request.actor, asked.room, account, role)
    return Done(f"{account.display} is {_ROLES[role]} now.")


async def _remove(asked: Asked) -> Done:
    account = _named(asked, _whom(asked), is_active=False)
    await asked.context.members.remove(asked.request.actor, asked.room, account)
    return Done(f"{account.display} is not in this room any more.")


async def _restrict(asked: Asked) -> Done:
    form, context = asked.form, asked.context
    if form["what"] not in _KEPT_FROM:
        raise Refusal("bad_form", f"what is one of {', '.join(_KEPT_FROM)}.", field="what")
    minutes, seq = optional_number(asked.form, "minutes"), optional_number(asked.form, "seq")
    if seq is None:
        whom = author_of(_named(asked, "whom", is_active=False))
    else:
        whom = await author_meant(context, asked.request, asked.room, seq, None)
    what, words = _KEPT_FROM[form["what"]]
    wanted = Wanted(what, minutes, bool(form["newcomers"]))
    await context.restrictions.restrict(asked.request.actor, asked.room, whom, wanted)
    return Done(f"{whom.name} {words}.")


async def _lift(asked: Asked) -> Done:
    await asked.context.restrictions.lift(asked.request.actor, asked.room, asked.form["id"])
    return Done("Lifted.")


async def _invite(asked: Asked) -> Done:
    uses, days = number_field(asked.form, "uses"), number_field(asked.form, "days")
    invitations, actor = asked.context.people.invitations, asked.request.actor
    made = await invitations.make(actor, "member" if asked.form["accounts"] else "none", uses, days, asked.room)
    return Done(address=link(asked.context, asked.request, "join", made.secret), link_id=made.invitation.id)


async def _end_link(asked: Asked) -> Done:
    await asked.context.people.invitations.end(asked.request.actor, asked.form["id"])
    return Done("The link is ended: nobody can use it now.")


_Form: TypeAlias = Callable[[Asked], Awaitable[Done]]

_FORMS: Mapping[str, _Form] = {
    "settings": _settings,
    "lock": _lock,
    "unlock": _lock,
    "rules": _rules,
    "archive": _archive,
    "unarchive": _archive,
    "join": _join,
    "leave": _leave,
    "hand_over": _hand_over,
    "add": _add,
    "role": _role,
    "remove": _remove,
    "restrict": _restrict,
    "lift": _lift,
    "invite": _invite,
    "uninvite": _end_link,
}

_KEPT_FROM: Mapping[str, tuple[Literal["muted", "banned"], str]] = {
    "mute": ("muted", "can read this room, and not write in it"),
    "ban": ("banned", "may not use this room"),
}

_ROLES: Mapping[RoomRole, str] = {"member": "a member", "moderator": "a moderator", "owner": "an owner"}


def _named(asked: Asked, field: str, *, is_active: bool = True) -> Account:
    """The account whose name is in a field. Raises Refusal("not_found")."""
    identities = asked.context.people.identities
    try:
        account = named_account(identities, asked.form[field].strip().removeprefix("@"))
        if is_active and account.state != "active":
            raise Refusal("not_found")
    except Refusal as refusal:
        raise Refusal(refusal.code, "Nobody here has this name.", field=field) from None
    return account
