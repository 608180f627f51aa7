"""The ways to write a message into a request body, and the one thing they all mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Annotated, NamedTuple, TypeAlias

from msgspec import Struct

from parlour.api.parameters import DISPLAY_NAME, KEY, Header
from parlour.core.errors import Refusal
from parlour.core.names import room_name
from parlour.core.text import decode_text
from parlour.http.negotiate import wants_json
from parlour.http.request import Request
from parlour.schema.commands import PostMessage, SendMessage, decode_message
from parlour.wire.charsets import is_utf_8
from parlour.wire.forms import MULTIPART, URLENCODED, decode_multipart, known_fields
from parlour.wire.typed_forms import PLUS_OF_CURL, PLUS_OF_ENCODERS, PLUS_OF_WGET, read_typed_form

DEFAULT_ROOM = "lobby"
"""Where a message goes that names no room."""

_TEXTS = frozenset({"message", "text"})
_FIELDS = _TEXTS | {"room", "name", "key"}
_TEXT_TOO = (URLENCODED, b"application/octet-stream")
"""Media types that clients send with any text."""

_FIELDS_OF_OTHERS = frozenset(
    [
        *(b"title", b"x-title", b"ti", b"t", b"message", b"x-message", b"m", b"tags", b"x-tags", b"tag", b"ta"),
        *(b"click", b"x-click", b"attach", b"x-attach", b"filename", b"x-filename", b"actions", b"x-actions"),
        *(b"delay", b"x-delay", b"at", b"x-at", b"in", b"x-in", b"email", b"x-email", b"call", b"x-call"),
    ]
)
"""Header fields that are a part of the message for ntfy, or say what shall become of it (https://docs.ntfy.sh/publish).

Its `Priority` is not among them: browsers send a field of that name (RFC 9218).
"""


@dataclass(slots=True)
class Message:
    """What a client wants to say: text, name and key as it wrote them, the room in its canonical form."""

    text: str
    room: str
    name: str | None
    key: str | None
    as_json: bool
    """Whether the receipt should be JSON: the request was, or asked for it."""


class SendOptions(Struct, frozen=True, kw_only=True):
    """What a request says about a message outside its body."""

    name: Annotated[str | None, DISPLAY_NAME, "The display name, for a body without one."] = None
    key: Annotated[str | None, KEY, Header("Idempotency-Key"), "The key, for a body without one."] = None


_Written: TypeAlias = tuple[str, str | None, str | None, str | None]
"""What a body says: text, room, name and key."""


def is_form(request: Request) -> bool:
    """Whether the body is what an HTML form sends."""
    return request.media_type in (URLENCODED, MULTIPART)


def is_json(request: Request) -> bool:
    """Whether the body is JSON."""
    return is_json_type(request.media_type)


def is_json_type(media_type: bytes) -> bool:
    """Whether a media type, in lower case, is one of JSON: `application/json`, `text/json`, or `…+json` (RFC 6839)."""
    return media_type.endswith((b"/json", b"+json"))


def read_message(request: Request, options: SendOptions, room: str | None) -> Message:
    """The message of a request: JSON, a form, or a raw body which is the text itself. Raises Refusal.

    `room` is that of the address; where there is none (`/send`) the body names it, or it is `lobby`. Values in the
    body and outside it must not contradict each other.
    """
    return _read(request, request.cached(_format), options, room)


def read_json_message(request: Request, options: SendOptions, room: str) -> Message:
    """The message of a request to the versioned API: JSON only, and only the address names the room. Raises Refusal."""
    return _read(request, request.cached(_json_format), options, room)


def read_draft(request: Request, room: str | None) -> Message:
    """The content of a message whose room is refused, as one for the room of the address or `lobby`. Raises Refusal."""
    format_ = request.cached(_format)
    text, _, name, key = format_.read(request)
    return Message(text, room or DEFAULT_ROOM, name, key, format_.as_json)


def _read(request: Request, format_: _BodyFormat, options: SendOptions, room: str | None) -> Message:
    text, named, name, key = format_.read(request)
    if named is not None:
        named = room_name(named)
        if room is not None and room != named:
            raise Refusal("bad_parameter", "The body names another room than the address.", field="room")
    if options.key is not None:
        key = _agree(key, options.key, "key")
    if options.name is not None:
        name = _agree(name, options.name, "name")
    return Message(text, room or named or DEFAULT_ROOM, name, key, format_.as_json)


class _BodyFormat(NamedTuple):
    """How the body of a request is read, and whether its receipt is JSON: both follow from the head."""

    read: Callable[[Request], _Written]
    as_json: bool


def _format(request: Request) -> _BodyFormat:
    """Find out how the body is read. Raises Refusal for a head that no message can have."""
    _refuse_coded(request)
    _refuse_piece(request)
    _refuse_content_elsewhere(request)
    return _BodyFormat(_reader(request), is_json(request) or wants_json(request.field(b"accept")))


def _json_format(request: Request) -> _BodyFormat:
    _refuse_coded(request)
    if not is_json(request):
        raise Refusal("unsupported_media_type", "The API takes application/json.")
    return _format(request)._replace(read=_from_api_json)


def _reader(request: Request) -> Callable[[Request], _Written]:
    kind = request.media_type
    if is_json_type(kind):
        return _from_json
    if kind == URLENCODED:
        agent = (request.field(b"user-agent") or b"").partition(b"/")[0]
        return _TYPED.get(agent, _from_form)
    if kind == MULTIPART:
        return _from_form
    if kind and not kind.startswith(b"text/") and kind not in _TEXT_TOO:
        raise Refusal("unsupported_media_type", "A message is text: text/plain, a form or application/json.")
    return _from_raw


def _refuse_coded(request: Request) -> None:
    """Of bytes that are compressed, or in another encoding, another text would be stored."""
    if (request.field(b"content-encoding") or b"identity").lower() != b"identity":
        raise Refusal("unsupported_media_type", "Compressed bodies are not read.")
    if not is_utf_8(request.field(b"content-type") or b""):
        raise Refusal("unsupported_media_type", "A message is in UTF-8; this one says that it is in another encoding.")


def _refuse_piece(request: Request) -> None:
    """RFC 9110 §14.5: what is a piece of something must not be stored as the whole."""
    if request.field(b"content-range") is not None:
        raise Refusal("bad_request", "A message is sent whole, without Content-Range.", field="Content-Range")


def _refuse_content_elsewhere(request: Request) -> None:
    """A header field that means nothing here is harmless, unless it carries what somebody wants to say."""
    found = _FIELDS_OF_OTHERS.intersection(request.head.values)
    if found:
        name = min(found).decode().title()
        detail = f"The header field {name} would be dropped: a message is its text. Write it into the text."
        raise Refusal("bad_request", detail, field=name)


def _from_json(request: Request) -> _Written:
    command = decode_message(request.body, SendMessage)
    return command.text, command.room, command.name, command.key


def _from_api_json(request: Request) -> _Written:
    command = decode_message(request.body, PostMessage)
    return command.text, None, command.name, command.key


def _from_form(request: Request, plus: re.Pattern[bytes] = PLUS_OF_ENCODERS) -> _Written:
    """The message of a form; but what `curl -d` labels a form may be the text itself."""
    if request.media_type == URLENCODED:
        fields = read_typed_form(_without_final_break(request.body), _FIELDS, _TEXTS, plus)
        if isinstance(fields, str):
            return fields, None, None, None
    else:
        fields = known_fields(decode_multipart(request.field(b"content-type") or b"", request.body), _FIELDS)
    if "message" in fields and "text" in fields:
        raise Refusal("bad_form", "Give message or text, not both.", field="text")
    text = fields.get("message", fields.get("text"))
    if text is None:
        raise Refusal("bad_form", "The form has no field named message or text.", field="message")
    # Browsers send the line breaks of a text area as CR LF (WHATWG HTML, multipart and urlencoded form data).
    text = text.replace("\r\n", "\n")
    return text, fields.get("room") or None, fields.get("name") or None, fields.get("key") or None


_TYPED: Mapping[bytes, Callable[[Request], _Written]] = {
    b"curl": partial(_from_form, plus=PLUS_OF_CURL),
    b"Wget": partial(_from_form, plus=PLUS_OF_WGET),
}
"""Readers of what people type, by how the `User-Agent` begins: there a `+` is not always a space."""


def _from_raw(request: Request) -> _Written:
    return decode_text(_without_final_break(request.body)), None, None, None


def _without_final_break(body: bytes) -> bytes:
    """`echo hello | curl -T - …` means hello: the line break that ends a file is not part of what it says."""
    return body[:-2] if body.endswith(b"\r\n") else body[:-1] if body.endswith(b"\n") else body


def _agree(inside: str | None, outside: str, field: str) -> str:
    if inside is not None and inside != outside:
        raise Refusal("bad_parameter", f"The {field} is given twice, differently.", field=field)
    return outside
