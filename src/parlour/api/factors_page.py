"""The page of second factors, and the second step of signing in: plain forms that need no script."""

from __future__ import annotations

from parlour.api.factors import address_of
from parlour.api.forms import Form, errors_of, form_fields, local_path, page, see_other, sign_in_first
from parlour.api.login_page import has_name, login_page
from parlour.api.operation import Operation
from parlour.api.passkey_answers import assertion, attestation, of_form
from parlour.api.password_again import AGAIN, ask_password, with_password
from parlour.api.people import zone_of
from parlour.api.resource import Resource
from parlour.api.shown_once import NewSecret
from parlour.api.sign_ins import DISK, begin_by_passkey, finish_session, require_safe_line
from parlour.chat.factors import AppSetup
from parlour.chat.people import People
from parlour.chat.sign_ins import HalfSignIn
from parlour.core.errors import Refusal
from parlour.core.factor_changes import FACTOR_CHANGES
from parlour.core.passkeys import place_of
from parlour.core.totp import shown_secret
from parlour.http.fields import Fields
from parlour.http.request import Request
from parlour.http.response import Response
from parlour.schema.people import AssertionBody, AttestationBody
from parlour.ui.qr import qr_svg

PATH = "/account/second-factor"

_FIELDS = ("do", "setup", "code", "label", "passkey", "id", *AGAIN)


