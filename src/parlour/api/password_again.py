"""The page that asks for the password once more, and then does what was asked for: the form goes on with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from parlour.api.forms import PASSWORD_AGAIN, page
from parlour.api.passkey_answers import assertion, of_form
from parlour.api.people import own_account
from parlour.api.sign_ins import reauthenticate, reauthenticate_by_passkey
from parlour.chat.people import People
from parlour.core.errors import Refusal
from parlour.core.providers import Provider
from parlour.http.fields import Fields
from parlour.http.request import Request
from parlour.http.response import Response
from parlour.schema.people import AssertionBody

CODE_AGAIN, PASSKEY_AGAIN = "confirm_code", "confirm_passkey"
"""The fields of the page for a code of a second factor, and for a passkey in place of both."""

AGAIN = (PASSWORD_AGAIN, CODE_AGAIN, PASSKEY_AGAIN)
"""All fields of the page."""


async def with_password(people: People, request: Request, form: Mapping[str, str]) -> Fields:
    """Check what is in a form that has come from this page: the header fields of the answer. Raises Refusal."""
    if form[PASSKEY_AGAIN]:
        answer = assertion(of_form(form[PASSKEY_AGAIN], AssertionBody))
        return await reauthenticate_by_passkey(people, request, answer)
    password = form[PASSWORD_AGAIN]
    return await reauthenticate(people, request, password, form[CODE_AGAIN]) if password else ()


async def ask_password(
    people: People,
    request: Request,
    path: str,
    form: Mapping[str, str],
    refusal: Refusal,
    ways: Sequence[Provider],
) -> Response:
    """The page, in answer to a form for `path` that was refused; what is in it is sent again with the password.

    `ways` are the providers there are: with those that the account is linked to, one can sign in once more instead.
    """
    account = own_account(request)
    errors = {}
    if form[PASSWORD_AGAIN] or form[PASSKEY_AGAIN]:
        wrong = "This is not your password."
        field = CODE_AGAIN if refusal.field == "code" else "" if form[PASSKEY_AGAIN] else PASSWORD_AGAIN
        errors = {field: wrong if refusal.code == "bad_credentials" else refusal.detail}
    has_password = await people.accounts.has_password(account)
    linked = {link.issuer for link in await people.provider_links.links_of(account)}
    kept = {name: value for name, value in form.items() if value and name not in AGAIN}
    return page(
        request,
        "confirm.html",
        "Your password, please" if has_password else "Sign in once more, please",
        refusal=refusal,
        errors=errors,
        path=path,
        kept=kept,
        name=account.name,
        ways=[each for each in ways if each.issuer in linked],
        has_password=has_password,
        has_factor=account.factors > 0,
        has_passkey=bool(account.factors) and await people.factors.has_passkey(account),
    )
