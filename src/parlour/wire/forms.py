"""Multipart forms and query strings, decoded strictly: what one reader could take for something else is refused.

The query of a request target is encoded as urlencoded forms are (WHATWG URL §5.1); of `multipart/form-data` (RFC 7578)
only text fields are taken.
"""

from __future__ import annotations

import re
from urllib.parse import unquote_to_bytes

from multipart import MultipartError, MultipartSegment, ParserLimitReached, PushMultipartParser

from parlour.core.errors import Refusal
from parlour.core.limits import MAX_FORM_FIELDS, MAX_FORM_PARTS
from parlour.core.text import visible

_MAX_PART_HEADERS = 4
_MAX_PART_HEADER_BYTES = 1024
_MAX_SHOWN_CHARS = 64
_AS_IT_IS = ("7bit", "8bit", "binary")
"""Transfer encodings that change nothing (RFC 2045 §6.2). RFC 7578 §4.7 has none in HTTP, but curl can send others."""

_BAD_ESCAPE = re.compile(rb"%(?![0-9A-Fa-f]{2})")
URLENCODED = b"application/x-www-form-urlencoded"
MULTIPART = b"multipart/form-data"
# RFC 2046 §5.1.1: 1 to 70 of these, quoted or not; no other parameter changes what the body means.
_BOUNDARY = re.compile(
    rb"""(?:;[ \t]*(?!boundary)[\w-]+=(?:[\w.+-]+|"[^"\\]*")[ \t]*)*"""
    rb""";[ \t]*boundary=(?:"([0-9A-Za-z'()+_,./:=? -]{1,70})"|([0-9A-Za-z'+_./:=?-]{1,70}))[ \t]*""",
    re.IGNORECASE,
)

_PARAMETER = re.compile(rb""";[ \t]*([^;="]*)(?:=[ \t]*("(?:[^"\\]|\\.)*+"|[^;]*+))?""", re.DOTALL)
_UTF_8 = frozenset(("", "utf-8", "utf8", "us-ascii", "ascii"))

Pairs = list[tuple[str, str]]


def parse_query(raw: bytes) -> Pairs:
    """Decode the query of a request target (without the `?`) into pairs in their order; names may repeat.

    Raises Refusal("bad_parameter") for a broken escape, invalid UTF-8, NUL or more than 64 fields.
    """
    pairs: Pairs = []
    if not raw:
        return pairs
    if raw.count(b"&") >= MAX_FORM_FIELDS:
        raise Refusal("bad_parameter", f"There are more than {MAX_FORM_FIELDS} fields.")
    for part in raw.split(b"&"):
        if part:
            name, _, value = part.partition(b"=")
            decoded = decode_value(name, "bad_parameter", None)
            pairs.append((decoded, decode_value(value, "bad_parameter", decoded)))
    return pairs


def media_type(content_type: bytes) -> bytes:
    """The type and subtype of a Content-Type, in lower case, without its parameters (RFC 9110 §8.3.1)."""
    return content_type.partition(b";")[0].strip(b" \t").lower()


def is_utf_8(content_type: bytes) -> bool:
    """Whether a Content-Type (RFC 9110 §8.3.2) names UTF-8, its part ASCII, or no encoding. All that it names count."""
    return all(
        _is_utf_8_name(value.decode("latin-1"))
        for name, value in _PARAMETER.findall(content_type)
        if name.strip().lower() == b"charset"
    )


def _is_utf_8_name(charset: str) -> bool:
    """Whether the value of a parameter `charset`, in quotes or not, is such a name or empty."""
    return charset.strip().strip("\"'").lower() in _UTF_8


def known_fields(pairs: Pairs, known: frozenset[str], hint: str = "") -> dict[str, str]:
    """The fields of a form by name. Raises Refusal("bad_form"), with the hint, for one that is unknown or repeated."""
    fields: dict[str, str] = {}
    for name, value in pairs:
        if name not in known:
            shown, names = shown_field(name), ", ".join(sorted(known))
            detail = f'There is no field "{shown or ""}" here; known are {names}. {hint}'.strip()
            raise Refusal("bad_form", detail, field=shown)
        if name in fields:
            raise Refusal("bad_form", f"The field {name} is given twice. {hint}".strip(), field=name)
        fields[name] = value
    return fields


