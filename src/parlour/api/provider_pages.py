"""Signing in with an account of a sign-in provider: there and back, a name for a new account, and linking."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from hmac import compare_digest
from typing import TYPE_CHECKING, Annotated, TypeVar
from urllib.parse import quote

from msgspec import DecodeError, Struct, json

from parlour.api.credentials import may_have_session, session_cookie
from parlour.api.forms import Form, errors_of, form_fields, local_path, page, see_other
from parlour.api.operation import Operation
from parlour.api.parameters import FLAG, TEXT
from parlour.api.password_again import AGAIN, ask_password, with_password
from parlour.api.people import own_account
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, begin_by_provider, require_safe_line
from parlour.chat.identities import RECENT_MS
from parlour.chat.provider_links import Stranger
from parlour.chat.signed_values import SignedValues
from parlour.core.accounts import MAX_NAME_CHARS
from parlour.core.errors import Refusal
from parlour.core.names import room_word
from parlour.core.secret import SESSION_COOKIE
from parlour.http.fields import FieldName, Fields
from parlour.http.request import Request
from parlour.http.response import Response
from parlour.log import event
from parlour.oidc.flow import IdToken, ProviderFailed, Started, verified_email

if TYPE_CHECKING:
    from parlour.oidc.client import ProviderClient

STARTED_MS = 600_000
"""How long somebody may take at the provider."""

FOUND_MS = 900_000
"""How long somebody may take to choose a name, or to say that an account is to be linked."""

_STARTED, _FOUND = "parlour_sign_in", "parlour_stranger"
"""Cookies: of a sign-in that has begun, and of who has come back from a provider and is nobody here yet."""

_SIGNED_OUT = "You have been signed out meanwhile: sign in, and link again."

_log = logging.getLogger("parlour.people")

_S = TypeVar("_S", bound=Struct)


class _Begun(Struct, frozen=True):
    """A sign-in that has begun: what has to come back, and what it is for."""

    provider: str
    state: str
    nonce: str
    verifier: str
    next: str
    is_link: bool
    asks_again: bool
    at_ms: int


class _Found(Struct, frozen=True):
    """Who has come back: an account at the provider, and how they are called there."""

    provider: str
    subject: str
    email: str | None
    name: str
    display: str
    next: str
    link_to: str = ""


class ProviderOptions(Struct, frozen=True, kw_only=True):
    """A provider, by the id that the file of providers gives it."""

    provider: Annotated[str, TEXT, "The id of a sign-in provider."]


class StartOptions(ProviderOptions, frozen=True, kw_only=True):
    """The purpose of a sign-in at a provider."""

    next: Annotated[str, TEXT, "Where to go afterwards: a path of this server."] = "/"
    link: Annotated[bool, FLAG, "Link that account to the one that is signed in."] = False
    again: Annotated[bool, FLAG, "Have the provider ask who you are also if it knows."] = False


class BackOptions(ProviderOptions, frozen=True, kw_only=True):
    """The parameters with which a provider sends a browser back (RFC 6749 §4.1.2, RFC 9207)."""

    code: Annotated[str | None, TEXT, "What the answer of the provider is fetched with."] = None
    state: Annotated[str | None, TEXT, "What the sign-in began with."] = None
    iss: Annotated[str | None, TEXT, "The issuer of the answer."] = None
    error: Annotated[str | None, TEXT, "Why nobody has signed in."] = None
    error_description: Annotated[str | None, TEXT, "The same for people; it is shown to nobody."] = None
    error_uri: Annotated[str | None, TEXT, "Where more of it is said."] = None
    session_state: Annotated[str | None, TEXT, "Of the session there."] = None
    scope: Annotated[str | None, TEXT, "What was allowed."] = None
    authuser: Annotated[str | None, TEXT, "Some providers add these."] = None
    prompt: Annotated[str | None, TEXT, "Some providers add these."] = None
    hd: Annotated[str | None, TEXT, "Some providers add these."] = None


class ProviderPages(Resource):
    """The handlers of these pages."""

    @Operation(
        "GET",
        "/auth/{provider}",
        "Go to a sign-in provider",
        right=None,
        parameters=StartOptions,
        refusals=("not_found", "forbidden", "provider_failed", "rate_limited"),
        rate="reading",
        example="{url}/auth/company",
    )
    async def start(self, request: Request, options: StartOptions) -> Response:
        """To the provider, with what has to come back in a cookie of this browser."""
        client = self._client(request, options.provider)
        started = Started(self.context.ids.secret(), self.context.ids.secret(), self.context.ids.secret())
        try:
            address = await client.address(started, asks_again=options.again)
        except ProviderFailed as failed:
            what = f"{client.provider.name} does not answer as it should: try later."
            failure = self._failed(client, failed, what)
            return self._sorry(request, client, failure, (), options.next, is_link=options.link)
        begun = _Begun(
            options.provider,
            *started,
            local_path(options.next),
            options.link,
            options.again,
            self.context.clock.now_ms(),
        )
        cookie = self._set(request, _STARTED, begun, STARTED_MS)
        return Response(303, address.encode() + b"\n", fields=((FieldName.LOCATION, address.encode()), *cookie))

    @Operation(
        "GET",
        "/auth/{provider}/callback",
        "Come back from a sign-in provider",
        right=None,
        parameters=BackOptions,
        refusals=("not_found", "forbidden", "provider_failed", "rate_limited", *DISK),
        rate="reading",
        example="-b cookies.txt '{url}/auth/company/callback?code=GzNtSFW6&state=dqPq0c'",
    )
    async def back(self, request: Request, options: BackOptions) -> Response:
        """Signed in, or a page that asks for a name, or whether to link; the sign-in that began is over either way."""
        client = self._client(request, options.provider)
        over = self._end(request, _STARTED)
        begun = self._read(request, _STARTED, _Begun)
        if begun is None or begun.provider != options.provider or not _is(options.state, begun.state):
            late = Refusal("forbidden", "This sign-in did not begin in this browser, or took too long.")
            return self._sorry(request, client, late, over)
        if options.error is not None or options.code is None:
            nobody = Refusal("forbidden", f"{client.provider.name} says that nobody has signed in.")
            return self._sorry(request, client, nobody, over, begun.next, is_link=begun.is_link)
        started = Started(begun.state, begun.nonce, begun.verifier)
        try:
            await client.require_issuer(options.iss)
            token = await client.finish(started, options.code, begun.at_ms / 1000 if begun.asks_again else None)
        except ProviderFailed as failed:
            what = f"What {client.provider.name} says of you cannot be believed, or it does not answer."
            failure = self._failed(client, failed, what, "forbidden")
            return self._sorry(request, client, failure, over, begun.next, is_link=begun.is_link)
        return await self._welcome(request, client, begun, token, over)

    async def _welcome(
        self, request: Request, client: ProviderClient, begun: _Begun, token: IdToken, over: Fields
    ) -> Response:
        """Go on with whoever this is."""
        people, provider, account = self.context.people, client.provider, request.actor.account
        stranger = Stranger(provider.issuer, token.subject, provider.name, verified_email(token.claims))
        if begun.is_link:
            if account is None:
                return self._sorry(request, client, Refusal("forbidden", _SIGNED_OUT), over, is_link=True)
            found = _found(provider.id, stranger, token.claims, "/account", account.id)
            keep = self._set(request, _FOUND, found, FOUND_MS)
            return self._link_page(request, client, found, (*over, *keep))
        here = await people.provider_links.account_of(stranger)
        if here is not None:
            now_ms = self.context.clock.now_ms()
            at_ms = now_ms - RECENT_MS - 1 if token.auth_time is None else min(now_ms, token.auth_time * 1000)
            fields = await begin_by_provider(people, request, here, at_ms)
            return see_other(request, begun.next, (*over, *fields))
        if not provider.makes_accounts or people.settings.now.registration == "closed":
            what = (
                f"No account here belongs to the one of {provider.name} that you have. If you have an account, sign in"
                " with your password, and link both on Account."
            )
            return self._sorry(request, client, Refusal("forbidden", what), over, begun.next, is_stranger=True)
        found = _found(provider.id, stranger, token.claims, begun.next, "")
        keep = self._set(request, _FOUND, found, FOUND_MS)
        values = {"name": found.name, "display": found.display}
        return self._name_page(request, client, values, (*over, *keep))

    @Operation(
        "POST",
        "/auth/{provider}/new",
        "Make an account for who has come from a sign-in provider",
        right=None,
        parameters=ProviderOptions,
        body=Form,
        refusals=(
            *("bad_form", "unsupported_media_type", "not_found", "forbidden", "registration_closed", "bad_name"),
            *("reserved_name", "name_taken", "login_required", *DISK),
        ),
        example="-b cookies.txt -d name=bob {url}/auth/company/new",
    )
    async def new(self, request: Request, options: ProviderOptions) -> Response:
        """A new account under the name that was chosen, signed in."""
        require_safe_line(request)
        client, people = self._client(request, options.provider), self.context.people
        form = form_fields(request, "name", "display")
        found = self._read(request, _FOUND, _Found)
        if found is None or found.provider != options.provider or found.link_to:
            raise Refusal("login_required", f"This took too long: sign in with {client.provider.name} again.")
        stranger = Stranger(client.provider.issuer, found.subject, client.provider.name, found.email)
        if not client.provider.makes_accounts:
            raise Refusal("registration_closed", f"Who comes from {client.provider.name} makes no account here.")
        try:
            account = await people.provider_links.make(stranger, form["name"], form["display"], request.peer.key)
        except Refusal as refusal:
            if refusal.code == "registration_closed":
                raise
            return self._name_page(request, client, form, (), refusal)
        fields = await begin_by_provider(people, request, account, self.context.clock.now_ms(), is_new=True)
        return see_other(request, found.next, (*self._end(request, _FOUND), *fields))

    @Operation(
        "POST",
        "/auth/{provider}/link",
        "Link an account of a sign-in provider to yours",
        right="account",
        parameters=ProviderOptions,
        body=Form,
        refusals=(
            *("bad_form", "unsupported_media_type", "not_found", "bad_credentials", "rate_limited"),
            *("reauthentication_required", *DISK),
        ),
        example="-b cookies.txt -u alice -d do=link {url}/auth/company/link",
    )
    async def link(self, request: Request, options: ProviderOptions) -> Response:
        """One more way into an account, with the password given lately."""
        account = own_account(request)
        client, people = self._client(request, options.provider), self.context.people
        form = form_fields(request, "do", *AGAIN)
        path = f"/auth/{quote(options.provider)}/link"
        found = self._read(request, _FOUND, _Found)
        if found is None or found.provider != options.provider or found.link_to != account.id:
            late = Refusal("not_found", "This took too long: begin again.")
            return self._sorry(request, client, late, is_link=True)
        try:
            renewed = await with_password(people, request, form)
            stranger = Stranger(client.provider.issuer, found.subject, client.provider.name, found.email)
            await people.provider_links.link(request.actor, stranger)
        except Refusal as refusal:
            asked = ("reauthentication_required", "bad_credentials", "code_required", "bad_code", "bad_passkey")
            if refusal.code in asked:
                return await ask_password(people, request, path, form, refusal, self.ways)
            return self._link_page(request, client, found, (), refusal)
        return see_other(request, "/account#ways", (*renewed, *self._end(request, _FOUND)))

    def _client(self, request: Request, id_: str) -> ProviderClient:
        """The provider with an id. Raises Refusal("not_found"), ("forbidden") where a session could be read."""
        client = self.context.providers.get(id_)
        if client is None:
            raise Refusal("not_found", "There is no such sign-in provider.")
        if not may_have_session(request.peer):
            raise Refusal("forbidden", "Sign in over HTTPS: over plain HTTP a session can be read on its way here.")
        return client

    def _failed(
        self, client: ProviderClient, failed: ProviderFailed, what: str, code: str = "provider_failed"
    ) -> Refusal:
        """The refusal where a provider does not do what it should; why stands in the log."""
        event(_log, "sign_in_provider_failed", logging.WARNING, provider=client.provider.id, why=str(failed))
        return Refusal(code, what)

    def _sorry(
        self,
        request: Request,
        client: ProviderClient,
        refusal: Refusal,
        fields: Fields = (),
        following: str = "/",
        *,
        is_link: bool = False,
        is_stranger: bool = False,
    ) -> Response:
        """The page where nobody was signed in, or nothing linked, with the ways on; `following` is where to go then.

        A stranger is somebody of whom the provider has said who they are, and no account here is theirs.
        """
        name, path, following = client.provider.name, f"/auth/{quote(client.provider.id)}", local_path(following)
        ways: tuple[tuple[str, str], ...]
        title = "Nothing is linked" if is_link else "This sign-in did not work"
        if not is_link:
            again = path if following == "/" else f"{path}?next={quote(following, safe='')}"
            ways = ((again, f"Try again with {name}"), ("/login", "Sign in in another way"))
            if is_stranger:  # the provider would say the same once more
                ways = (("/login?next=/account", "Sign in with your password"), (again, f"Try again with {name}"))
        elif request.actor.account is None:
            ways = (("/login?next=/account", "Sign in"),)
        else:
            ways = ((f"{path}?link=1", f"Try again with {name}"), ("/account#ways", "Back to your account"))
        return page(request, "sorry.html", title, refusal=refusal, fields=fields, what=refusal.detail, ways=ways)

    def _name_page(
        self,
        request: Request,
        client: ProviderClient,
        values: Mapping[str, str],
        fields: Fields,
        refusal: Refusal | None = None,
    ) -> Response:
        errors = {} if refusal is None else errors_of(refusal, "name", "display")
        provider = client.provider
        return page(
            request,
            "new_name.html",
            "Choose a name",
            refusal=refusal,
            fields=fields,
            errors=errors,
            values=values,
            provider=provider,
            said=(f"Choose a name: curl -b … -d name=NAME {request.base_url}/auth/{provider.id}/new",),
        )

    def _link_page(
        self, request: Request, client: ProviderClient, found: _Found, fields: Fields, refusal: Refusal | None = None
    ) -> Response:
        return page(
            request,
            "link.html",
            "Link both accounts",
            refusal=refusal,
            fields=fields,
            errors={} if refusal is None else errors_of(refusal),
            provider=client.provider,
            other=found.email or found.display or found.name,
            me=own_account(request),
            said=("Link both with the form of this page.",),
        )

    # --- cookies: what a browser keeps meanwhile, signed, for this server alone ---

    def _signed(self, name: str) -> SignedValues:
        return SignedValues(self.context.store.secret, name)

    def _set(self, request: Request, name: str, value: Struct, lasts_ms: int) -> Fields:
        signed = self._signed(name).sign(json.encode(value).decode(), self.context.clock.now_ms() + lasts_ms)
        return ((FieldName.SET_COOKIE, _cookie(request, name, signed, lasts_ms // 1000)),)

    def _end(self, request: Request, name: str) -> Fields:
        return ((FieldName.SET_COOKIE, _cookie(request, name, "", 0)),)

    def _read(self, request: Request, name: str, type_: type[_S]) -> _S | None:
        cookie = request.cookie(_cookie_name(request, name))
        value = None if cookie is None else self._signed(name).read(cookie, self.context.clock.now_ms())
        try:
            return None if value is None else json.decode(value, type=type_)
        except DecodeError:  # that of another version
            return None


def _cookie_name(request: Request, name: str) -> str:
    return session_cookie(request.peer).replace(SESSION_COOKIE, name)


def _cookie(request: Request, name: str, value: str, max_age_s: int) -> bytes:
    """A cookie that comes along when a page of another site, as that of the provider, leads here (SameSite=Lax)."""
    secure = "; Secure" if request.peer.scheme == "https" else ""
    path = request.peer.prefix or "/"
    named = f"{_cookie_name(request, name)}={value}"
    return f"{named}; Path={path}; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}".encode()


def _is(said: str | None, wanted: str) -> bool:
    return said is not None and compare_digest(said.encode(), wanted.encode())


def _found(provider: str, stranger: Stranger, claims: Mapping[str, object], next_: str, link_to: str) -> _Found:
    """Who has come, with a name to begin with: what they are called there, as far as it can be one here."""

    def text(name: str) -> str:
        value = claims.get(name)
        return value[:200] if isinstance(value, str) and value.isprintable() else ""

    wanted = text("preferred_username").partition("@")[0] or text("email").partition("@")[0] or text("name")
    name = room_word(wanted, MAX_NAME_CHARS)
    return _Found(provider, stranger.subject, stranger.email, name, text("name")[:64], next_, link_to)
