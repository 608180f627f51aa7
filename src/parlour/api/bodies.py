"""The ways to write a message into a request body, and the one thing they all mean."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from parlour.api.reading import refuse_unknown
from parlour.core.errors import Refusal
from parlour.core.text import decode_text
from parlour.http.negotiate import wants_json
from parlour.http.request import Request
from parlour.schema.commands import PostMessage, SendMessage
from parlour.wire.forms import MULTIPART, URLENCODED, decode_multipart, form_or_text
from parlour.wire.strict_json import decode

_FIELDS = frozenset({"message", "text", "room", "name", "key"})
_TEXT_TOO = (URLENCODED, b"application/octet-stream")
"""What clients label text with that know nothing of it."""
_PARAMETERS = frozenset({"name"})


@dataclass(slots=True)
class Message:
    """What a client wants to say, as it wrote it."""

    text: str
    room: str | None = None
    name: str | None = None
    key: str | None = None
    as_json: bool = False
    """Whether the receipt should be JSON: the request was, or asked for it."""


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

    `Idempotency-Key` and `?name=` serve requests whose body has no room for them; contradicting values are refused.
    """
    return _read(request, request.noted(_manner))


def read_api_message(request: Request) -> Message:
    """The message of a request to the versioned API: JSON only, and only the address names the room. Raises Refusal."""
    return _read(request, request.noted(_api_manner))


def _read(request: Request, manner: _Manner) -> Message:
    message = manner.read(request)
    message.as_json = manner.as_json
    if manner.key is not None:
        message.key = _agree(message.key, manner.key, "key")
    if manner.name is not None:
        message.name = _agree(message.name, manner.name, "name")
    return message


class _Manner(NamedTuple):
    """What the head of a request says of the message in its body."""

    read: Callable[[Request], Message]
    key: str | None
    name: str | None
    as_json: bool


def _manner(request: Request) -> _Manner:
    """Find out how a body is read that comes with such a head. Raises Refusal when it is not."""
    _refuse_compressed(request)
    refuse_unknown(request, _PARAMETERS)
    header = request.field(b"idempotency-key")
    key = None if header is None else header.decode("latin-1")
    as_json = is_json(request) or wants_json(request.field(b"accept"))
    return _Manner(_reader(request.media_type), key, request.parameter("name"), as_json)


def _api_manner(request: Request) -> _Manner:
    _refuse_compressed(request)
    if not is_json(request):
        raise Refusal("unsupported_media_type", "The API takes application/json.")
    return _manner(request)._replace(read=_from_api_json)


def _reader(kind: bytes) -> Callable[[Request], Message]:
    if is_json_type(kind):
        return _from_json
    if kind in (URLENCODED, MULTIPART):
        return _from_form
    if kind and not kind.startswith(b"text/") and kind not in _TEXT_TOO:
        raise Refusal("unsupported_media_type", "A message is text: text/plain, a form or application/json.")
    return _from_raw


def _refuse_compressed(request: Request) -> None:
    if request.field(b"content-encoding") not in (None, b"identity"):
        raise Refusal("unsupported_media_type", "Compressed bodies are not read.")


def _from_json(request: Request) -> Message:
    command = decode(request.body, SendMessage)
    return Message(command.text, command.room, command.name, command.key)


def _from_api_json(request: Request) -> Message:
    command = decode(request.body, PostMessage)
    return Message(command.text, None, command.name, command.key)


def _from_form(request: Request) -> Message:
    """The message of a form; but what `curl -d` labels a form may be the text itself."""
    pairs: list[tuple[str, str]] | str
    if request.media_type == URLENCODED:
        pairs = form_or_text(request.body)
    else:
        pairs = decode_multipart(request.field(b"content-type") or b"", request.body)
    if isinstance(pairs, str):
        return Message(_without_final_break(pairs))
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name in fields:
            raise Refusal("bad_form", f"The field {name!r} is given twice.", field=name[:64])
        if name in _FIELDS:
            fields[name] = value
    if "message" in fields and "text" in fields:
        raise Refusal("bad_form", "Give message or text, not both.", field="text")
    text = fields.get("message", fields.get("text"))
    if text is None:
        raise Refusal("bad_form", "The form has no field named message or text.", field="message")
    # Browsers send the line breaks of a text area as CR LF (WHATWG HTML, multipart and urlencoded form data).
    text = text.replace("\r\n", "\n")
    return Message(text, fields.get("room") or None, fields.get("name") or None, fields.get("key") or None)


def _from_raw(request: Request) -> Message:
    return Message(_without_final_break(decode_text(request.body)))


def _without_final_break(text: str) -> str:
    """`echo hello | curl -T - …` means hello: the line break that ends a file is not part of what it says."""
    return text[:-2] if text.endswith("\r\n") else text[:-1] if text.endswith("\n") else text


def _agree(inside: str | None, outside: str, field: str) -> str:
    if inside is not None and inside != outside:
        raise Refusal("bad_parameter", f"The {field} is given twice, differently.", field=field)
    return outside
