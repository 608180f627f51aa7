"""The values of the API in JSON Schema: the rules of `core`, for documents and generated clients.

Nothing here refuses anything: `core` does, with an error of its own for each rule. Each schema is exact for ASCII; of
other characters it lets through what only Unicode tables can judge, which `core` then may refuse. Patterns are of the
kind that JavaScript and Python read alike.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from parlour.core.accounts import HUES, MAX_STATUS_CHARS
from parlour.core.accounts import MAX_NAME_CHARS as MAX_ACCOUNT_CHARS
from parlour.core.accounts import MIN_NAME_CHARS as MIN_ACCOUNT_CHARS
from parlour.core.cursor import MAX_SEQ
from parlour.core.direct import MAX_PEOPLE
from parlour.core.languages import MAX_TAG_CHARS
from parlour.core.names import MAX_NAME_CHARS, RESERVED
from parlour.core.text import MAX_TEXT_BYTES, MAX_TEXT_LINES

_NOT_IN_ROOMS = r"\u0000-,/:-@\[-^`{-\u009f"
_NOT_IN_NAMES = r"\u0000-\u001f:\u007f-\u009f"
_NOT_IN_LINES = r"\u0000-\u001f\u007f-\u009f"
_NOT_SEEN = (
    r"\u0000- \u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f"
    r"\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0"
)


def _schema(description: str, example: object, **keywords: object) -> Meta:
    """A schema with these keywords (JSON Schema 2020-12 §6)."""
    return Meta(description=description, examples=[example], extra_json_schema=keywords)


_PART = f"[^_.{_NOT_IN_ROOMS}-][^{_NOT_IN_ROOMS}]"

_PUBLIC, _PRIVATE = f"{_PART}{{0,{MAX_NAME_CHARS - 1}}}", f"~{_PART}{{0,{MAX_NAME_CHARS - 2}}}"
_DIRECT = f"@{_PART}*([+]{_PART}*){{0,{MAX_PEOPLE - 1}}}"

RoomName = Annotated[
    str,
    _schema(
        f"A room: 1 to {MAX_NAME_CHARS} letters and digits of any script, `-`, `_` and `.`, the first a letter or "
        "digit; a private one has a `~` before it. Case and width do not matter (NFKC case folding); answers have the "
        "canonical form. Some names are reserved. `@` and the names of accounts with `+` between them are the direct "
        f"conversation with these people, at most {MAX_PEOPLE} with whoever asks, and `@me` notes to oneself.",
        "lobby",
        minLength=1,
        maxLength=MAX_PEOPLE * (MAX_ACCOUNT_CHARS + 1),
        pattern=f"^({_PUBLIC}|{_PRIVATE}|{_DIRECT})$",
        **{"not": {"enum": sorted(RESERVED)}},
    ),
]

DisplayName = Annotated[
    str,
    _schema(
        f"A display name: up to {MAX_NAME_CHARS} characters without controls, invisible characters and colons, at "
        "least one of them visible. It may not be confusable with a name of the server, its staff or a guest without "
        "a name.",
        "alice",
        minLength=1,
        maxLength=MAX_NAME_CHARS,
        pattern=f"^[^{_NOT_IN_NAMES}]*[^ {_NOT_IN_NAMES}][^{_NOT_IN_NAMES}]*$",
    ),
]

AccountName = Annotated[
    str,
    _schema(
        f"The name of an account: {MIN_ACCOUNT_CHARS} to {MAX_ACCOUNT_CHARS} characters, as in the name of a room. No "
        "two look alike.",
        "alice",
        minLength=MIN_ACCOUNT_CHARS,
        maxLength=MAX_ACCOUNT_CHARS,
        pattern=f"^~?[^_.{_NOT_IN_ROOMS}-][^{_NOT_IN_ROOMS}]*$",
        **{"not": {"enum": sorted(RESERVED)}},
    ),
]

Hue = Annotated[
    int,
    _schema(f"A colour of people, 0 to {HUES - 1}: the hues of a circle, from red.", 8, minimum=0, maximum=HUES - 1),
]

TimeZone = Annotated[
    str,
    _schema("The name of a time zone in the IANA database; empty for none.", "Europe/Berlin", pattern=r"^[^\u0000]*$"),
]

Language = Annotated[
    str,
    _schema(
        "A language: a well-formed tag of BCP 47; empty for none.",
        "pt-BR",
        maxLength=MAX_TAG_CHARS,
        pattern=r"^[^\u0000]*$",
    ),
]

Status = Annotated[
    str,
    _schema(
        f"A line about oneself, of at most {MAX_STATUS_CHARS} characters; empty for none.",
        "At the fair until Thursday",
        maxLength=MAX_STATUS_CHARS,
        pattern=rf"^[^{_NOT_IN_LINES}]*$",
    ),
]

Key = Annotated[
    str,
    _schema(
        "An idempotency key: a repeat by the same author in the same room is answered like the first request and "
        "stores nothing.",
        "backup-2026-11-22",
        pattern="^[A-Za-z0-9_-]{8,64}$",
    ),
]

Text = Annotated[
    str,
    _schema(
        f"The text of a message: at most {MAX_TEXT_BYTES} bytes of UTF-8 and {MAX_TEXT_LINES} lines; without U+0000; "
        "something in it can be seen.",
        "Hello",
        minLength=1,
        maxLength=MAX_TEXT_BYTES,
        pattern=rf"^[^\u0000]*[^{_NOT_SEEN}][^\u0000]*$",
    ),
]

CursorText = Annotated[
    str,
    _schema(
        "A place in a log: everything up to this event has been seen. `k3f9.42` is event 42 of the epoch `k3f9`; a "
        "bare `42` means the current epoch.",
        "0",
        pattern=r"^([0-9a-z]{1,16}\.)?(0|[1-9][0-9]{0,10})$",
    ),
]

Epoch = Annotated[
    str,
    _schema(
        "Names the numbering of all logs of this server; a restored backup begins a new one.",
        "k3f9",
        pattern="^[0-9a-z]{1,16}$",
    ),
]

Seq = Annotated[
    int,
    _schema("The number of an event in the log of its room: 1, 2, 3 … without a hole.", 1, minimum=1, maximum=MAX_SEQ),
]

HeadSeq = Annotated[int, _schema("The newest event of the log; 0 while it is empty.", 42, minimum=0, maximum=MAX_SEQ)]

Time = Annotated[
    str,
    _schema(
        "A moment in UTC, with milliseconds. Order is given by `seq`, never by time.",
        "2026-11-22T06:41:23.123Z",
        format="date-time",
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{3}Z$",
    ),
]
