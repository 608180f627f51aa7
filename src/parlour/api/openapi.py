"""The OpenAPI document: the operations that have an id, described for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Annotated, Any, Literal, get_args

import msgspec
from msgspec import Meta

from parlour.api.operation import ANY_REQUEST, Operation, Success
from parlour.api.parameters import Parameter
from parlour.core.errors import ERRORS, ErrorKind
from parlour.core.permissions import may
from parlour.core.secret import SESSION_COOKIE
from parlour.schema import fields
from parlour.schema.commands import Ack, Marked, Op, OpError, PongReply, Subscribed, Unsubscribed
from parlour.schema.events import Bye, CaughtUp, Event, Heartbeat, ReportsWaiting, Reset, RoomUnread, Typing
from parlour.schema.problems import CursorGone, Problem

ABOUT = """\
A room is an append-only log of events, numbered `seq` = 1, 2, 3 … without a hole. A cursor (`k3f9.42`, or `42`) says
how far one has read and is the same everywhere; what cannot be continued from it is refused with 410, never skipped.

The same is at friendlier addresses for curl and browsers: `curl -d hello host/lobby`, `curl host/lobby`,
`curl -N 'host/lobby?follow=1'`, `/lobby/42` for one event, `/send` for forms. `GET /help` explains them.

A message is answered with 201 when it is on disk. A refusal says `"stored": false` when nothing was stored; any other
end (a lost connection, a 500) leaves that open: repeat the request with the same key. Refusals are
`application/problem+json` unless the client asks for text or HTML; their codes never change meaning.

