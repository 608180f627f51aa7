"""All operations of the server, for tests that try every address."""

from __future__ import annotations

from parlour.api.operation import Operation
from parlour.api.operations import OPERATIONS
from parlour.http.router import WEBSOCKET

TABLE = [operation for operation in OPERATIONS if operation.method != WEBSOCKET]
"""The operations with a method of HTTP: all but the WebSockets."""


def name(operation: Operation) -> str:
    """`GET /{room}`, for the ids of tests."""
    return operation.name
