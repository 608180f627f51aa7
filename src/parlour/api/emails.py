"""E-mail addresses of accounts: one's own, and a new password for who has forgotten theirs; and what mail waits."""

from __future__ import annotations

from parlour.api.bodies import read_json
from parlour.api.operation import Operation, Success
from parlour.api.parameters import OnlyJson
from parlour.api.people import own_account
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY, require_safe_line
from parlour.chat.mails import MailState
from parlour.chat.people import People
from parlour.chat.tables.mails import Mail
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.emails import DigestBody, EmailBody, EmailInfo, FailedMail, ForgottenBody, MailInfo
from parlour.schema.event_json import at_text
from parlour.schema.json_line import encode


class EmailsResource(Resource):
    """The handlers of e-mail addresses and mail."""

    @Operation(
        "GET",
        "/api/v1/me/email",
        "Your e-mail address",
        id="getEmail",
        help="Nobody else is shown it.",
        right="account",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "The address, and one that waits for its link.", EmailInfo),),
        refusals=("storage_unavailable",),
        example="-u alice {url}/api/v1/me/email",
    )
    async def show(self, request: Request, _: OnlyJson) -> Response:
        """The address of the account that asks."""
        return Response(body=encode(await self._info(request)), content_type=JSON)

    async def _info(self, request: Request) -> EmailInfo:
        account = own_account(request)
        state = await self.context.people.emails.of(account)
        return EmailInfo(*state, await self.context.digests.of(account))

    @Operation(
        "PATCH",
        "/api/v1/me/email",
        "Have what is unread sent to you once a day, or not",
        id="setDigest",
        help="Off by default; it comes only if there is something new. Every such mail has a link that ends it.",
        right="account",
        parameters=OnlyJson,
        body=DigestBody,
        answers=(Success(200, "The address, and what comes there.", EmailInfo),),
        refusals=(*JSON_BODY, "bad_email", "not_found", *DISK),
        example='-u alice -X PATCH --json \'{"digest":"none"}\' {url}/api/v1/me/email',
    )
    async def digest(self, request: Request, _: OnlyJson) -> Response:
        """On or off."""
        await self.context.digests.want(request.actor, read_json(request, DigestBody).digest)
        return Response(body=encode(await self._info(request)), content_type=JSON)

    @Operation(
        "PUT",
        "/api/v1/me/email",
        "Ask for an e-mail address",
        id="askForEmail",
        help="Sends a link there; the account has the address once the link was opened by who is signed in with it. "
        "The one before stays until then. The answer is the same where another account has the address.",
        right="account",
        parameters=OnlyJson,
        body=EmailBody,
        answers=(Success(202, "The address that waits for its link.", EmailInfo),),
        refusals=(*JSON_BODY, "bad_email", "not_found", "reauthentication_required", "rate_limited", *DISK),
        example='-u alice -X PUT --json \'{"email":"alice@example.org"}\' {url}/api/v1/me/email',
    )
    async def ask(self, request: Request, _: OnlyJson) -> Response:
        """A link to an address."""
        await self.context.people.emails.ask(request.actor, read_json(request, EmailBody).email)
        return Response(202, encode(await self._info(request)), JSON)

    @Operation(
        "DELETE",
        "/api/v1/me/email",
        "Take your e-mail address away",
        id="removeEmail",
        help="Also one that waits for its link. The address is told.",
        right="account",
        parameters=OnlyJson,
        answers=(Success(204, "The account has none."),),
        refusals=("reauthentication_required", *DISK),
        example="-u alice -X DELETE {url}/api/v1/me/email",
    )
    async def remove(self, request: Request, _: OnlyJson) -> Response:
        """No address from here on."""
        await self.context.people.emails.remove(request.actor)
        return Response(204)

    @Operation(
        "POST",
        "/api/v1/password/forgotten",
        "Have a link for a new password sent to you",
        id="forgottenPassword",
        help="To the e-mail address of the account, if it has one; the link works once, for an hour. The answer is the "
        "same whether there is such an account.",
        right=None,
        parameters=OnlyJson,
        body=ForgottenBody,
        answers=(Success(202, "If there is such an account with an address, mail is on its way."),),
        refusals=(*JSON_BODY, "forbidden", "not_found", "rate_limited", *DISK),
        example='--json \'{"who":"alice"}\' {url}/api/v1/password/forgotten',
    )
    async def forgotten(self, request: Request, _: OnlyJson) -> Response:
        """A link by mail, for whoever that is."""
        require_safe_line(request)
        who = read_json(request, ForgottenBody).who
        await self.context.people.emails.forgotten(who, request.peer.key)
        return Response(202)

    @Operation(
        "GET",
        "/api/v1/mail",
        "The mail that waits to be sent",
        id="getMail",
        right="administer",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "What waits, and what was given up in the last week.", MailInfo),),
        refusals=("not_found", "storage_unavailable"),
        example="-u alice {url}/api/v1/mail",
    )
    async def mail(self, request: Request, _: OnlyJson) -> Response:
        """How far behind the sending of mail is."""
        people = self.context.people
        people.mails.require()
        return Response(body=encode(mail_info(people, await people.mails.state())), content_type=JSON)


def mail_info(people: People, state: MailState) -> MailInfo:
    """Mail that waits and mail that failed, as JSON: without addresses and without any text of a mail."""
    oldest_ms = state.waiting.oldest_ms
    failed = [_failed(people, mail) for mail in state.failed]
    oldest = None if oldest_ms is None else at_text(oldest_ms)
    return MailInfo(state.waiting.mails, oldest, failed, state.waiting.error or "")


def _failed(people: People, mail: Mail) -> FailedMail:
    account = None if mail.account is None else people.identities.accounts.get(mail.account)
    domain = (mail.address or "").rpartition("@")[2]
    name = None if account is None else account.name
    return FailedMail(mail.kind, at_text(mail.failed_ms or 0), mail.attempts, mail.error, domain, name)
