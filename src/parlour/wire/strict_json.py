"""JSON from strangers, decoded into msgspec types or refused, with nothing left to interpretation.

msgspec already refuses what is not RFC 8259 (NaN, a byte order mark, trailing bytes, lone surrogates), booleans as
numbers and unknown fields. What it lets pass is refused here: doubled keys (msgspec keeps the last one, others the
first), numbers that a browser would round, NUL, and depth and size without end.
"""

from __future__ import annotations

import re
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

_MAX_SHOWN_CHARS = 128

# What matters in valid JSON; short plain numbers, `true`, commas and the like are skipped. All quantifiers are
# possessive, so that no input makes the scan go back. Groups: 1 a string, 2 the colon that makes it a key, 3 a bracket,
# 4 a number that may lie beyond MAX_NUMBER.
_TOKEN = re.compile(
    r'"([^"\\]*+(?:\\.[^"\\]*+)*+)"([ \t\n\r]*+:)?+'
    r"|([\[\]{}])"
    r"|(?<![0-9.eE+-])(-?+[0-9]{16}[0-9.eE+-]*+|-?+[0-9]++(?:\.[0-9]++)?+[eE][+-]?+[0-9]++)",
    re.DOTALL,
)
_KEY, _BRACKET, _NUMBER = 2, 3, 4
_NO_KEYS: set[str] = set()

_NUL = re.compile(r"(?<!\\)(?:\\\\)*+\\u0000")
_HALF_PAIR = re.compile(
    rb"(?<!\\)(?:\\\\)*+(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F])"
)
# How msgspec words what we pass on.
_AT_BYTE = re.compile(r" \(byte ([0-9]+)\)$")
_AT_PATH = re.compile(r" - at `\$\.?(.*)`$", re.DOTALL)
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


def decode(data: bytes | str, type_: type[T], *, max_depth: int = MAX_JSON_DEPTH, max_keys: int = MAX_JSON_KEYS) -> T:
    """Decode one JSON document into `type_`: a msgspec Struct with `forbid_unknown_fields`, or a union of such.

    `data` is UTF-8, or text that was decoded from it.
    `max_depth` counts open arrays and objects, `max_keys` the keys of all objects together. Time is linear in the
    input. Raises Refusal("bad_utf8"), or ("bad_json") whose `field` is the path of the offending field (`by.name`)
    where there is one.
    """
    text = _decode_utf8(data) if isinstance(data, bytes) else data
    try:
        value: T = _decoder(type_).decode(text)
    except msgspec.ValidationError as exc:
        raise _wrong_type(str(exc)) from None
    except msgspec.DecodeError as exc:
        raise _malformed(text, str(exc)) from None
    except RecursionError:
        raise _too_deep(max_depth) from None
    _check(text, max_depth, max_keys)
    return value


_DECODERS: dict[type, msgspec.json.Decoder[Any]] = {}
"""One decoder a type; the types are ours, so there are few."""


def _decoder(type_: type[T]) -> msgspec.json.Decoder[T]:
    decoder = _DECODERS.get(type_)
    if decoder is None:
        decoder = _DECODERS[type_] = msgspec.json.Decoder(type_)
    return decoder


def _decode_utf8(data: bytes) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        field = _last_key(data[: exc.start])
        raise Refusal("bad_utf8", f"Byte {exc.start} is not valid UTF-8.", field=field) from None


def _check(text: str, max_depth: int, max_keys: int) -> None:
    """Check valid JSON for doubled keys, long numbers, NUL, depth and the number of keys, in one pass."""
    has_nul = "\\u0000" in text
    open_keys: list[set[str]] = []
    key_count = container_count = 0
    key: str | None = None
    for token in _TOKEN.finditer(text):
        kind = token.lastindex
        if kind == _BRACKET:
            bracket = token[0]
            if bracket == "]" or bracket == "}":
                open_keys.pop()
            elif len(open_keys) == max_depth:
                raise _too_deep(max_depth, key)
            elif container_count == MAX_CONTAINERS:
                raise Refusal("bad_json", f"The JSON has more than {MAX_CONTAINERS} arrays and objects.")
            else:
                container_count += 1
                open_keys.append(_NO_KEYS if bracket == "[" else set())
        elif kind == _NUMBER:
            if not _is_exact(token[0]):
                raise Refusal("bad_json", "A number lies beyond 2 to the power of 53.", field=_field(key))
        elif kind == _KEY:
            key = _unescaped(token[1])
            key_count += 1
            if key_count > max_keys:
                raise Refusal("bad_json", f"The JSON has more than {max_keys} keys.")
            if key in open_keys[-1]:
                raise Refusal("bad_json", "The key is doubled.", field=_field(key))
            open_keys[-1].add(key)
        if has_nul and _NUL.search(token[0]):
            raise Refusal("bad_json", "A string contains U+0000.", field=_field(key))


def _is_exact(number: str) -> bool:
    if number.lstrip("-").isdigit():
        return len(number) <= 17 and abs(int(number)) <= MAX_NUMBER
    return abs(float(number)) <= MAX_NUMBER


def _unescaped(string: str) -> str:
    return msgspec.json.decode(f'"{string}"', type=str) if "\\" in string else string


def _wrong_type(message: str) -> Refusal:
    """Word what msgspec says of valid JSON that is not of the type, with the path taken out of it."""
    path = ""
    if found := _AT_PATH.search(message):
        message, path = message[: found.start()], found[1]
    for pattern, words in ((_MISSING, "The member {} is missing."), (_UNKNOWN, "There is no member {} here.")):
        if found := pattern.fullmatch(message):
            return Refusal(
                "bad_json", words.format(_shown(found[1])), field=_field(f"{path}.{found[1]}" if path else found[1])
            )
    detail = "The value is not one of those known here."
    if found := _EXPECTED.fullmatch(message):
        detail = f"Expected {_in_words(found[1])}" + (f", not {_in_words(found[2])}." if found[2] else ".")
    return Refusal("bad_json", detail, field=_field(path))


def _in_words(types: str) -> str:
    """Say `int | null` for people."""
    return " or ".join([_TYPE_WORDS.get(name, name) for name in types.split(" | ")])


def _malformed(text: str, message: str) -> Refusal:
    """Word what msgspec says of what is not JSON."""
    data = text.encode()
    if found := _HALF_PAIR.search(data):
        return Refusal(
            "bad_json", "A string contains half of a surrogate pair.", field=_last_key(data[: found.start()])
        )
    if at := _AT_BYTE.search(message):
        follows = "trailing characters" in message
        detail = "Something follows the JSON." if follows else f"The JSON is broken at byte {at[1]}."
        return Refusal("bad_json", detail, field=_last_key(data[: int(at[1])]))
    return Refusal("bad_json", "The JSON ends too early." if text.strip() else "There is no JSON here.")


def _too_deep(max_depth: int, key: str | None = None) -> Refusal:
    return Refusal("bad_json", f"The JSON is nested deeper than {max_depth} levels.", field=_field(key))


def _last_key(data: bytes) -> str | None:
    """The key whose value the end of `data` lies in, as far as broken JSON can tell."""
    text = data.decode("utf-8", "replace")
    keys = [token[1] for token in _TOKEN.finditer(text) if token.lastindex == _KEY]
    return _field(keys[-1]) if keys else None


def _field(name: str | None) -> str | None:
    return _shown(name) if name else None


def _shown(text: str) -> str:
    """Make a peer's own words short and safe to show."""
    return visible(text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}…")
