"""The rows of operations: each agrees with its handler, and its parameters are read as it says."""

from __future__ import annotations

from inspect import Parameter as Argument
from inspect import signature
from typing import Annotated, get_args, get_type_hints

import pytest
from msgspec import Struct

from parlour.api.operation import Operation, rows
from parlour.api.operations import OPERATIONS, RESOURCES
from parlour.api.parameters import CURSOR, FLAG, TEXT, Format, Parameters, formats, number, one_of
from parlour.core.cursor import Cursor
from parlour.core.errors import ERRORS, Refusal
from parlour.http.request import Admission, Peer, Request
from parlour.http.response import Response
from parlour.wire.http1 import RequestDecoder

ROWS = [(operation, getattr(resource, method)) for resource in RESOURCES for operation, method in rows(resource)]


@pytest.mark.parametrize(("operation", "handler"), ROWS, ids=[operation.name for operation, _ in ROWS])
def test_a_handler_takes_what_its_row_says(operation: Operation, handler: object) -> None:
    assert callable(handler)
    hints = get_type_hints(handler)
    arguments = [hints[name] for name in signature(handler).parameters if name != "self"]
    assert arguments[0] is Request
    if operation.parameters is None:
        assert len(arguments) == 1
    else:
        (taken,) = arguments[1:]
        choices = get_args(taken) or (taken,)
        assert any(issubclass(operation.parameters, choice) for choice in choices)
    assert all(each.kind is Argument.POSITIONAL_OR_KEYWORD for each in signature(handler).parameters.values())


@pytest.mark.parametrize("operation", OPERATIONS, ids=[operation.name for operation in OPERATIONS])
def test_a_row_is_whole(operation: Operation) -> None:
    assert operation.summary
    assert not operation.summary.endswith(".")
    assert (operation.example == "") == (operation.method == "WEBSOCKET")
    assert set(operation.refusals) <= ERRORS.keys()
    if operation.parser is not None:
        assert all(row.help for row in operation.parser.rows), "a parameter is not explained"
        in_path = {row.name for row in operation.parser.rows if row.location == "path"}
        assert all(f"{{{name}}}" in operation.path for name in in_path)
    if operation.long_for:
        assert operation.long_for in {each.name for each in OPERATIONS if each.id}


def test_rows_that_name_a_room_say_that_guests_may_be_in_it_no_more() -> None:
    found = {each.name for each in OPERATIONS if {"removed", "link_gone"} <= set(each.specific_refusals())}
    in_path = {each.name for each in OPERATIONS if each.right in ("read", "post") and "{room}" in each.path}
    assert found == in_path | {"GET /", "POST /send", "GET /api/v1/stream", "WEBSOCKET /api/v1/stream"}


class Options(Struct, frozen=True, kw_only=True):
    name: Annotated[str | None, TEXT, "A text."] = None
    since: Annotated[Cursor | None, CURSOR, "A cursor."] = None
    limit: Annotated[int | None, number(1, 20), "A number."] = None
    follow: Annotated[bool, FLAG, "A flag."] = False
    kind: Annotated[str, one_of("a", "b"), "A choice."] = "a"
    many: Annotated[list[str], TEXT, "Texts."] = []
    tag: Annotated[str | None, TEXT, "A header field.", "X-Tag"] = None
    format: Annotated[Format, formats("text", "html"), "The format."] = "text"


PARSE = Parameters(Options, "/")


def request(target: str, *fields: str) -> Request:
    lines = [f"GET {target} HTTP/1.1", "Host: a", *fields]
    decoder = RequestDecoder()
    decoder.feed("".join([line + "\r\n" for line in lines]).encode() + b"\r\n")
    head = decoder.next_head()
    assert head is not None
    return Request(head, Admission(lambda _: Response(), {}, 0, None), b"", Peer("::1", "::1", "http"))


def test_parameters_become_values() -> None:
    target = "/?name=ann&since=k3f9.42&limit=20&follow=1&kind=b&many=x&many=y"
    assert PARSE(request(target, "X-Tag: t", "Accept: text/html")) == Options(
        name="ann", since=Cursor("k3f9", 42), limit=20, follow=True, kind="b", many=["x", "y"], tag="t", format="html"
    )
    assert PARSE(request("/")) == Options()


@pytest.mark.parametrize(
    ("target", "code", "detail"),
    [
        ("/?limit=0", "bad_parameter", "limit is a whole number from 1 to 20."),
        ("/?limit=21", "bad_parameter", "limit is a whole number from 1 to 20."),
        ("/?limit=x", "bad_parameter", "limit is a whole number from 1 to 20."),
        ("/?follow=yes", "bad_parameter", "follow is 0 or 1."),
        ("/?kind=c", "bad_parameter", "kind is one of a, b."),
        ("/?format=json", "bad_parameter", "format is one of text, html."),
        ("/?name=a&name=b", "bad_parameter", "The parameter name may be given once."),
        ("/?since=x.y", "bad_cursor", ""),
        (
            "/?limits=1",
            "bad_parameter",
            "There is no parameter limits here; known are follow, format, kind, limit, many, name, since.",
        ),
    ],
)
def test_parameters_are_refused_with_a_sentence(target: str, code: str, detail: str) -> None:
    with pytest.raises(Refusal) as caught:
        PARSE(request(target))
    assert caught.value.code == code
    assert detail in caught.value.detail
    assert code in PARSE.refusals


def test_a_format_that_is_not_there_is_refused_and_links_to_a_page_may_carry_anything() -> None:
    with pytest.raises(Refusal) as caught:
        PARSE(request("/", "Accept: image/png"))
    assert caught.value.code == "not_acceptable"
    assert PARSE(request("/?utm_source=x", "Accept: text/html")).format == "html"
    lenient = Parameters(Options, "/", ignores_unknown=True)
    assert lenient(request("/?utm_source=x&limit=2")).limit == 2


def test_a_member_without_a_kind_is_a_mistake() -> None:
    class Wrong(Struct):
        when: Annotated[float, "A moment."]

    with pytest.raises(ValueError, match="unpack"):
        Parameters(Wrong, "/")
