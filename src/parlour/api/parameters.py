"""The parameters of operations: msgspec types whose members are parsed from a request and described from the same line.

A member is `Annotated` with the kind of its value and with a text that explains it. Its name is that of a parameter of
the path or the query; `Header` gives the name of a header field instead.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import partial
from types import NoneType, UnionType
from typing import Annotated, Any, Generic, Literal, NamedTuple, TypeAlias, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as type_hints

from msgspec import Meta, Struct

from parlour.core.cursor import parse_cursor
from parlour.core.errors import Refusal
from parlour.core.limits import MAX_PAGE_EVENTS
from parlour.core.names import room_name
from parlour.core.text import visible
from parlour.http.negotiate import accepted, choose
from parlour.http.request import Request
from parlour.schema.fields import CursorText, DisplayName, Key, RoomName

DEFAULT_LIMIT = 50

Location: TypeAlias = Literal["path", "query", "header"]

Format: TypeAlias = Literal["text", "html", "json", "ndjson", "sse"]

_LOCATIONS = get_args(Location)

P = TypeVar("P", bound=Struct)

_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)


class ParameterKind(NamedTuple):
    """A kind of value: its type in JSON Schema, how its text is read, and the refusals that it can meet."""

    schema: Any
    parse: Callable[[str, str], Any]
    """From the text and the name of the parameter. Raises Refusal."""
    refusals: tuple[str, ...] = ()


class Header(NamedTuple):
    """The parameter is this header field."""

    name: str


class Offers(tuple[str, ...]):
    """The parameter is the format of the answer: one of these, by its name or by the Accept field."""

    __slots__ = ()


ROOM = ParameterKind(RoomName, lambda text, _: room_name(text), ("bad_room_name", "reserved_name"))
DISPLAY_NAME = ParameterKind(DisplayName, lambda text, _: text, ("bad_name",))
KEY = ParameterKind(Key, lambda text, _: text, ("bad_key",))
CURSOR = ParameterKind(CursorText, parse_cursor, ("bad_cursor",))

Limit: TypeAlias = Annotated[
    int | None,
    Meta(ge=1, le=MAX_PAGE_EVENTS, extra_json_schema={"default": DEFAULT_LIMIT}),
    "How many at most.",
]


class OnlyJson(Struct, frozen=True, kw_only=True):
    """An answer that is always JSON."""

    format: Annotated[Format, Offers(["json"]), "May say what is answered anyway, instead of `Accept`."] = "json"


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
    is_negotiated: bool


class Parameters(Generic[P]):
    """Makes values of a type from requests. It can be a key of `Request.cached`: it uses only the head."""

    def __init__(self, type_: type[P], path: str, *, ignores_unknown: bool = False) -> None:
        """`path` is the pattern of the address. Parameters that nobody knows are refused, unless they are ignored."""
        self.rows = tuple(sorted(_rows(type_, path), key=lambda row: _LOCATIONS.index(row.location)))
        formats = [get_args(row.kind.schema) for row in self.rows if row.is_negotiated]
        self.offers: tuple[str, ...] | None = formats[0] if formats else None
        self._type = type_
        self._known = None if ignores_unknown else frozenset(row.name for row in self.rows if row.location == "query")
        self._parsed = [row for row in self.rows if not row.is_negotiated]

    @property
    def refusals(self) -> tuple[str, ...]:
        """The codes that parsing can refuse a request with."""
        negotiated = () if self.offers is None else ("not_acceptable",)
        return ("bad_parameter", *negotiated, *(code for row in self.rows for code in row.kind.refusals))

    def __call__(self, request: Request, **given: object) -> P:
        """The values in a request; those `given` are not looked for in it. Raises Refusal (see `refusals`)."""
        values = dict(given)
        if self.offers is not None:
            values["format"] = _negotiated(request, self.offers)
        # Links to the page may carry parameters that other sites append to links.
        if self._known is not None and values.get("format") != "html":
            _refuse_unknown(request, self._known)
        for row in self._parsed:
            if row.member not in given:
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
            raise Refusal(
                "bad_parameter", f"There is no parameter {visible(shown)} here; known {are} {names}.", field=shown
            )


def _negotiated(request: Request, offers: tuple[str, ...]) -> str:
    named = request.parameter("format")
    if named is not None:
        return _one_of(offers, named, "format")
    chosen = choose(accepted(request.head), offers)
    if chosen is None:
        raise Refusal("not_acceptable", f"There is {', '.join(offers)}; ask with Accept or format=.")
    return chosen


# --- kinds of values ---


def _text(text: str, _: str) -> str:
    return text


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


# --- from the type to the rows ---


def _rows(type_: type[Struct], path: str) -> Iterator[Parameter]:
    """The parameters that the members of a type stand for. Raises TypeError for a member of no known kind."""
    hints = type_hints(type_, include_extras=True)
    for member in type_.__struct_fields__:
        annotation, *notes = get_args(hints[member]) if get_origin(hints[member]) is Annotated else (hints[member],)
        base = _without_none(annotation)
        help_ = next((note for note in notes if isinstance(note, str)), "")
        header = next((note for note in notes if isinstance(note, Header)), None)
        is_negotiated = any(isinstance(note, Offers) for note in notes)
        name = member if header is None else header.name
        repeats = get_origin(base) is list
        kind = _kind(get_args(base)[0] if repeats else base, notes)
        if kind is None:
            raise TypeError(f"{type_.__name__}.{member} has no kind")
        in_path = f"{{{name}}}" in path
        location: Location = "path" if in_path else "query" if header is None else "header"
        yield Parameter(location, name, member, kind, help_, repeats, is_negotiated)


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in (Union, UnionType):
        (annotation,) = [choice for choice in get_args(annotation) if choice is not NoneType]
    return annotation


def _kind(base: Any, notes: list[Any]) -> ParameterKind | None:
    for note in notes:
        if isinstance(note, ParameterKind):
            return note
        if isinstance(note, Offers):
            return ParameterKind(Literal[tuple(note)], partial(_one_of, note))
        if isinstance(note, Meta) and base is int and note.ge is not None and note.le is not None:
            return ParameterKind(Annotated[int, note], partial(_number, int(note.ge), int(note.le)))
    if get_origin(base) is Literal:
        return ParameterKind(base, partial(_one_of, get_args(base)))
    return {str: ParameterKind(str, _text), bool: ParameterKind(bool, _flag)}.get(base)
