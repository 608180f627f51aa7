"""What schemathesis cannot know about this API: no waiting, which refusals need more than a schema, and their codes."""

from __future__ import annotations

from typing import Any

import schemathesis
from schemathesis.core.failures import Failure
from schemathesis.core.transport import Response
from schemathesis.openapi.checks import IgnoredAuth, RejectedPositiveData

NEEDS_MORE_THAN_A_SCHEMA = {
    "bad_name",  # Unicode
    "bad_room_name",
    "reserved_name",
    "text_too_long",  # bytes and lines
    "bad_cursor",  # numbers near the largest
    "cursor_gone",  # what is in the log
    "key_reused",
    "not_found",
    "name_taken",  # who has an account, and what it is signed in with
    "weak_password",
    "bad_credentials",
    "bad_code",
    "code_required",
    "bad_passkey",
    "rate_limited",  # too many wrong passwords
    "link_gone",
    "forbidden",
    "read_only",  # what a room is, and who is in it
    "last_owner",
    "registration_closed",  # what the server is set to
    "bad_text",  # what cannot be seen in a title
}
OF_THE_MOMENT = {
    *("before", "key", "name", "access", "history", "language", "time_zone", "old_password"),
    *("account", "address", "password", "seq", "keywords"),
}
"""What may not be given together with something else, or has to be where that is not; is for some accounts or rooms
only; or is in a registry, or written in a way that the schema cannot tell."""

NO_WHOLE_NUMBER = "Expected a whole number, not a decimal number."
"""Of `7.0`, which JSON Schema takes for one."""


@schemathesis.hook
def before_call(context: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """A long-poll waits for nothing here, and no setting keeps out whoever asks."""
    wait = case.query.get("wait")
    if isinstance(wait, int) and 0 < wait <= 55:
        case.query["wait"] = 0
    if isinstance(case.body, dict) and case.body.get("second_factor") in ("admins", "everybody"):
        case.body["second_factor"] = "nobody"


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
    """Let a refusal of valid data pass where the schema cannot tell, and one of the fifth wrong password in a row."""
    if isinstance(failure, IgnoredAuth) and "got `429 " in failure.message:  # `response` is the one before it
        return False
    if not isinstance(failure, RejectedPositiveData):
        return True
    problem = response.json()
    code = problem["code"]
    if code == "bad_json":
        return bool(problem["detail"] != NO_WHOLE_NUMBER)
    return not (code in NEEDS_MORE_THAN_A_SCHEMA or (code == "bad_parameter" and problem["field"] in OF_THE_MOMENT))


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
