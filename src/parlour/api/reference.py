"""The versioned API for people: the table behind the OpenAPI document, in Markdown that reads as plain text."""

from __future__ import annotations

from parlour.api.operations import ANY_REQUEST, OPERATIONS, Operation, Parameter
from parlour.core.errors import ERRORS

_HEAD = """\
# The versioned API

Everything under `{origin}/api/v1`, in JSON. The description for programs (OpenAPI 3.1) is
`{origin}/api/v1/openapi.json`; `{origin}/help` shows the short addresses for curl.

"""

_EXAMPLES = """\
## Try it

    curl {origin}/api/v1/rooms
    curl -H 'Content-Type: application/json' -d '{{"text":"Hello","name":"alice"}}' \\
        {origin}/api/v1/rooms/lobby/messages
    curl '{origin}/api/v1/rooms/lobby/messages?since=0&limit=10'
    curl '{origin}/api/v1/rooms/lobby/messages?since=1&wait=30'
    curl {origin}/api/v1/rooms/lobby/messages/1
    curl -N '{origin}/api/v1/stream?room=lobby&room=dev'

"""


def reference(origin: str) -> str:
    """The page; `origin` is where this server is, such as `http://127.0.0.1:8080`."""
    always = ", ".join(f"`{code}`" for code in ANY_REQUEST)
    return (
        _HEAD.format(origin=origin)
        + _EXAMPLES.format(origin=origin)
        + "".join([_operation(operation) for operation in OPERATIONS])
        + "## Refusals\n\n"
        + "`application/problem+json`, with `code`, `detail` and, where they apply, `stored`, `field`, `retry_after`.\n"
        + f"Beside the codes named above every request can meet {always}.\n\n"
        + "".join([f"- {kind.status} `{kind.code}`: {kind.title}.\n" for kind in ERRORS.values()])
    )


def _operation(operation: Operation) -> str:
    lines = [f"## {operation.method} {operation.pattern}", "", f"{operation.summary}. {operation.help}".strip(), ""]
    lines += [_parameter(parameter) for parameter in operation.parameters]
    if operation.body is not None:
        members = ", ".join(f"`{name}`" for name in operation.body.__struct_fields__)
        lines.append(f"- body: JSON with {members}; only the first is required.")
    lines += [f"- {answer.status}: {answer.help}" for answer in operation.answers]
    if operation.refusals:
        lines.append(f"- refusals: {', '.join(f'`{code}`' for code in operation.refusals)}")
    return "\n".join(lines) + "\n\n"


def _parameter(parameter: Parameter) -> str:
    place = {"path": "in the path", "query": "parameter", "header": "header field"}[parameter.place]
    return f"- `{parameter.name}` ({place}): {parameter.help}"