class FactorsPage(Resource):
    """The handlers of these pages."""

    @Operation(
        "GET",
        PATH,
        "The page of your second factors",
        right=None,
        page_for="factor",
        refusals=("storage_unavailable",),
        example=f"{{url}}{PATH}",
    )
    async def show(self, request: Request) -> Response:
        """The page, to which a guest is led by signing in."""
        if request.actor.account is None:
            return sign_in_first(request)
        self.context.policies.require(request.actor, "factor", None)
        return await self._page(request, made=self.context.shown_once.take(request))

    @Operation(
        "POST",
        PATH,
        "What the forms of the page of your second factors do",
        right="factor",
        body=Form,
        refusals=(
            *("bad_form", "unsupported_media_type", "forbidden", "not_found", "bad_code", "bad_parameter"),
            *("reauthentication_required", *DISK),
        ),
        example=f"-u alice -d do=begin {{url}}{PATH}",
    )
    async def submit(self, request: Request) -> Response:
        """One of the forms; the page again, with what came of it."""
        form = form_fields(request, *_FIELDS)
        try:
            fields = await with_password(self.context.people, request, form)
        except Refusal as refusal:
            return await ask_password(self.context.people, request, PATH, form, refusal, self.ways)
        try:
            return await self._do(request, form, fields)
        except Refusal as refusal:
            if refusal.code == "reauthentication_required":
                return await ask_password(self.context.people, request, PATH, form, refusal, self.ways)
            begun = None
            if form["do"] == "add" and refusal.field == "code":
                begun = self.context.people.factors.begun_app(request.actor, form["setup"])
            return await self._page(request, refusal=refusal, begun=begun, fields=fields)

    async def _do(self, request: Request, form: dict[str, str], fields: Fields) -> Response:
        factors, actor = self.context.people.factors, request.actor
        if form["do"] == "begin":
            return await self._page(request, begun=factors.begin_app(actor), fields=fields)
        if form["do"] == "remove":
            await factors.remove_app(actor)
            return await self._page(request, done="The authenticator app is taken away.", fields=fields)
        if form["do"] == "remove_passkey":
            await factors.remove_passkey(actor, form["id"])
            return await self._page(request, done="The passkey is taken away.", fields=fields)
        if form["do"] == "passkey" and not form["passkey"]:  # its script was told to have the password asked for
            self.context.people.identities.require_recent(actor)
            return await self._page(request, done="It is you. Now set up the passkey.", fields=fields)
        if form["do"] == "passkey":
            answer = attestation(of_form(form["passkey"], AttestationBody))
            codes = await factors.add_passkey(actor, form["label"], answer, place_of(request.origin))
            done = "Your passkey is set up."
        elif form["do"] == "add":
            codes, done = await factors.add_app(actor, form["setup"], form["code"]), "Your app is set up."
        elif form["do"] == "codes":
            codes, done = await factors.new_codes(actor), "New recovery codes are made. Those before do not work now."
        else:
            raise Refusal("bad_form", "The page has no such form.", field="do")
        made = NewSecret("\n".join(codes), done)
        if codes and (way := self.context.shown_once.lead_to(request, PATH, made, fields)) is not None:
            return way
        return await self._page(request, made=made, done=done, fields=fields)

    async def _page(
        self,
        request: Request,
        *,
        done: str = "",
        made: NewSecret | None = None,
        begun: AppSetup | None = None,
        refusal: Refusal | None = None,
        fields: Fields = (),
    ) -> Response:
        """`begun` is an app that is being set up; `made` are new recovery codes, a line each."""
        people, actor = self.context.people, request.actor
        account = people.identities.current(actor).account
        assert account is not None
        when = self.when(zone_of(actor))
        found = await people.factors.of(actor)
        codes = "" if made is None else made.secret
        secret = "" if begun is None else shown_secret(begun.secret)
        done = done or ("" if made is None else made.about)
        return await self.framed(
            request,
            "second_factor.html",
            "Second factor",
            refusal=refusal,
            fields=fields,
            here="account",
            is_admin=account.has_role("admin"),
            said=(
                done or ("" if made is None else made.about),
                f"The secret for your app: {secret}" if secret else "",
                codes,
            ),
            errors={} if refusal is None else errors_of(refusal, "code"),
            done=done,
            new_codes=codes,
            begun=begun,
            secret=secret,
            qr="" if begun is None else qr_svg(address_of(request, begun), "The secret for your app as a QR code"),
            has_app=found.app is not None,
            app_made="" if found.app is None else when(found.app.made_ms),
            app_used="" if found.app is None or not found.app.used_ms else when(found.app.used_ms),
            codes=found.codes,
            passkeys=[
                {
                    "id": row.id,
                    "label": row.label,
                    "host": row.rp,
                    "made": when(row.made_ms),
                    "used": when(row.used_ms) if row.used_ms else "",
                }
                for row in found.passkeys
            ],
            may_have_passkey=has_name(request),
            is_demanded=self.context.policies.demands_factor(account),
            has_factor=account.factors > 0,
            changes=[(when(each.at_ms), FACTOR_CHANGES.get(each.what, each.what)) for each in found.changes],
        )

    @Operation(
        "POST",
        "/login/code",
        "Sign in with the form for the second factor",
        right=None,
        body=Form,
        refusals=(
            *("bad_form", "unsupported_media_type", "bad_code", "login_required", "forbidden", "rate_limited"),
            *DISK,
        ),
        example="-d half=MTc2… -d code=123456 {url}/login/code",
    )
    async def submit_code(self, request: Request) -> Response:
        """A code for the session whose password was right."""
        form = form_fields(request, "half", "code", "next")
        after, half = local_path(form["next"]), HalfSignIn(form["half"])
        try:
            begun = await finish_session(self.context.people, request, half, form["code"])
        except Refusal as refusal:
            return await second_step(self.context.people, request, half, after, refusal)
        return see_other(request, after, begun.fields)

    @Operation(
        "POST",
        "/login/passkey",
        "Sign in with a passkey, which the script of a page has put into its form",
        right=None,
        rate="reading",
        body=Form,
        refusals=(
            *("bad_form", "unsupported_media_type", "bad_passkey", "login_required", "forbidden", "rate_limited"),
            *DISK,
        ),
        example='--data-urlencode \'passkey={"id":"LFdo…","response":{"clientDataJSON":"eyJ0…",'
        '"authenticatorData":"SZYN…","signature":"MEUC…"}}\' {url}/login/passkey',
    )
    async def submit_passkey(self, request: Request) -> Response:
        """A passkey alone, or for the session whose password was right."""
        form, people = form_fields(request, "passkey", "half", "next"), self.context.people
        after = local_path(form["next"])
        half = HalfSignIn(form["half"]) if form["half"] else None
        try:
            answer = assertion(of_form(form["passkey"], AssertionBody))
            begun = await begin_by_passkey(people, request, answer, half)
        except Refusal as refusal:
            if half is not None:
                return await second_step(people, request, half, after, refusal)
            return login_page(people, request, "", after, self.ways, refusal)
        return see_other(request, after, begun.fields)


async def second_step(
    people: People, request: Request, half: HalfSignIn, after: str, refusal: Refusal | None = None
) -> Response:
    """The page that asks for the second factor of somebody whose password was right."""
    require_safe_line(request)
    has_passkey = has_app = False
    is_over = refusal is not None and refusal.code == "login_required"
    if not is_over:
        try:
            account, _ = await people.sign_ins.half_of(half)
        except Refusal as over:
            refusal, is_over = over, True
        else:
            has_passkey = await people.factors.has_passkey(account) and has_name(request)
            has_app = await people.factors.has_app(account)
    return page(
        request,
        "second_step.html",
        "Second factor",
        refusal=refusal,
        errors={} if refusal is None else errors_of(refusal, "code"),
        half=half.signed,
        next=after,
        is_over=is_over,
        has_passkey=has_passkey,
        has_app=has_app,
    )
