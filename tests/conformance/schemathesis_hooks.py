"""What schemathesis cannot know about this API: no waiting, which refusals need more than a schema, and their codes."""

from __future__ import annotations

import os
import socket
from typing import Any

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import RejectedPositiveData
from urllib3.connection import HTTPConnection
from urllib3.connectionpool import HTTPConnectionPool

NEEDS_MORE_THAN_A_SCHEMA = {
    "bad_name",  # Unicode
    "bad_room_name",
    "reserved_name",
    "text_too_long",  # bytes and lines
    "bad_cursor",  # numbers near the largest
    "cursor_gone",  # what is in the log
    "key_reused",
    "not_found",
}
SAID_TWICE = {"before", "key", "name"}
"""Parameters that may not be given together with another one."""


class ThroughSocket(HTTPConnection):
    """A connection to the Unix socket that the environment names, wherever the URL leads."""

    def _new_conn(self) -> socket.socket:
        sock = socket.socket(socket.AF_UNIX)
        sock.connect(os.environ["THROUGH_SOCKET"])
        return sock


if "THROUGH_SOCKET" in os.environ:
    HTTPConnectionPool.ConnectionCls = ThroughSocket


@schemathesis.hook
def before_load_schema(context: schemathesis.HookContext, raw_schema: dict[str, Any]) -> None:
    """The operator's socket asks for no header field, as the security scheme says: none can be wrong or left out."""
    if "THROUGH_SOCKET" in os.environ:
        for item in raw_schema["paths"].values():
            for operation in item.values():
                operation.pop("security", None)


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """A long-poll waits for nothing here."""
    wait = case.query.get("wait")
    if isinstance(wait, int) and 0 < wait <= 55:
        case.query["wait"] = 0


@schemathesis.hook
def map_query(context: schemathesis.HookContext, query: dict[str, Any]) -> dict[str, Any]:
    """Most pages are asked for with one cursor."""
    if query and "since" in query:
        query.pop("before", None)
    return query


@schemathesis.hook
def filter_failure(
    context: schemathesis.HookContext, failure: Failure, case: schemathesis.Case[Any], response: Response
) -> bool:
    """Let a refusal of valid data pass where the schema cannot tell."""
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = response.json()
    code = problem["code"]
    return not (code in NEEDS_MORE_THAN_A_SCHEMA or (code == "bad_parameter" and problem["field"] in SAID_TWICE))


@schemathesis.check
def refusal_has_a_documented_code(
    ctx: schemathesis.CheckContext, response: Response, case: schemathesis.Case[Any]
) -> None:
    """The code of a refusal is one of those that the operation lists, and the document is complete."""
    if response.status_code < 400 or case.method.lower() != case.operation.method:
        return
    documented = case.operation.definition.raw["responses"][str(response.status_code)]
    if "$ref" in documented:
        components = case.operation.schema.raw_schema["components"]
        documented = components["responses"][documented["$ref"].rpartition("/")[2]]
    if response.headers["content-type"] == ["text/plain; charset=utf-8"]:
        code = response.text.rpartition("(")[2].partition(")")[0].partition(":")[0]
    else:
        problem = response.json()
        code = problem["code"]
        assert problem["status"] == response.status_code
        assert problem.get("stored") == (None if case.method == "GET" else False)
    assert code in documented["x-codes"], f"{code} is not among {documented['x-codes']}"
