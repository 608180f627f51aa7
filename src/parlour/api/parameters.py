"""The parameters of operations: msgspec types whose members are parsed from a request and described from the same line.

A member is `Annotated` with the kind of its value and with a text that explains it. Its name is that of a parameter of
the path or the query; one of a header field has the name of that behind the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar, get_args, get_origin
from typing import get_type_hints as type_hints

from msgspec import Meta, Struct

from parlour.core.cursor import parse_cursor
from parlour.core.direct import room_or_people
from parlour.core.errors import Refusal
from parlour.core.limits import MAX_PAGE_EVENTS
from parlour.core.text import visible
from parlour.http.negotiate import accepted, choose
from parlour.http.request import Request
from parlour.schema.fields import CursorText, DisplayName, Key, RoomName

DEFAULT_LIMIT = 50

Location: TypeAlias = Literal["path", "query", "header"]

Format: TypeAlias = Literal["text", "html", "json", "ndjson", "sse"]

P = TypeVar("P", bound=Struct)

_NUMBER = re.compile(r"[0-9]{1,11}", re.ASCII)


class ParameterKind(NamedTuple):
    """A kind of value: its type in JSON Schema, how its text is read, and the refusals that it can meet."""

    schema: Any
    parse: Callable[[str, str], Any]
    """From the text and the name of the parameter. Raises Refusal."""
    refusals: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    """Formats of the answer, among which the Accept field chooses where the parameter is not given."""


def _flag(text: str, name: str) -> bool:
    if text not in ("0", "1"):
        raise Refusal("bad_parameter", f"{name} is 0 or 1.", field=name)
    return text == "1"


def _number(low: int, high: int, text: str, name: str) -> int:
    if not _NUMBER.fullmatch(text) or not low <= int(text) <= high:
        raise Refusal("bad_parameter", f"{name} is a whole number from {low} to {high}.", field=name)
    return int(text)


def _one_of(choices: tuple[str, ...], text: str, name: str) -> str:
    if text not in choices:
        raise Refusal("bad_parameter", f"{name} is one of {', '.join(choices)}.", field=name)
    return text


def number(low: int, high: int, **keywords: object) -> ParameterKind:
    """A whole number between these, with further keywords of JSON Schema."""
    meta = Meta(ge=low, le=high, extra_json_schema=keywords)
    return ParameterKind(Annotated[int, meta], partial(_number, low, high))


def one_of(*choices: str) -> ParameterKind:
    """One of these words."""
    return ParameterKind(Literal[choices], partial(_one_of, choices))


def formats(*offers: str) -> ParameterKind:
    """The format of the answer, by its name or by the Accept field."""
    return one_of(*offers)._replace(refusals=("not_acceptable",), offers=offers)


TEXT = ParameterKind(str, lambda text, _: text)
FLAG = ParameterKind(bool, _flag)
ROOM = ParameterKind(RoomName, lambda text, _: room_or_people(text), ("bad_room_name", "reserved_name", "not_found"))
DISPLAY_NAME = TEXT._replace(schema=DisplayName, refusals=("bad_name",))
KEY = TEXT._replace(schema=Key, refusals=("bad_key",))
ACCOUNT_NAME = TEXT._replace(schema=DisplayName)
"""An account by its name, or by how it is shown."""
CURSOR = ParameterKind(CursorText, parse_cursor, ("bad_cursor",))

TICKET = "ticket"
"""The name of the parameter in which a ticket says who asks (`chat/tickets.py`)."""

Ticket: TypeAlias = Annotated[
    str | None, TEXT, "One from `POST /api/v1/tickets`: who asks, for clients that cannot send a header field."
]

Limit: TypeAlias = Annotated[int | None, number(1, MAX_PAGE_EVENTS, default=DEFAULT_LIMIT), "How many at most."]


class OnlyJson(Struct, frozen=True, kw_only=True):
    """An answer that is always JSON."""

    format: Annotated[Format, formats("json"), "May say what is answered anyway, instead of `Accept`."] = "json"


class JsonOfRoom(OnlyJson, frozen=True, kw_only=True):
    """The same, about the room in the address."""

    room: Annotated[str, ROOM, "The room."]


class Parameter(NamedTuple):
    """One parameter: its place in the request, its name there, and the member of the type that it becomes."""

    location: Location
    name: str
    member: str
    kind: ParameterKind
    help: str
    repeats: bool


class Parameters(Generic[P]):
    """Makes values of a type from requests. It can be a key of `Request.cached`: it uses only the head."""

    def __init__(self, type_: type[P], path: str, *, ignores_unknown: bool = False) -> None:
        """`path` is the pattern of the address. Parameters that nobody knows are refused, unless they are ignored."""
        self.rows = tuple(sorted(_rows(type_, path), key=lambda row: row.location != "path"))
        self._type = type_
        self._known = None if ignores_unknown else frozenset(row.name for row in self.rows if row.location == "query")

    @property
    def refusals(self) -> tuple[str, ...]:
        """The codes that parsing can refuse a request with."""
        return ("bad_parameter", *(code for row in self.rows for code in row.kind.refusals))

    def __call__(self, request: Request) -> P:
        """The values in a request. Raises Refusal (see `refusals`)."""
        values: dict[str, object] = {}
        for row in self.rows:
            if row.kind.offers:
                values[row.member] = _negotiated(request, row.kind.offers)
        # Links to the page may carry parameters that other sites append to links.
        if self._known is not None and values.get("format") != "html":
            _refuse_unknown(request, self._known)
        for row in self.rows:
            if row.member not in values:
                _read(request, row, values)
        return self._type(**values)


def _read(request: Request, row: Parameter, values: dict[str, object]) -> None:
    """Put the value of a parameter beside the others, if the request has it."""
    if row.repeats:
        values[row.member] = [row.kind.parse(text, row.name) for text in request.query.get(row.name, ())]
        return
    text: str | None
    if row.location == "path":
        text = request.params[row.name]
    elif row.location == "query":
        text = request.parameter(row.name)
    else:
        field = request.field(row.name.lower().encode())
        text = None if field is None else field.decode("latin-1")
    if text is not None:
        values[row.member] = row.kind.parse(text, row.name)


def _refuse_unknown(request: Request, known: frozenset[str]) -> None:
    """Refuse a parameter that is not known, so that a request with a typing error is not half carried out."""
    for name in request.query:
        if name not in known:
            shown, names = name[:64], ", ".join(sorted(known))
            are = "are" if len(known) > 1 else "is"
            detail = f"There is no parameter {visible(shown)} here; known {are} {names}."
            raise Refusal("bad_parameter", detail, field=shown)


def _negotiated(request: Request, offers: tuple[str, ...]) -> str:
    named = request.parameter("format")
    if named is not None:
        return _one_of(offers, named, "format")
    chosen = choose(accepted(request.head), offers)
    if chosen is None:
        raise Refusal("not_acceptable", f"There is {', '.join(offers)}; ask with Accept or format=.")
    return chosen


def _rows(type_: type[Struct], path: str) -> Iterator[Parameter]:
    """The parameters that the members of a type stand for. Raises ValueError for a member without a kind or a text."""
    hints = type_hints(type_, include_extras=True)
    for member in type_.__struct_fields__:
        base, kind, help_, *header = get_args(hints[member])
        name = header[0] if header else member
        location: Location = "path" if f"{{{name}}}" in path else "header" if header else "query"
        yield Parameter(location, name, member, kind, help_, get_origin(base) is list)
