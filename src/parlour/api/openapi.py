"""The OpenAPI document: the operations that have an id, described for programs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from parlour.api.operation import ANY_REQUEST, Operation, Success
from parlour.api.parameters import Parameter
from parlour.core.errors import ERRORS
from parlour.core.limits import Limits, limit_rows
from parlour.core.permissions import may
from parlour.schema import commands, events, fields, pages, problems, server
from parlour.schema.commands import Ack, OpError, PongReply, Subscribed, Unsubscribed
from parlour.schema.commands import Op as AnyOp
from parlour.schema.events import Bye, CaughtUp, Event, Heartbeat, Reset, Typing
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
    name: getattr(fields, name)
    for name in ("RoomName", "DisplayName", "Key", "Text", "CursorText", "Epoch", "Seq", "HeadSeq", "Time")
}
"""Kinds of values that get a schema of their own, so that each rule is said once."""

_STRUCTS: dict[str, type[msgspec.Struct]] = {
    name: value
    for module in (commands, events, pages, problems, server)
    for name, value in vars(module).items()
    if isinstance(value, type) and issubclass(value, msgspec.Struct)
}
_SENT_BY_CLIENT = tuple(AnyOp.__args__)
_SENT_BY_SERVER = (Event, CaughtUp, Reset, Heartbeat, Bye, Typing, Ack, OpError, PongReply, Subscribed, Unsubscribed)


HEADERS: Mapping[str, tuple[Any, str]] = {
    "Location": (str, "The permanent link of the event, as a path."),
    "Idempotent-Replay": (Literal["true"], "The message had been stored by an earlier request with this key."),
    "Link": (str, 'The pages beside this one: rel="next" and, unless the log begins here, rel="prev" (RFC 8288).'),
    "ETag": (str, "Changes when the document does."),
    "Retry-After": (Annotated[int, Meta(ge=1)], "Seconds to wait before the request may be repeated."),
    "WWW-Authenticate": (str, "How to say who one is."),
    "Upgrade": (str, "The protocol spoken here."),
    "Sec-WebSocket-Version": (Literal["13"], "The version of it."),
}
"""Response header fields by name: type and meaning."""


def describe(operations: Iterable[Operation], limits: Limits, version: str, prefix: str = "") -> dict[str, Any]:
    """The OpenAPI 3.1 document of a server whose paths begin with `prefix`."""
    rows = [operation for operation in operations if operation.id]
    schemas = _Schemas(rows)
    paths: dict[str, dict[str, Any]] = {}
    for row in rows:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, schemas)
    _name_limits(paths, limits)
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
        "tags": [
            {"name": "messages", "description": "Reading a room and speaking in it."},
            {"name": "rooms", "description": "Which rooms there are."},
            {"name": "stream", "description": "Being told at once."},
            {"name": "server", "description": "The server itself."},
        ],
        "paths": paths,
        "components": {
            "schemas": schemas.components,
            "responses": _shared_refusals(),
            "securitySchemes": {"operator": _OPERATOR},
        },
    }


_OPERATOR = {
    "type": "http",
    "scheme": "bearer",
    "description": "Needed for what guests may not do even where all is open; a requirement names the right. There are "
    "no tokens yet: those who run the server come through the Unix socket `operator.sock` in its data directory, which "
    "asks for no header field.",
}
"""How one is more than a guest (OAS 3.1 §4.8.27). The scheme is that of the challenge in a 401."""


class _Schemas:
    """JSON Schemas of types, from msgspec, with everything that has a name under `components`."""

    def __init__(self, operations: Sequence[Operation]) -> None:
        types = [answer.type for operation in operations for answer in operation.answers]
        types += [operation.body.type for operation in operations if operation.body is not None]
        structs = {type_ for type_ in types if isinstance(type_, type) and issubclass(type_, msgspec.Struct)}
        structs |= {Problem, CursorGone, *_SENT_BY_CLIENT, *_SENT_BY_SERVER}
        ordered = sorted(structs, key=lambda struct: struct.__name__)
        _, components = msgspec.json.schema_components(ordered, ref_template="#/components/schemas/{name}")
        named = {name: msgspec.json.schema(type_) for name, type_ in _NAMED.items()}
        self._named = [(schema, {"$ref": f"#/components/schemas/{name}"}) for name, schema in named.items()]
        for name, schema in components.items():
            if _STRUCTS[name].__struct_config__.omit_defaults:
                _absent_not_null(schema)
        self.components = dict(
            sorted((named | {name: self._refer(schema) for name, schema in components.items()}).items())
        )

    def of(self, type_: Any) -> dict[str, Any]:
        """The schema of a type, by reference where it has a name."""
        (schema,), _ = msgspec.json.schema_components([type_], ref_template="#/components/schemas/{name}")
        referred: dict[str, Any] = self._refer(schema)
        return referred

    def _refer(self, schema: Any) -> Any:
        for known, reference_ in self._named:
            if schema == known:
                return reference_
        if isinstance(schema, dict):
            return {key: self._refer(value) for key, value in schema.items()}
        if isinstance(schema, list):
            return [self._refer(value) for value in schema]
        return schema


def _absent_not_null(schema: dict[str, Any]) -> None:
    """Where defaults are left out of the JSON, an optional member is absent, never null."""
    for name, member in schema["properties"].items():
        if member.get("default", ...) is None:
            (only,) = [choice for choice in member["anyOf"] if choice != {"type": "null"}]
            schema["properties"][name] = only


def _operation(operation: Operation, schemas: _Schemas) -> dict[str, Any]:
    responses = {str(answer.status): _answer(answer, schemas) for answer in operation.answers}
    for status, codes in operation.refusals_by_status().items():
        responses[str(status)] = (
            {"$ref": f"#/components/responses/{codes[0]}"}
            if len(codes) == 1 and codes[0] in ANY_REQUEST
            else _refusal(codes)
        )
    described: dict[str, Any] = {
        "operationId": operation.id,
        "tags": [operation.tag],
        "summary": operation.summary,
        "description": operation.help or operation.summary,
        "parameters": [_parameter(row, schemas) for row in (operation.parser.rows if operation.parser else ())],
        "responses": dict(sorted(responses.items())),
    }
    if operation.right is not None and not may("guest", operation.right, "open"):
        described["security"] = [{"operator": [operation.right]}]
    if operation.body is not None:
        described["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": schemas.of(operation.body.type), "examples": _BODY_EXAMPLES}},
        }
    if any(answer.media == "text/event-stream" for answer in operation.answers):
        described["x-streaming"] = True
        described["x-websocket"] = {
            "client": {"oneOf": [schemas.of(type_) for type_ in _SENT_BY_CLIENT]},
            "server": {"oneOf": [schemas.of(type_) for type_ in _SENT_BY_SERVER]},
        }
    return described


_BODY_EXAMPLES = {
    "text": {"value": {"text": "Hello"}},
    "all": {"value": {"text": "backup done", "key": "backup-2026-11-22", "name": "alice"}},
}


def _parameter(parameter: Parameter, schemas: _Schemas) -> dict[str, Any]:
    schema = schemas.of(parameter.kind.schema)
    described = {
        "name": parameter.name,
        "in": parameter.location,
        "description": parameter.help,
        "schema": {"type": "array", "items": schema, "minItems": 1} if parameter.repeats else schema,
    }
    return described | ({"required": True} if parameter.location == "path" else {})


def _header(name: str, required: bool) -> dict[str, Any]:
    type_, help_ = HEADERS[name]
    return {"description": help_, "required": required, "schema": msgspec.json.schema(type_)}


def _answer(answer: Success, schemas: _Schemas) -> dict[str, Any]:
    described: dict[str, Any] = {"description": answer.help}
    headers = {name: _header(name, True) for name in answer.always} | {
        name: _header(name, False) for name in answer.sometimes
    }
    if headers:
        described["headers"] = headers
    if answer.type is not None:
        described["content"] = {answer.media: {"schema": schemas.of(answer.type)}}
    if answer.links:
        described["links"] = {
            name: {"operationId": link.operation, "parameters": dict(link.parameters), "description": link.help}
            for name, link in answer.links.items()
        }
    return described


def _refusal(codes: Sequence[str]) -> dict[str, Any]:
    """One response for all refusals of a status; `x-codes` are the values its `code` can have."""
    kinds = [ERRORS[code] for code in codes]
    schema = "CursorGone" if "cursor_gone" in codes else "Problem"
    described: dict[str, Any] = {
        "description": "\n".join(f"- `{kind.code}`: {kind.title}." for kind in kinds),
        "content": {
            "application/problem+json": {"schema": {"$ref": f"#/components/schemas/{schema}"}},
            "text/plain": {"schema": {"type": "string", "pattern": "^error: "}},
        },
        "x-codes": list(codes),
    }
    headers = {}
    if all(kind.retry == "after" for kind in kinds):
        headers["Retry-After"] = _header("Retry-After", True)
    if kinds[0].status == 401:
        headers["WWW-Authenticate"] = _header("WWW-Authenticate", True)
    if kinds[0].status == 426:
        headers |= {name: _header(name, True) for name in ("Upgrade", "Sec-WebSocket-Version")}
    return described | ({"headers": headers} if headers else {})


def _shared_refusals() -> dict[str, Any]:
    """The refusals that stand alone under their status in every operation."""
    by_status: dict[int, list[str]] = {}
    for code in ANY_REQUEST:
        by_status.setdefault(ERRORS[code].status, []).append(code)
    return {codes[0]: _refusal(codes) for codes in by_status.values() if len(codes) == 1}


def _name_limits(paths: dict[str, dict[str, Any]], limits: Limits) -> None:
    """Give the answer of `getLimits` a member for each limit."""
    content = paths["/api/v1/limits"]["get"]["responses"]["200"]["content"]
    rows = limit_rows(limits)
    content["application/json"]["schema"] = {
        "type": "object",
        "properties": {row.name: {"type": "number", "description": row.help, "minimum": 0} for row in rows},
        "required": [row.name for row in rows],
    }
