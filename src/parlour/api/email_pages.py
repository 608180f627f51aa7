"""The pages that come with mail: for who has forgotten a password, and for the link that verifies an address."""

from __future__ import annotations

from parlour.api.forms import Form, errors_of, form_fields, link_gone, page, see_other, sign_in_first, wants_html
from parlour.api.operation import Operation
from parlour.api.resource import Resource
from parlour.api.sign_in_pages import LinkOptions
from parlour.api.sign_ins import DISK, require_safe_line
from parlour.core.errors import Refusal
from parlour.http.request import Request
from parlour.http.response import Response

_SENT = "If there is such an account with an e-mail address, a link is on its way there. It works for an hour."


class EmailPages(Resource):
    """The handlers of these pages."""

    @Operation(
        "GET",
        "/account/digest/{code}",
        "The page of the link that ends the digest",
        right=None,
        parameters=LinkOptions,
        refusals=("link_gone",),
        example="{url}/account/digest/GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c",
    )
    def digest(self, request: Request, options: LinkOptions) -> Response:
        """One button: opening a link changes nothing."""
        account = self.context.digests.account_of(options.code)
        if not wants_html(request):
            path = f"{request.base_url}/account/digest/{options.code}"
            return Response(200, f"To have no more digests, {account.name}:\n\n    curl -X POST {path}\n".encode())
        return page(request, "digest.html", "The digest", code=options.code, me=account, done="")

    @Operation(
        "POST",
        "/account/digest/{code}",
        "End the digest by its link",
        right=None,
        parameters=LinkOptions,
        body=Form,
        refusals=("unsupported_media_type", "link_gone", *DISK),
        example="-d List-Unsubscribe=One-Click {url}/account/digest/GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c",
    )
    async def submit_digest(self, request: Request, options: LinkOptions) -> Response:
        """No more of it, for programs that do it for people too (RFC 8058)."""
        await self.context.digests.end(options.code)
        account, done = self.context.digests.account_of(options.code), "No more digests come."
        return page(request, "digest.html", "The digest", said=(done,), code=options.code, me=account, done=done)

    @Operation(
        "GET",
        "/reset",
        "The page for a forgotten password",
        right=None,
        refusals=("not_found",),
        example="{url}/reset",
    )
    def forgotten(self, request: Request) -> Response:
        """Asks for a name or an e-mail address."""
        self.context.people.mails.require()
        require_safe_line(request)
        if not wants_html(request):
            example = f"    curl -d who=NAME {request.base_url}/reset\n"
            return Response(200, f"A link for a new password, to your e-mail address:\n\n{example}".encode())
        return page(request, "forgotten.html", "A forgotten password", errors={}, who="", said=("",), done="")

    @Operation(
        "POST",
        "/reset",
        "Have a link for a new password sent, with the form of the page",
        right=None,
        body=Form,
        refusals=("bad_form", "unsupported_media_type", "forbidden", "not_found", "rate_limited", *DISK),
        example="-d who=alice {url}/reset",
    )
    async def submit_forgotten(self, request: Request) -> Response:
        """The same answer to everybody."""
        require_safe_line(request)
        form = form_fields(request, "who")
        try:
            await self.context.people.emails.forgotten(form["who"], request.peer.key)
        except Refusal as refusal:
            if refusal.code == "not_found":
                raise
            errors = errors_of(refusal)
            return page(
                request, "forgotten.html", "A forgotten password", refusal=refusal, errors=errors, who="", done=""
            )
        return page(request, "forgotten.html", "A forgotten password", said=(_SENT,), errors={}, who="", done=_SENT)

    @Operation(
        "GET",
        "/account/email/{code}",
        "The page of the link that verifies an e-mail address",
        right=None,
        page_for="account",
        parameters=LinkOptions,
        refusals=("link_gone", "storage_unavailable"),
        example="-u alice {url}/account/email/GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c",
    )
    async def verify(self, request: Request, options: LinkOptions) -> Response:
        """One button: programs that open links in mail to look at them change nothing."""
        account = request.actor.account
        if account is None:
            return sign_in_first(request)
        try:
            link = await self.context.people.emails.find(request.actor, options.code)
        except Refusal as gone:
            return link_gone(request, gone, ("/account#email-title", "Go to your account"))
        if not wants_html(request):
            path = f"{request.base_url}/account/email/{options.code}"
            return Response(200, f"Is {link.address} yours?\n\n    curl -u {account.name} -d do=yes {path}\n".encode())
        return page(request, "email.html", "Your e-mail address", address=link.address, code=options.code, me=account)

    @Operation(
        "POST",
        "/account/email/{code}",
        "Verify an e-mail address by its link",
        right="account",
        parameters=LinkOptions,
        body=Form,
        refusals=("bad_form", "unsupported_media_type", "link_gone", *DISK),
        example="-u alice -d do=yes {url}/account/email/GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c",
    )
    async def submit_verify(self, request: Request, options: LinkOptions) -> Response:
        """The account has the address from here on."""
        form_fields(request, "do")
        await self.context.people.emails.verify(request.actor, options.code)
        self.context.people.mails.on_new()
        return see_other(request, "/account#email")