def decode_value(raw: bytes, code: str, field: str | None) -> str:
    """Decode the value (or the name) of `field` by the standard.

    Raises Refusal(code) for a broken escape, invalid UTF-8 or NUL.
    """
    if b"+" in raw:
        raw = raw.replace(b"+", b" ")
    if b"%" in raw:
        if _BAD_ESCAPE.search(raw):
            raise Refusal(code, "A % is not followed by two hexadecimal digits.", field=shown_field(field))
        raw = unquote_to_bytes(raw)
    return plain_value(raw, code, field)


def plain_value(raw: bytes, code: str, field: str | None) -> str:
    """A value that is not encoded. Raises Refusal(code) for invalid UTF-8 or NUL."""
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise Refusal(code, "A field is not valid UTF-8.", field=shown_field(field)) from None
    if "\0" in text:
        raise Refusal(code, "A field contains U+0000.", field=shown_field(field))
    return text


def shown_field(field: str | None) -> str | None:
    """Make a peer's own words short and safe to show."""
    return visible(field[:_MAX_SHOWN_CHARS]) if field else None


def decode_multipart(content_type: bytes, data: bytes) -> Pairs:
    """Decode a multipart body into pairs in their order.

    Raises Refusal("bad_form") for broken framing, invalid UTF-8, NUL, parts that are encoded, or more than 8 of them;
    ("unsupported_media_type") for a file.
    """
    found = _BOUNDARY.fullmatch(content_type, content_type.find(b";"))
    if found is None:
        raise Refusal("bad_form", "The Content-Type of the multipart form has no acceptable boundary.")
    boundary = found[1] or found[2]
    _check_edges(data, boundary)
    parser = PushMultipartParser(
        boundary,
        max_header_size=_MAX_PART_HEADER_BYTES,
        max_header_count=_MAX_PART_HEADERS,
        max_segment_count=MAX_FORM_PARTS,
        strict=True,
    )
    pairs: Pairs = []
    name, value = "", b""
    try:
        with parser:
            for event in parser.parse(data):
                if isinstance(event, MultipartSegment):
                    name, value = _field_name(event), b""
                elif event is None:
                    pairs.append((name, plain_value(value, "bad_form", name)))
                else:
                    value += event
    except ParserLimitReached:
        detail = f"The form has more than {MAX_FORM_PARTS} parts, or a part has too large a head."
        raise Refusal("bad_form", detail) from None
    except MultipartError:
        raise Refusal("bad_form", "The form is not framed as RFC 7578 demands.") from None
    return pairs


def _check_edges(data: bytes, boundary: bytes) -> None:
    """Nothing may stand before the first or behind the last boundary: the library would ignore it."""
    last_line = b"--%b--" % boundary
    end = (b"\r\n" + data).find(b"\r\n" + last_line)
    if end < 0 or data[end + len(last_line) :] not in (b"", b"\r\n") or not data.startswith(b"--" + boundary):
        raise Refusal("bad_form", "The form does not begin and end with its boundary.")


def _field_name(part: MultipartSegment) -> str:
    name = str(part.name)
    shown = shown_field(name)
    if part.filename is not None:
        raise Refusal("unsupported_media_type", "Files are not accepted here; send text fields.", field=shown)
    if len({header for header, _ in part.headerlist}) != len(part.headerlist):
        raise Refusal("bad_form", "A part of the form repeats a header.", field=shown)
    if not _is_utf_8_name(part.charset or ""):
        raise Refusal("bad_form", "The fields of a form are in UTF-8.", field=shown)
    if part.header("Content-Transfer-Encoding", "8bit").lower() not in _AS_IT_IS or part.header("Content-Encoding"):
        raise Refusal("bad_form", "Parts of a form are not decoded: send the field as it is.", field=shown)
    return name