Answers may grow members; clients ignore what they do not know."""

_NAMED = {
    name: msgspec.json.schema(getattr(fields, name))
    for name in ("RoomName", "DisplayName", "Key", "Text", "CursorText", "Epoch", "Seq", "HeadSeq", "Time")
}
"""Kinds of values that get a schema of their own, so that each rule is said once."""

_SENT_BY_CLIENT = get_args(Op)
_SENT_BY_SERVER = (
    Event,
    CaughtUp,
    Reset,
    Heartbeat,
    RoomUnread,
    ReportsWaiting,
    Bye,
    Typing,
    Ack,
    OpError,
    PongReply,
    Subscribed,
    Unsubscribed,
    Marked,
)

HEADERS: Mapping[str, tuple[Any, str]] = {
    "Location": (str, "The permanent link of the event, as a path."),
    "Idempotent-Replay": (Literal["true"], "The message had been stored by an earlier request with this key."),
    "Link": (str, 'The pages beside this one: rel="next" and, unless the log begins here, rel="prev" (RFC 8288).'),
    "Content-Disposition": (str, "That the answer is a file, and what it is called (RFC 6266)."),
    "ETag": (str, "Changes when the document does."),
    "Retry-After": (Annotated[int, Meta(ge=1)], "Seconds to wait before the request may be repeated."),
    "Set-Cookie": (str, "The cookie of the session: begun, or ended (RFC 6265)."),
    "WWW-Authenticate": (str, "How to say who one is."),
    "Upgrade": (str, "The protocol spoken here."),
    "Sec-WebSocket-Version": (Literal["13"], "The version of it."),
}
"""Response header fields by name: type and meaning."""


def describe(operations: Iterable[Operation], version: str, prefix: str = "") -> dict[str, Any]:
    """The OpenAPI 3.1 document of a server whose paths begin with `prefix`."""
    rows = [operation for operation in operations if operation.id]
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Parlour",
            "version": version,
            "summary": "A chat server that any HTTP client can join: a room is a URL and an append-only log.",
            "description": ABOUT,
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": prefix or "/", "description": "The server that gave you this document."}],
        "security": [{}, *_CREDENTIALS],
        "paths": paths,
        "components": {"schemas": _components(rows), "securitySchemes": SECURITY_SCHEMES},
    }


SECURITY_SCHEMES = {
    "token": {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token (`parlour_…`), made on the page /account.",
    },
    "password": {
        "type": "http",
        "scheme": "basic",
        "description": "The name of an account with its password, or with one of its API tokens.",
    },
    "session": {
        "type": "apiKey",
        "in": "cookie",
        "name": f"__Host-{SESSION_COOKIE}",
        "description": "The session of a browser that has signed in. A change needs `Origin` or `Sec-Fetch-Site` too.",
    },
}
"""How one says who one is (OAS 3.1 §4.8.27). Those who run the server may also come through the Unix socket
`operator.sock` in its data directory, which asks for no header field."""

_CREDENTIALS: list[dict[str, list[str]]] = [{scheme: []} for scheme in SECURITY_SCHEMES]
"""Any one of them (OAS 3.1 §4.8.30)."""


def _components(operations: Sequence[Operation]) -> dict[str, Any]:
    """The schemas of everything that has a name."""
    types = [answer.type for operation in operations for answer in operation.answers]
    types += [operation.body for operation in operations]
    structs = {type_ for type_ in types if isinstance(type_, type) and issubclass(type_, msgspec.Struct)}
    structs |= {Problem, CursorGone, *_SENT_BY_CLIENT, *_SENT_BY_SERVER}
    _, schemas = msgspec.json.schema_components(structs, ref_template="#/components/schemas/{name}")
    for struct in structs:
        if struct.__struct_config__.omit_defaults:
            _absent_not_null(schemas[struct.__name__])
    return dict(sorted((_NAMED | {name: _refer(schema) for name, schema in schemas.items()}).items()))


def _schema(type_: Any) -> Any:
    """The schema of a type, by reference where it has a name."""
    (schema,), _ = msgspec.json.schema_components([type_], ref_template="#/components/schemas/{name}")
    return _refer(schema)


def _refer(schema: Any) -> Any:
    """The same schema, with references in place of those that have a name."""
    for name, known in _NAMED.items():
        if schema == known:
            return {"$ref": f"#/components/schemas/{name}"}
    if isinstance(schema, dict):
        return {key: _refer(value) for key, value in schema.items()}
    return [_refer(value) for value in schema] if isinstance(schema, list) else schema


def _absent_not_null(schema: dict[str, Any]) -> None:
    """Where defaults are left out of the JSON, an optional member is absent, never null."""
    for name, member in schema["properties"].items():
        if member.get("default", ...) is None:
            choices = [choice for choice in member["anyOf"] if choice != {"type": "null"}]
            schema["properties"][name] = choices[0] if len(choices) == 1 else {"anyOf": choices}


def _operation(operation: Operation) -> dict[str, Any]:
    responses = {str(answer.status): _answer(answer) for answer in operation.answers}
    codes = {*ANY_REQUEST, *operation.specific_refusals()}
    refusals = [kind for kind in ERRORS.values() if kind.code in codes]
    for status, kinds in groupby(refusals, key=lambda kind: kind.status):
        responses[str(status)] = _refusal(list(kinds))
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.help or operation.summary,
        "parameters": [_parameter(row) for row in operation.parameter_rows],
        "responses": dict(sorted(responses.items())),
    }
    if operation.right is not None and not may("guest", operation.right, "open"):
        described["security"] = _CREDENTIALS
    if operation.body is not None:
        content = {"application/json": {"schema": _schema(operation.body)}}
        described["requestBody"] = {"required": True, "content": content}
    if any(answer.media == "text/event-stream" for answer in operation.answers):
        described["x-streaming"] = True
        described["x-websocket"] = {
            "client": {"oneOf": [_schema(type_) for type_ in _SENT_BY_CLIENT]},
            "server": {"oneOf": [_schema(type_) for type_ in _SENT_BY_SERVER]},
        }
    return described


def _parameter(parameter: Parameter) -> dict[str, Any]:
    schema = _schema(parameter.kind.schema)
    described = {
        "name": parameter.name,
        "in": parameter.location,
        "description": parameter.help,
        "schema": {"type": "array", "items": schema, "minItems": 1} if parameter.repeats else schema,
    }
    return described | ({"required": True} if parameter.location == "path" else {})


def _headers(names: Iterable[str], *, required: bool) -> dict[str, Any]:
    return {
        name: {"description": HEADERS[name][1], "required": required, "schema": msgspec.json.schema(HEADERS[name][0])}
        for name in names
    }


def _answer(answer: Success) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.help}
    if answer.always or answer.sometimes:
        described["headers"] = _headers(answer.always, required=True) | _headers(answer.sometimes, required=False)
    if answer.type is not None:
        described["content"] = {media: {"schema": _schema(answer.type)} for media in (answer.media, *answer.also)}
    if answer.links:
        described["links"] = {
            name: {"operationId": name, "parameters": dict(parameters)} for name, parameters in answer.links.items()
        }
    return described


def _refusal(kinds: Sequence[ErrorKind]) -> dict[str, Any]:
    """One response for all refusals of a status; `x-codes` are the values its `code` can have."""
    codes = [kind.code for kind in kinds]
    described: dict[str, Any] = {
        "description": "\n".join(f"- `{kind.code}`: {kind.title}." for kind in kinds),
        "content": {
            "application/problem+json": {"schema": _schema(CursorGone if "cursor_gone" in codes else Problem)},
            "text/plain": {"schema": {"type": "string", "pattern": "^error: "}},
        },
        "x-codes": codes,
    }
    names = {401: ("WWW-Authenticate",), 426: ("Upgrade", "Sec-WebSocket-Version")}.get(kinds[0].status, ())
    if all(kind.retry == "after" for kind in kinds):
        names = ("Retry-After", *names)
    return described | ({"headers": _headers(names, required=True)} if names else {})
