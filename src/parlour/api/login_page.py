"""The page for signing in: the ways in that there are here."""

from __future__ import annotations

from collections.abc import Sequence

from parlour.api.forms import errors_of, page
from parlour.api.sign_ins import require_safe_line
from parlour.chat.people import People
from parlour.core.errors import Refusal
from parlour.core.passkeys import place_of
from parlour.core.providers import Provider
from parlour.http.request import Request
from parlour.http.response import Response


def login_page(
    people: People,
    request: Request,
    name: str,
    next_: str,
    ways: Sequence[Provider],
    refusal: Refusal | None = None,
    *,
    is_reset: bool = False,
) -> Response:
    """The page; `next_` is where to go afterwards, `ways` are providers, `refusal` is why a try was refused."""
    require_safe_line(request)  # before anybody types a password
    errors = {}
    if refusal is not None:
        errors = errors_of(refusal)
        if refusal.code == "bad_credentials":
            errors = {"password": "This name and this password do not belong together."}
    return page(
        request,
        "login.html",
        "Sign in",
        refusal=refusal,
        errors=errors,
        name=name,
        next=next_,
        is_open=people.settings.now.registration == "open",
        is_closed=people.settings.now.registration == "closed",
        is_reset=is_reset,
        has_mail=people.mails.is_on,
        providers=ways,
        may_have_passkey=has_name(request),
    )


def has_name(request: Request) -> bool:
    """Whether browsers have passkeys for the address at which a page is shown: it needs a name."""
    try:
        place_of(request.origin)
    except Refusal:
        return False
    return True
