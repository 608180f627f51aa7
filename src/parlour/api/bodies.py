"""The ways to write a message into a request body, and the one thing they all mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, NamedTuple, TypeVar

from msgspec import Struct

from parlour.api.parameters import DISPLAY_NAME, KEY
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.names import DEFAULT_ROOM as DEFAULT_ROOM
from parlour.core.text import decode_text
from parlour.http.negotiate import accepted, choose, wants_json
from parlour.http.request import Request
from parlour.schema.commands import INSTEAD, PostMessage, SendMessage
from parlour.wire.forms import MULTIPART, URLENCODED, decode_multipart, is_utf_8, known_fields
from parlour.wire.strict_json import decode
from parlour.wire.typed_forms import PLUS_OF_CURL, PLUS_OF_ENCODERS, PLUS_OF_WGET, read_typed_form

T = TypeVar("T", bound=Struct)

_TEXTS = frozenset({"message", "text"})
_FIELDS = _TEXTS | {"room", "name", "key"}

_FIELDS_OF_OTHERS = frozenset(
    [
        *(b"title", b"x-title", b"ti", b"t", b"message", b"x-message", b"m", b"tags", b"x-tags", b"tag", b"ta"),
        *(b"click", b"x-click", b"attach", b"x-attach", b"filename", b"x-filename", b"actions", b"x-actions"),
        *(b"delay", b"x-delay", b"at", b"x-at", b"in", b"x-in", b"email", b"x-email", b"call", b"x-call"),
    ]
)
"""Header fields that hold a part of the message for ntfy, or tell it how to deliver (https://docs.ntfy.sh/publish).

Its `Priority` is not among them: browsers send a field of that name (RFC 9218).
"""


class SendOptions(Struct, frozen=True, kw_only=True):
    """The parts of a message that can stand outside the body."""

    name: Annotated[str | None, DISPLAY_NAME, "The display name, for a body without one."] = None
    key: Annotated[str | None, KEY, "The key, for a body without one.", "Idempotency-Key"] = None


class BodyFormat(NamedTuple):
    """The facts about a body that follow from the head of its request."""

    read: Callable[[Request], SendMessage]
    as_json: bool
    """Whether the receipt is JSON."""
    is_browser_form: bool
    """Whether a browser without scripts sends it, and shows a page afterwards."""


def is_json_type(media_type: bytes) -> bool:
    """Whether a media type, in lower case, is one of JSON: `application/json`, `text/json`, or `…+json` (RFC 6839)."""
    return media_type.endswith((b"/json", b"+json"))


def body_format(request: Request) -> BodyFormat:
    """Find out how the body is read; for `Request.cached`. Raises Refusal for a head that no message can have."""
    _refuse_half(request)
    as_json = is_json_type(request.media_type) or wants_json(request.field(b"accept"))
    is_form = request.media_type in (URLENCODED, MULTIPART)
    is_browser_form = is_form and choose(accepted(request.head), ("text", "html", "json")) == "html"
    return BodyFormat(_reader(request), as_json, is_browser_form)


def json_body_format(request: Request) -> BodyFormat:
    """The same for the versioned API, which takes JSON only and has the room in the address."""
    if not is_json_type(request.media_type):
        raise Refusal("unsupported_media_type", "The API takes application/json.")
    return body_format(request)._replace(read=_from_api_json)


def read_json(request: Request, type_: type[T]) -> T:
    """A body that is one JSON object. Raises Refusal (unsupported_media_type, bad_utf8, bad_json)."""
    request.cached(json_body_format)  # refuses what is no JSON
    return decode(request.body, type_)


def read_message(
    request: Request,
    format_: BodyFormat,
    options: SendOptions,
    room: str | None,
    room_of: Callable[[Actor, str], str],
) -> SendMessage:
    """The message of a request: JSON, a form, or a raw body which is the text itself. Raises Refusal.

    `room_of` gives the canonical name of the room that somebody means, such as `Directs.room`.

    `room` is that of the address; where there is none (`/send`) the body may name it. Values in the body and outside it
    must not contradict each other.
    """
    message = format_.read(request)
    if message.room is not None:
        message.room = room_of(request.actor, message.room)
        if room is not None and room != message.room:
            raise Refusal("bad_parameter", "The body names another room than the address.", field="room")
    else:
        message.room = room
    if options.key is not None:
        message.key = _agree(message.key, options.key, "key")
    if options.name is not None:
        message.name = _agree(message.name, options.name, "name")
    return message


def _reader(request: Request) -> Callable[[Request], SendMessage]:
    kind = request.media_type
    if is_json_type(kind):
        return _from_json
    if kind == URLENCODED:
        agent = (request.field(b"user-agent") or b"").partition(b"/")[0]
        return _TYPED.get(agent, _from_form)
    if kind == MULTIPART:
        return _from_form
    if kind and not kind.startswith(b"text/") and kind != b"application/octet-stream":  # which is sent with any text
        raise Refusal("unsupported_media_type", "A message is text: text/plain, a form or application/json.")
    return _from_raw


def _refuse_half(request: Request) -> None:
    """Refuse a request of which another text would be stored, or a part of what it says."""
    if (request.field(b"content-encoding") or b"identity").lower() != b"identity":
        raise Refusal("unsupported_media_type", "Compressed bodies are not read.")
    if not is_utf_8(request.field(b"content-type") or b""):
        raise Refusal("unsupported_media_type", "A message is in UTF-8; this one says that it is in another encoding.")
    if request.field(b"content-range") is not None:  # RFC 9110 §14.5
        raise Refusal("bad_request", "A message is sent whole, without Content-Range.", field="Content-Range")
    found = _FIELDS_OF_OTHERS.intersection(request.head.values)
    if found:
        name = min(found).decode().title()
        detail = f"The header field {name} would be dropped: a message is its text. Write it into the text."
        raise Refusal("bad_request", detail, field=name)


def _from_json(request: Request) -> SendMessage:
    return decode(request.body, SendMessage, instead=INSTEAD)


def _from_api_json(request: Request) -> SendMessage:
    message = decode(request.body, PostMessage, instead=INSTEAD)
    return SendMessage(message.text, message.key, message.name)


def _from_form(request: Request, plus: re.Pattern[bytes] = PLUS_OF_ENCODERS) -> SendMessage:
    """The message of a form; but what `curl -d` labels a form may be the text itself."""
    if request.media_type == URLENCODED:
        fields = read_typed_form(_without_final_break(request.body), _FIELDS, _TEXTS, plus)
        if isinstance(fields, str):
            return SendMessage(fields)
    else:
        fields = known_fields(decode_multipart(request.field(b"content-type") or b"", request.body), _FIELDS)
    if "message" in fields and "text" in fields:
        raise Refusal("bad_form", "Give message or text, not both.", field="text")
    text = fields.get("message", fields.get("text"))
    if text is None:
        raise Refusal("bad_form", "The form has no field named message or text.", field="message")
    # Browsers send the line breaks of a text area as CR LF (WHATWG HTML, multipart and urlencoded form data).
    text = text.replace("\r\n", "\n")
    return SendMessage(text, fields.get("key") or None, fields.get("name") or None, fields.get("room") or None)


_TYPED: Mapping[bytes, Callable[[Request], SendMessage]] = {
    b"curl": partial(_from_form, plus=PLUS_OF_CURL),
    b"Wget": partial(_from_form, plus=PLUS_OF_WGET),
}
"""Readers of typed forms, by how the `User-Agent` begins: in those a `+` is not always a space."""


def _from_raw(request: Request) -> SendMessage:
    body = request.body
    return SendMessage(decode_text(_without_final_break(body) if body[-1:] == b"\n" else body))


def _without_final_break(body: bytes) -> bytes:
    """The line break that ends a file is no part of the message: `echo hello | curl -T - …` means hello."""
    return body[:-2] if body.endswith(b"\r\n") else body[:-1] if body.endswith(b"\n") else body


def _agree(inside: str | None, outside: str, field: str) -> str:
    if inside is not None and inside != outside:
        raise Refusal("bad_parameter", f"The {field} is given twice, differently.", field=field)
    return outside
