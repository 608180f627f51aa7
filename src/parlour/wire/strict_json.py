"""JSON from strangers, decoded into msgspec types or refused, with nothing left to interpretation.

msgspec lets pass what is refused here: doubled keys (it keeps the last one, others the first), numbers that a browser
would round, NUL, depth and size without end. So the standard decoder, which shows every pair of an object, is first.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from functools import cache
from typing import Any, TypeVar

import msgspec

from parlour.core.errors import Refusal
from parlour.core.limits import MAX_JSON_DEPTH, MAX_JSON_KEYS
from parlour.core.text import visible

T = TypeVar("T")

MAX_CONTAINERS = 1024
"""Arrays and objects of one document: empty ones cost much more than the two bytes they take."""

MAX_NUMBER = 2**53
"""Beyond it a browser's number is no longer exact (RFC 8259 §6)."""

_MAX_NUMBER_CHARS = 17
_MAX_SHOWN_CHARS = 128

_STRING = re.compile(r'"((?:[^"\\]|\\.)*+)"?([ \t\n\r]*+:)?', re.DOTALL)  # linear: it matches at every quote
# How msgspec words what we pass on.
_AT_PATH = " - at `$"
_MISSING = re.compile(r"Object missing required field `(.*)`", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)
_EXPECTED = re.compile(r"Expected `([a-z |]+)`(?:, got `([a-z]+)`)?")

_TYPE_WORDS = {
    "str": "a string",
    "int": "a whole number",
    "float": "a decimal number",
    "bool": "true or false",
    "object": "an object",
    "array": "an array",
}


def decode(data: bytes | str, type_: type[T], *, instead: Mapping[str, str] | None = None) -> T:
    """Decode one JSON document into `type_`: a msgspec Struct with `forbid_unknown_fields`, or a union of such.

    `instead` names the members in which others say the same. Time is linear in the input. Raises Refusal("bad_utf8"),
    or ("bad_json") whose `field` is the path of the offending field (`by.name`) where there is one.
    """
    text = _decode_utf8(data) if isinstance(data, bytes) else data
    try:
        _check(_STANDARD.decode(text))
        value: T = _decoder(type_).decode(text)
    except msgspec.ValidationError as exc:
        raise _wrong_type(str(exc), type_, instead or {}) from None
    except json.JSONDecodeError as exc:
        raise _malformed(text, exc) from None
    except RecursionError:
        raise _too_deep() from None
    return value


_decoder: Callable[[Any], msgspec.json.Decoder[Any]] = cache(msgspec.json.Decoder)


def _decode_utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        field = _last_key(data[: exc.start].decode())
        raise Refusal("bad_utf8", f"Byte {exc.start} is not valid UTF-8.", field=field) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the document. Raises Refusal for a doubled key."""
    members = dict(pairs)
    if len(members) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise Refusal("bad_json", "The key is doubled.", field=_field(key))
            seen.add(key)
    return members


def _whole_number(digits: str) -> float:
    """A number without a fraction; one of many digits is too large anyway, and its value would be costly."""
    return int(digits) if len(digits) <= _MAX_NUMBER_CHARS else math.inf


_STANDARD = json.JSONDecoder(object_pairs_hook=_members, parse_int=_whole_number)


def _check(document: object) -> None:
    """Check every value; `key` is the one that a value or an array around it stands under."""
    keys = containers = 0
    waiting: list[tuple[object, str | None, int]] = [(document, None, 0)]
    while waiting:
        value, key, depth = waiting.pop()
        if isinstance(value, str):
            _check_string(value, key)
        elif isinstance(value, dict | list):
            containers += 1
            if containers > MAX_CONTAINERS:
                raise Refusal("bad_json", f"The JSON has more than {MAX_CONTAINERS} arrays and objects.")
            if depth == MAX_JSON_DEPTH:
                raise _too_deep(key)
            if isinstance(value, list):
                waiting.extend((item, key, depth + 1) for item in value)
                continue
            keys += len(value)
            if keys > MAX_JSON_KEYS:
                raise Refusal("bad_json", f"The JSON has more than {MAX_JSON_KEYS} keys.")
            for name, item in value.items():
                _check_string(name, name)
                waiting.append((item, name, depth + 1))
        elif isinstance(value, int | float) and not abs(value) <= MAX_NUMBER:  # nor is NaN
            raise Refusal("bad_json", "A number is not within 2 to the power of 53.", field=_field(key))


def _check_string(text: str, key: str | None) -> None:
    if "\0" in text:
        raise Refusal("bad_json", "A string contains U+0000.", field=_field(key))
    try:
        text.encode()
    except UnicodeEncodeError:
        raise Refusal("bad_json", "A string contains half of a surrogate pair.", field=_field(key)) from None


def _wrong_type(message: str, type_: type[Any], instead: Mapping[str, str]) -> Refusal:
    """Word what msgspec says of valid JSON that is not of the type, with the path taken out of it."""
    path = ""
    if _AT_PATH in message:  # the last one: the words before it may be the peer's own
        message, _, path = message.rpartition(_AT_PATH)
        path = path.removesuffix("`").removeprefix(".")
    if found := _MISSING.fullmatch(message):
        return Refusal("bad_json", f"The member {_shown(found[1])} is missing.", field=_below(path, found[1]))
    if found := _UNKNOWN.fullmatch(message):
        known: tuple[str, ...] = () if path else getattr(type_, "__struct_encode_fields__", ())
        advice = _advice(found[1], known, instead)
        return Refusal("bad_json", f"There is no member {_shown(found[1])} here{advice}.", field=_below(path, found[1]))
    detail = "The value is not one of those known here."
    if found := _EXPECTED.fullmatch(message):
        detail = f"Expected {_in_words(found[1])}" + (f", not {_in_words(found[2])}." if found[2] else ".")
    return Refusal("bad_json", detail, field=_field(path))


def _advice(name: str, known: tuple[str, ...], instead: Mapping[str, str]) -> str:
    """What to send for an unknown member of a type with these members; those of a union are not listed."""
    meant = instead.get(name)
    if meant is not None and (not known or meant in known):
        return f"; what it says goes into {meant}"
    return f"; known are {', '.join(sorted(known))}" if known else ""


def _below(path: str, name: str) -> str | None:
    return _field(f"{path}.{name}" if path else name)


def _in_words(types: str) -> str:
    """Say `int | null` for people."""
    return " or ".join([_TYPE_WORDS.get(name, name) for name in types.split(" | ")])


def _malformed(text: str, error: json.JSONDecodeError) -> Refusal:
    """Word what the decoder says of what is not JSON."""
    if not text.strip():
        return Refusal("bad_json", "There is no JSON here.")
    before = text[: error.pos]
    field = _last_key(before)
    if error.msg == "Extra data":
        return Refusal("bad_json", "Something follows the JSON.", field=field)
    if error.pos >= len(text) or error.msg.startswith("Unterminated"):
        return Refusal("bad_json", "The JSON ends too early.")
    return Refusal("bad_json", f"The JSON is broken at byte {len(before.encode())}.", field=field)


def _too_deep(key: str | None = None) -> Refusal:
    return Refusal("bad_json", f"The JSON is nested deeper than {MAX_JSON_DEPTH} levels.", field=_field(key))


def _last_key(text: str) -> str | None:
    """The key whose value the end of `text` lies in, as far as broken JSON can tell."""
    keys = [string for string, colon in _STRING.findall(text) if colon]
    return _field(keys[-1]) if keys else None


def _field(name: str | None) -> str | None:
    return _shown(name) if name else None


def _shown(text: str) -> str:
    """Make a peer's own words short and safe to show."""
    return visible(text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}…")
