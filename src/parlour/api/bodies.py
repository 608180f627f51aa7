"""The ways to write a message into a request body, and the one thing they all mean."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeAlias

from parlour.api.reading import refuse_unknown
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
"""What clients label text with that know nothing of it."""
_PARAMETERS = frozenset({"name"})


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


def read_message(request: Request) -> Message:
    """The message of a request: JSON, a form, or a raw body which is the text itself. Raises Refusal.

    Its room is that of the address, or for `/send` that of the body, or `lobby`. `Idempotency-Key` and `?name=` serve
    requests whose body has no place for them; contradicting values are refused.
    """
    return _read(request, request.cached(_manner))


def read_api_message(request: Request) -> Message:
    """The message of a request to the versioned API: JSON only, and only the address names the room. Raises Refusal."""
    return _read(request, request.cached(_api_manner))


def read_draft(request: Request) -> Message:
    """What a message says whose room is refused, as one for the room of the address or `lobby`. Raises Refusal."""
    manner = request.cached(_manner)
    text, _, name, key = manner.read(request)
    return Message(text, manner.room or DEFAULT_ROOM, name, key, manner.as_json)


def _read(request: Request, manner: _Manner) -> Message:
    text, room, name, key = manner.read(request)
    if room is not None:
        room = room_name(room)
        if manner.room is not None and manner.room != room:
            raise Refusal("bad_parameter", "The body names another room than the address.", field="room")
    if manner.key is not None:
        key = _agree(key, manner.key, "key")
    if manner.name is not None:
        name = _agree(name, manner.name, "name")
    return Message(text, room or manner.room or DEFAULT_ROOM, name, key, manner.as_json)


@dataclass(frozen=True, slots=True)
class _Manner:
    """What the head of a request says of the message in its body."""

    read: Callable[[Request], _Written]
    room: str | None
    key: str | None
    name: str | None
    as_json: bool


def _manner(request: Request) -> _Manner:
    """Find out how a body is read that comes with such a head. Raises Refusal when it is not."""
    _refuse_coded(request)
    _refuse_piece(request)
    _refuse_content_elsewhere(request)
    refuse_unknown(request, _PARAMETERS)
    header = request.field(b"idempotency-key")
    key = None if header is None else header.decode("latin-1")
    as_json = is_json(request) or wants_json(request.field(b"accept"))
    room = request.params.get("room")
    return _Manner(
        _reader(request),
        None if room is None else room_name(room),
        key,
        request.parameter("name"),
        as_json,
    )


def _api_manner(request: Request) -> _Manner:
    _refuse_coded(request)
    if not is_json(request):
        raise Refusal("unsupported_media_type", "The API takes application/json.")
    return replace(_manner(request), read=_from_api_json)


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
