"""Forms of the pages: their fields, and the same page again with the reason where something was refused."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import cast, get_args
from urllib.parse import quote

from msgspec import Struct

from parlour.api.refusals import refusal_fields
from parlour.core.accounts import KeptMessages
from parlour.core.base_path import inside
from parlour.core.errors import Refusal
from parlour.http.fields import FieldName, Fields
from parlour.http.negotiate import accepted, choose
from parlour.http.request import Request
from parlour.http.response import HTML, Response
from parlour.ui.page import CSP, template
from parlour.wire.forms import MULTIPART, URLENCODED, decode_multipart, known_fields, parse_query


class Form(Struct, frozen=True):
    """In a row: the body is the form of a page."""


def form_fields(request: Request, *known: str) -> dict[str, str]:
    """The fields of a form; those not sent are empty. Raises Refusal("bad_form"), ("unsupported_media_type")."""
    if request.media_type == URLENCODED:
        pairs = parse_query(request.body)
    elif request.media_type == MULTIPART:
        pairs = decode_multipart(request.field(b"content-type") or b"", request.body)
    else:
        raise Refusal("unsupported_media_type", "This address takes a form.")
    return {**dict.fromkeys(known, ""), **known_fields(pairs, frozenset(known))}


_UPWARD = re.compile(r"^[^?#]*[/\\](?:\.|%2e){2}(?:[/\\?#]|$)", re.ASCII | re.IGNORECASE)
"""A path with a segment `..`, as browsers understand it: below a base path it may lead to what is beside the server."""

PASSWORD_AGAIN = "confirm"  # noqa: S105 (a name)
"""The field of the page that asks for the password once more."""


def errors_of(refusal: Refusal, *fields: str) -> dict[str, str]:
    """The sentences of a refusal for a page: at the field if the page has it, else above the form."""
    field = refusal.field if refusal.field is not None else ""
    label = _LABELS.get(field, field)
    detail = label + refusal.detail.removeprefix(field) if refusal.detail.startswith(f"{field} ") else refusal.detail
    return {field if field in fields else "": detail if detail.endswith((".", "!", "?")) else f"{detail}."}


_LABELS = {"title": "A name", "topic": "A topic", "status": "A status line"}
"""What people read in place of the name of a field."""


def page(
    request: Request,
    name: str,
    title: str,
    /,
    *,
    refusal: Refusal | None = None,
    fields: Fields = (),
    said: Sequence[str] = (),
    **values: object,
) -> Response:
    """A page made from the template `name`. `refusal` is why it is shown again; `fields` are further header fields.

    A client that wants no HTML, as curl, is told in text what came of a form: `said`, or the refusal, which is raised.
    """
    if not wants_html(request):
        if refusal is not None:
            raise refusal
        if any(said):
            return Response(200, "".join(f"{line}\n" for line in said if line).encode(), fields=fields)
    account = request.actor.account
    keeps_order = account is not None and account.has_role("moderator")
    body = template(name).render(title=title, prefix=request.peer.prefix, keeps_order=keeps_order, **values)
    status = 200 if refusal is None else refusal.kind.status
    more: Fields = () if refusal is None else refusal_fields(refusal)
    more = tuple(field for field in more if field[0] is not FieldName.WWW_AUTHENTICATE)
    vary: Fields = ((FieldName.VARY, b"Accept, Cookie, Authorization"),)
    return Response(status, body.encode(), HTML, (*vary, *more, *fields), policy=CSP.encode())


def see_other(request: Request, path: str, fields: Fields = ()) -> Response:
    """The way to another page of this server after a form (RFC 9110 §15.4.4); clients in a terminal print it."""
    place = (request.peer.prefix + path).encode()
    body = b"" if wants_html(request) else place + b"\n"
    return Response(303, body, fields=((FieldName.LOCATION, place), *fields))


def sign_in_first(request: Request) -> Response:
    """The way to signing in, for a page that nobody sees without: from there it goes on to what was asked for.

    A client in a terminal is told how it signs in.
    """
    path, mark, query = request.head.target.partition(b"?")
    if request.field(b"x-forwarded-prefix") is None:  # else the proxy has taken the prefix away
        path = inside(request.peer.prefix, path)
    asked = path + mark + query
    answer = see_other(request, f"/login?next={quote(asked, safe='/@')}")
    if wants_html(request):
        return answer
    place = request.base_url + path.decode("latin-1")
    told = f"This page is for people with an account; with your name curl asks for the password: curl -u NAME {place}\n"
    return Response(answer.status, told.encode(), fields=answer.fields)


def wants_html(request: Request) -> bool:
    """Whether a client shows pages; curl and programs do not."""
    return choose(accepted(request.head), ("text", "html")) == "html"


def link_gone(request: Request, refusal: Refusal, way: tuple[str, str]) -> Response:
    """The page of a link that does not work any more, with the way to another one: a path and its words.

    Raises another refusal.
    """
    if refusal.code != "link_gone":
        raise refusal
    return page(request, "sorry.html", refusal.kind.title, refusal=refusal, what=refusal.detail, ways=(way,))


def local_path(text: str) -> str:
    """A path of this server that somebody has sent, such as where to go after signing in; `/` for anything else."""
    is_local = text.startswith("/") and not text.startswith(("//", "/\\")) and not _UPWARD.search(text)
    return text if is_local and text.isascii() and text.isprintable() and " " not in text else "/"


def kept_messages(fields: Mapping[str, str]) -> KeptMessages | None:
    """The choice of a form for the messages of a deleted account; None if nothing was chosen.

    Raises Refusal("bad_form").
    """
    for each in get_args(KeptMessages):
        if fields["messages"] == each:
            return cast("KeptMessages", each)
    if fields["messages"]:
        raise Refusal("bad_form", "Messages are kept or removed.", field="messages")
    return None


def checked(fields: Mapping[str, str], *names: str) -> frozenset[str]:
    """The names of these boxes that were ticked."""
    return frozenset(name for name in names if fields[name])


def number_field(fields: Mapping[str, str], name: str) -> int:
    """The whole number in a field of a form. Raises Refusal("bad_form")."""
    text = fields[name]
    if not (text.isascii() and text.isdigit() and len(text) < 6):
        raise Refusal("bad_form", "Write a whole number here, in digits.", field=name)
    return int(text)


def optional_number(fields: Mapping[str, str], name: str) -> int | None:
    """The same of a field that may be empty: None; up to 11 digits."""
    text = fields[name]
    if text and not (text.isascii() and text.isdigit() and len(text) <= 11):
        raise Refusal("bad_form", "Write a whole number here, in digits.", field=name)
    return int(text) if text else None
