"""JSON from strangers, decoded into msgspec types or refused, with nothing left to interpretation.

msgspec already refuses what is not RFC 8259 (NaN, a byte order mark, trailing bytes, lone surrogates), booleans as
numbers and unknown fields. What it lets pass is refused here: doubled keys (msgspec keeps the last one, others the
first), numbers that a browser would round, NUL, and depth and size without end. For that the standard library's decoder
reads the document once more, since it shows every pair of an object.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
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

_HALF_PAIR = re.compile(
    rb"(?<!\\)(?:\\\\)*+(?:\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F])"
)
_COLON = re.compile(r"[ \t\n\r]*+:")
# How msgspec words what we pass on.
_AT_BYTE = re.compile(r" \(byte ([0-9]+)\)$")
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


def decode(
    data: bytes | str,
    type_: type[T],
    *,
    instead: Mapping[str, str] | None = None,
    max_depth: int = MAX_JSON_DEPTH,
    max_keys: int = MAX_JSON_KEYS,
) -> T:
    """Decode one JSON document into `type_`: a msgspec Struct with `forbid_unknown_fields`, or a union of such.

    `data` is UTF-8, or text that was decoded from it. `instead` names the members in which others say the same.
    `max_depth` counts open arrays and objects, `max_keys` the keys of all objects together. Time is linear in the
    input. Raises Refusal("bad_utf8"), or ("bad_json") whose `field` is the path of the offending field (`by.name`)
    where there is one.
    """
    text = _decode_utf8(data) if isinstance(data, bytes) else data
    try:
        value: T = _decoder(type_).decode(text)
        _check(text, max_depth, max_keys)
    except msgspec.ValidationError as exc:
        raise _wrong_type(str(exc), type_, instead or {}) from None
    except msgspec.DecodeError as exc:
        raise _malformed(text, str(exc)) from None
    except RecursionError:
        raise _too_deep(max_depth) from None
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


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the standard decoder. Raises Refusal for a doubled key."""
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


_STANDARD = json.JSONDecoder(object_pairs_hook=_pairs, parse_int=_whole_number)
_BROKEN = json.JSONDecoder(strict=False)


def _check(text: str, max_depth: int, max_keys: int) -> None:
    """Check valid JSON for doubled keys, long numbers, NUL, depth and the number of keys."""
    _Check(max_depth, max_keys).value(_STANDARD.decode(text), None, 0)


class _Check:
    """One walk through a document, as the standard decoder gives it."""

    __slots__ = ("_containers", "_keys", "_max_depth", "_max_keys")

    def __init__(self, max_depth: int, max_keys: int) -> None:
        self._max_depth = max_depth
        self._max_keys = max_keys
        self._keys = self._containers = 0

    def value(self, value: object, key: str | None, depth: int) -> None:
        """Check a value and what is in it; `key` is the one that it or an array around it stands under."""
        if isinstance(value, str):
            if "\0" in value:
                raise _has_nul(key)
        elif isinstance(value, dict):
            self._open(key, depth)
            self._keys += len(value)
            if self._keys > self._max_keys:
                raise Refusal("bad_json", f"The JSON has more than {self._max_keys} keys.")
            for name, item in value.items():
                if "\0" in name:
                    raise _has_nul(name)
                self.value(item, name, depth + 1)
        elif isinstance(value, list):
            self._open(key, depth)
            for item in value:
                self.value(item, key, depth + 1)
        elif isinstance(value, int | float) and abs(value) > MAX_NUMBER:
            raise Refusal("bad_json", "A number lies beyond 2 to the power of 53.", field=_field(key))

    def _open(self, key: str | None, depth: int) -> None:
        if depth == self._max_depth:
            raise _too_deep(self._max_depth, key)
        if self._containers == MAX_CONTAINERS:
            raise Refusal("bad_json", f"The JSON has more than {MAX_CONTAINERS} arrays and objects.")
        self._containers += 1


def _has_nul(key: str | None) -> Refusal:
    return Refusal("bad_json", "A string contains U+0000.", field=_field(key))


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
    """The key whose value the end of `data` lies in, as far as broken JSON can tell.

    Each string is read once, and one that is broken is the last: what is behind it is never looked at.
    """
    text = data.decode("utf-8", "replace")
    key, at = None, 0
    try:
        while (at := text.find('"', at)) >= 0:
            string, at = _BROKEN.raw_decode(text, at)
            if _COLON.match(text, at):
                key = string
    except json.JSONDecodeError:
        pass
    return _field(key)


def _field(name: str | None) -> str | None:
    return _shown(name) if name else None


def _shown(text: str) -> str:
    """Make a peer's own words short and safe to show."""
    return visible(text if len(text) <= _MAX_SHOWN_CHARS else f"{text[:_MAX_SHOWN_CHARS]}…")
