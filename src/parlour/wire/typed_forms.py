"""Bodies labelled as urlencoded forms: those of forms and programs, and what people type behind `curl -d`.

curl labels everything that `-d` sends as a form and encodes nothing. So the body may be the text itself, or a form with
values as they were typed. What could be taken either way is refused: guessing would cut or change the text.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from parlour.core.errors import Refusal
from parlour.core.limits import MAX_FORM_FIELDS
from parlour.core.text import decode_text, visible
from parlour.wire.forms import decode_value, known_fields, plain_value, shown_field

_HOW = "To send any text as it is: curl --data-urlencode 'message=…'"
_HOW_AT_THE_ENDS = f"{_HOW}; one that begins or ends with a space: curl -H 'Content-Type: text/plain' -d '…'"

# What encoders leave as it is: the standard's (WHATWG URL §1.3) `*-._`, and `!'()~` of JavaScript, Python and .NET.
_ENCODED = re.compile(rb"(?:[A-Za-z0-9*._~!'()+-]++|%[0-9A-Fa-f]{2})*+")
PLUS_OF_ENCODERS = _ENCODED
PLUS_OF_CURL = re.compile(rb"(?=[^%]*+%|(?!\+)(?![^%]*\+\Z))(?:[A-Za-z0-9._~+-]++|%[0-9A-Fa-f]{2})*+")
"""`--data-urlencode` leaves `-._~` as they are and writes a space as `+`; but `C++` and `+1` were rather typed
behind `-d` than encoded from a text that begins or ends with a space."""
PLUS_OF_WGET = re.compile(rb"[^+]*+")
"""Wget encodes nothing: a `+` was typed, or encoded by somebody else."""
_ESCAPE = re.compile(rb"%[0-9A-Fa-f]{2}")
# The beginning of a query in an address: an & behind it rather belongs to the address.
_QUERY = re.compile(rb"=|\?(?!\s|\Z)")
_MAX_SHOWN_BYTES = 24


def read_typed_form(
    data: bytes, fields: frozenset[str], texts: frozenset[str], plus: re.Pattern[bytes] = _ENCODED
) -> dict[str, str] | str:
    """Read a body as a form, or give the text that it is.

    It is a form if one of its fields is among `texts`, and it begins with one of `fields` or is encoded from the first
    byte to the last. Values are decoded by the standard where an encoder can have written them, and taken as they stand
    where none can. `plus` is what the client can have written with a `+` for a space. Raises Refusal("bad_form") where
    a value could be meant in both ways, or has another `+`, and for fields that are unknown or repeated;
    ("bad_utf8") for a bad text.
    """
    parts = [part.partition(b"=") for part in data.split(b"&", MAX_FORM_FIELDS)]
    names = [_name(raw) if equals else None for raw, equals, _ in parts]
    if texts.isdisjoint(names) or not (names[0] in fields or _is_encoded(parts)):
        return decode_text(data)
    pairs: list[tuple[str, str]] = []
    for name, (_, _, raw) in zip(names, parts, strict=True):
        if name is None:
            raise _cut(pairs[-1][0], parts[len(pairs)])
        following = parts[len(pairs) + 1] if len(pairs) + 1 < len(parts) else None
        pairs.append((name, _value(name, raw, following, plus)))
    return known_fields(pairs, fields, _HOW)


def _name(raw: bytes) -> str:
    if b"%" in raw or b"+" in raw:
        raw = unquote_to_bytes(raw.replace(b"+", b" "))
    return raw.decode("utf-8", "replace")


def _is_encoded(parts: list[tuple[bytes, bytes, bytes]]) -> bool:
    """Whether an encoder can have written all of it."""
    return all(equals and _ENCODED.fullmatch(raw) and _ENCODED.fullmatch(value) for raw, equals, value in parts)


def _value(name: str, raw: bytes, following: tuple[bytes, bytes, bytes] | None, plus: re.Pattern[bytes]) -> str:
    is_encoded = _ENCODED.fullmatch(raw) is not None
    if b"+" in raw and not plus.fullmatch(raw):
        raise Refusal("bad_form", f"Whether `+` means a plus or a space cannot be told. {_HOW_AT_THE_ENDS}", field=name)
    if is_encoded:
        return decode_value(raw, "bad_form", name)
    escape = _ESCAPE.search(raw)
    if escape is not None:
        detail = f"Whether `{escape[0].decode()}` is encoded or meant as it stands cannot be told. {_HOW}"
        raise Refusal("bad_form", detail, field=name)
    if following is not None and _QUERY.search(raw):
        raise _cut(name, following)
    return plain_value(raw, "bad_form", name)


def _cut(name: str, following: tuple[bytes, bytes, bytes]) -> Refusal:
    """The refusal of a value that may go on behind its `&`."""
    rest = b"".join(following)
    shown = visible(rest[:_MAX_SHOWN_BYTES].decode("utf-8", "ignore")) + ("…" if len(rest) > _MAX_SHOWN_BYTES else "")
    detail = f"`&` separates fields, so this text would be cut at `&{shown}`. {_HOW}"
    return Refusal("bad_form", detail, field=shown_field(name))
