"""The operations for people, in Markdown that reads as plain text: `docs/api.md`, and `/api` of a server."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from parlour.api.operation import ANY_REQUEST, Operation
from parlour.api.parameters import Parameter
from parlour.core.errors import ERRORS
from parlour.core.event import AuthorKind
from parlour.core.permissions import Access, may

_HEAD = """\
# The versioned API

Everything under `{origin}/api/v1`, in JSON. The description for programs (OpenAPI 3.1) is
`{origin}/api/v1/openapi.json`; `{origin}/help` shows the short addresses for curl.

"""

_SHORT = """\
## Short addresses

Each stands for an operation above and takes more formats, or belongs to the web page.

"""


def reference(operations: Sequence[Operation], origin: str) -> str:
    """The page; `origin` is where this server is, such as `http://127.0.0.1:8080`."""
    always = ", ".join(f"`{code}`" for code in ANY_REQUEST)
    described = [operation for operation in operations if operation.id]
    return (
        _HEAD.format(origin=origin)
        + "".join([_operation(operation, origin) for operation in described])
        + _SHORT
        + "".join([_short(operation, origin) for operation in operations if not operation.id])
        + "\n## Refusals\n\n"
        + "`application/problem+json`, with `code`, `detail` and, where they apply, `stored`, `field`, `retry_after`.\n"
        + f"Beside the codes named above every request can meet {always}.\n\n"
        + "".join([f"- {kind.status} `{kind.code}`: {kind.title}.\n" for kind in ERRORS.values()])
    )


def example(
    operation: Operation, origin: str, *, epoch: str = "k3f9", file: str = "message.txt", data: str = "parlour-data"
) -> str:
    """The command with which curl uses an operation, without the word curl; empty for a WebSocket."""
    command = operation.example
    for name, value in {"url": origin, "epoch": epoch, "file": file, "data": data}.items():
        command = command.replace(f"{{{name}}}", value)
    return command


def is_allowed(operation: Operation, kind: AuthorKind, access: Access) -> bool:
    """Whether a server with this access lets this kind of actor use an operation."""
    return operation.right is None or may(kind, operation.right, access)


def _operation(operation: Operation, origin: str) -> str:
    lines = [f"## {operation.name}", "", f"{operation.summary}. {operation.help}".strip(), ""]
    lines += [_parameter(row) for row in operation.parameter_rows]
    if operation.body is not None:
        lines.append(_body(operation.body))
    lines.append(f"- right: {f'`{operation.right}`' if operation.right else 'none, it is public'}")
    lines += [f"- {answer.status}: {answer.help}" for answer in operation.answers]
    if refusals := operation.specific_refusals():
        lines.append(f"- refusals: {', '.join(f'`{code}`' for code in refusals)}")
    lines += ["", f"    curl {example(operation, origin)}"]
    return "\n".join(lines) + "\n\n"


def _body(type_: type[Struct]) -> str:
    fields, defaults = type_.__struct_fields__, len(type_.__struct_defaults__)
    members = [f"`{name}`" for name in fields]
    required = members[: len(members) - defaults]
    if not defaults:
        needed = "required"
    elif not required:
        needed = "of which each may be left out"
    else:
        needed = f"of which {' and '.join(required)} {'is' if len(required) == 1 else 'are'} required"
    return f"- body: JSON with {', '.join(members)}, {needed}."


def _parameter(row: Parameter) -> str:
    place = {"path": "in the path", "query": "parameter", "header": "header field"}[row.location]
    return f"- `{row.name}` ({place}): {row.help}"


def _short(operation: Operation, origin: str) -> str:
    stands_for = f" Short for {operation.long_for}." if operation.long_for else ""
    typed = f" `curl {example(operation, origin)}`" if operation.example else ""
    return f"- `{operation.name}`: {operation.summary}.{stands_for}{typed}\n"
