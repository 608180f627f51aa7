"""The pages for signing in and out, for invitations and for a new password: plain forms that need no script."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

from msgspec import Struct

from parlour.api.credentials import without_pass
from parlour.api.factors_page import PATH, second_step
from parlour.api.forms import Form, errors_of, form_fields, link_gone, local_path, page, see_other, wants_html
from parlour.api.guest_door import GuestDoor
from parlour.api.login_page import login_page
from parlour.api.messages import room_path
from parlour.api.operation import Operation
from parlour.api.parameters import TEXT
from parlour.api.sign_ins import (
    DISK,
    begin_by_steps,
    begin_first_session,
    device_fields,
    end_session,
    require_safe_line,
)
from parlour.chat.invitations import LINK_GONE
from parlour.chat.registrations import require_registration
from parlour.chat.sign_ins import HalfSignIn
from parlour.core.accounts import Account, account_name
from parlour.core.errors import Refusal
from parlour.core.guest_links import link_code
from parlour.http.request import Request
from parlour.http.response import Response

_FORM = ("bad_form", "unsupported_media_type")


class LinkOptions(Struct, frozen=True, kw_only=True):
    """The secret at the end of a link."""

    code: Annotated[str, TEXT, "The secret of the link."]


def _account_name(text: str) -> str:
    """The name of an account in the address of a page; empty for what is none."""
    try:
        return account_name(text)
    except Refusal:
        return ""


def _path(room: str) -> str:
    """The path of a room, below that of the server."""
    return room_path("", room).decode()


def _invited(link: str, role: str, room: str | None, account: Account | None) -> str:
    """The page of an invitation for a client in a terminal."""
    into = "" if room is None else f", and join /{room}"
    with_account = "" if room is None else f"    curl -u {account.name if account else 'NAME'} -d do=join {link}\n"
    if account is not None or role == "none":
        return f"You are invited to join /{room} with your account:\n\n{with_account}" if room else f"{_ELSE}\n"
    make = f"    curl -d name=NAME --data-urlencode 'password=A FEW WORDS' {link}\n"
    text = f"You are invited: make an account here{into}.\n\n{make}"
    return text if room is None else f"{text}\nWith the account that you have:\n\n{with_account}"


_ELSE = "You are invited to make an account here, and you have one already."


class SignInPages(GuestDoor):
    """The handlers of these pages."""

    @Operation("GET", "/login", "The page for signing in", right=None, example="{url}/login")
    def login(self, request: Request) -> Response:
        """The form; `next` is where to go afterwards, `reset` whose new password was just set by a link."""
        name = _account_name(request.query.get("reset", [""])[0])
        after = local_path(request.query.get("next", ["/"])[0])
        return login_page(self.context.people, request, name, after, self.ways, is_reset=name != "")

    @Operation(
        "POST",
        "/login",
        "Sign in with the form of the page",
        right=None,
        body=Form,
        refusals=(*_FORM, "bad_credentials", "forbidden", "rate_limited", *DISK),
        example="--data-urlencode 'name=alice' --data-urlencode 'password=correct horse battery staple' {url}/login",
    )
    async def submit_login(self, request: Request) -> Response:
        """Name and password for a session."""
        form = form_fields(request, "name", "password", "next")
        try:
            begun = await begin_by_steps(self.context.people, request, form["name"], form["password"])
        except Refusal as refusal:
            return login_page(self.context.people, request, form["name"], local_path(form["next"]), self.ways, refusal)
        if isinstance(begun, HalfSignIn):
            return await second_step(self.context.people, request, begun, local_path(form["next"]))
        return see_other(request, self._after(begun.account, local_path(form["next"])), begun.fields)

    @Operation(
        "POST",
        "/logout",
        "Sign out",
        right=None,
        body=Form,
        refusals=("forbidden", *DISK),
        example="-X POST {url}/logout",
    )
    async def logout(self, request: Request) -> Response:
        """The end of the session that asks, or of the pass of a guest."""
        guest = request.actor.guest_pass
        if guest is not None:
            has_ended = await self.context.people.passes.leave(guest)
            return see_other(request, "/", without_pass(request.peer) if has_ended else ())
        fields = await end_session(self.context.people, request)
        if request.actor.credential == "proxy":
            raise Refusal("forbidden", "The proxy in front of this server signs you in: sign out there.")
        return see_other(request, "/" if self.context.policies.server == "open" else "/login", fields)

    @Operation(
        "GET",
        "/register",
        "The page for making an account without an invitation",
        right=None,
        refusals=("registration_closed",),
        example="{url}/register",
    )
    def register(self, request: Request) -> Response:
        """The form for a new account, where everybody may make one; who has one is led to the front room."""
        if request.actor.account is not None:
            return see_other(request, "/")
        require_registration(self.context.people.settings.now.registration)
        return self._register(request, {"name": "", "display": ""})

    @Operation(
        "POST",
        "/register",
        "Make an account with the form of the page",
        right=None,
        body=Form,
        refusals=(
            *(*_FORM, "registration_closed", "bad_name", "reserved_name", "name_taken", "weak_password", "forbidden"),
            *("rate_limited", *DISK),
        ),
        example="--data-urlencode 'name=bob' --data-urlencode 'password=a few words of his own' {url}/register",
    )
    async def submit_register(self, request: Request) -> Response:
        """A new account, signed in."""
        form, people = form_fields(request, "name", "display", "password"), self.context.people
        try:
            require_safe_line(request)
            account = await people.accounts.register_openly(
                form["name"], form["display"], form["password"], request.peer.key
            )
        except Refusal as refusal:
            if refusal.code == "registration_closed":
                raise
            return self._register(request, form, refusal)
        return see_other(request, self._after(account, "/"), await begin_first_session(people, request, account))

    @Operation(
        "GET",
        "/join/{code}",
        "The page of an invitation",
        right=None,
        parameters=LinkOptions,
        refusals=("link_gone", "registration_closed", "rate_limited", "storage_unavailable"),
        example="{url}/join/GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c",
    )
    async def join(self, request: Request, options: LinkOptions) -> Response:
        """One button for who is signed in and invited to a room, else the form for a new account, or for a guest."""
        if (guest_code := link_code(options.code)) is not None:
            return await self.show_to_guest(request, guest_code)
        return await self._join(request, options.code, {"name": "", "display": ""})

    @Operation(
        "POST",
        "/join/{code}",
        "Make an account with the form of the page, or (`do=join`) join a room with the one that you have, or come in "
        "as a guest",
        right=None,
        parameters=LinkOptions,
        body=Form,
        refusals=(
            *(*_FORM, "link_gone", "registration_closed", "bad_name", "reserved_name", "name_taken", "weak_password"),
            *("forbidden", "read_only", "rate_limited", *DISK),
        ),
        example="--data-urlencode 'name=bob' --data-urlencode 'password=a few words of his own'"
        " {url}/join/GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c",
    )
    async def submit_join(self, request: Request, options: LinkOptions) -> Response:
        """A new account, signed in, or a new member of a room, or a guest; all land in the room."""
        if (guest_code := link_code(options.code)) is not None:
            return await self.let_guest_in(request, guest_code)
        form, people = form_fields(request, "do", "name", "display", "password"), self.context.people
        if form["do"] == "join":
            return await self._enter(request, options.code)
        try:
            require_safe_line(request)
            into = (await people.invitations.find(options.code)).room
            account = await people.accounts.register(
                options.code, form["name"], form["display"], form["password"], request.peer.key
            )
        except Refusal as refusal:
            return await self._join(request, options.code, form, refusal)
        after = "/admin" if account.role == "owner" else "/" if into is None else _path(into)
        return see_other(request, self._after(account, after), await begin_first_session(people, request, account))

    @Operation(
        "GET",
        "/reset/{code}",
        "The page for a new password",
        right=None,
        parameters=LinkOptions,
        refusals=("link_gone", "storage_unavailable"),
        example="{url}/reset/GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c",
    )
    async def reset(self, request: Request, options: LinkOptions) -> Response:
        """The form for a new password."""
        return await self._reset(request, options.code)

    @Operation(
        "POST",
        "/reset/{code}",
        "Set a new password with the form of the page",
        right=None,
        parameters=LinkOptions,
        body=Form,
        refusals=(*_FORM, "link_gone", "weak_password", "forbidden", "rate_limited", *DISK),
        example="--data-urlencode 'password=a few other words' {url}/reset/GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c",
    )
    async def submit_reset(self, request: Request, options: LinkOptions) -> Response:
        """A new password; then comes signing in with it."""
        form, people = form_fields(request, "name", "password"), self.context.people
        try:
            require_safe_line(request)
            account = await people.accounts.reset_password(options.code, form["password"], request.peer.key)
        except Refusal as refusal:
            return await self._reset(request, options.code, refusal)
        return see_other(request, f"/login?reset={quote(account.name)}", device_fields(people, request, account))

    def _after(self, account: Account, path: str) -> str:
        """Where to go after signing in: to set up a second factor first, where one is demanded and there is none."""
        return PATH if not account.factors and self.context.policies.demands_factor(account) else path

    def _register(self, request: Request, form: dict[str, str], refusal: Refusal | None = None) -> Response:
        require_safe_line(request)
        errors = {} if refusal is None else errors_of(refusal, "name", "display", "password")
        values = {"name": form["name"], "display": form["display"]}
        return page(request, "register.html", "Make an account", refusal=refusal, errors=errors, values=values)

    async def _enter(self, request: Request, code: str) -> Response:
        """Join the room of a link with the account that asks, and go there."""
        if request.actor.account is None:
            return see_other(request, f"/login?next=/join/{quote(quote(code, safe=''), safe='')}")
        try:
            room = await self.context.people.invitations.accept(request.actor, code)
        except Refusal as refusal:
            return await self._join(request, code, {"name": "", "display": ""}, refusal)
        return see_other(request, _path(room))

    async def _join(
        self, request: Request, code: str, form: dict[str, str], refusal: Refusal | None = None
    ) -> Response:
        """The page of an invitation, for who is signed in or not, with or without a room."""
        context, account = self.context, request.actor.account
        try:
            invitation = await context.people.invitations.find(code)
        except Refusal as gone:
            if gone.code != "link_gone" or account is None:
                raise
            has_one = f"You have an account already: you are signed in as {account.display}."
            raise Refusal("link_gone", f"{LINK_GONE} {has_one}") from None
        if invitation.account is not None:
            raise Refusal("link_gone", LINK_GONE)
        role = invitation.role
        if account is None and role not in ("owner", "none") and context.people.settings.now.registration == "closed":
            if invitation.room is None:
                require_registration("closed", "invitation")
            role = "none"  # it is for those who have an account already
        if account is None and role != "none":
            require_safe_line(request)  # before anybody types a password
        if refusal is None and not wants_html(request):
            return Response(200, _invited(f"{request.base_url}/join/{code}", role, invitation.room, account).encode())
        policy = None if invitation.room is None else context.policies.of(invitation.room)
        title = "" if invitation.room is None or policy is None else policy.title or f"/{invitation.room}"
        return page(
            request,
            "join.html",
            f"Join {title}" if title else "Make an account",
            refusal=refusal,
            errors={} if refusal is None else errors_of(refusal, "name", "display", "password"),
            code=code,
            role=role,
            room=invitation.room,
            room_title=title,
            topic="" if policy is None else policy.topic,
            account=account,
            is_in=account is not None and policy is not None and account.id in policy.members,
            name=form["name"],
            display=form["display"],
        )

    async def _reset(self, request: Request, code: str, refusal: Refusal | None = None) -> Response:
        require_safe_line(request)
        people = self.context.people
        try:
            invitation = await people.invitations.find(code)
            account = None if invitation.account is None else people.identities.accounts.get(invitation.account)
            if account is None:
                raise Refusal("link_gone", LINK_GONE)
        except Refusal as gone:
            return link_gone(
                request, gone, ("/reset", "Ask for another link") if people.mails.is_on else ("/login", "Sign in")
            )
        errors = {} if refusal is None else errors_of(refusal, "password")
        return page(
            request, "reset.html", "A new password", refusal=refusal, errors=errors, code=code, name=account.name
        )
