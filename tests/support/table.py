"""All operations of the server: what tests walk so that no address is forgotten."""

from __future__ import annotations

from parlour.api.operation import Operation
from parlour.api.operations import OPERATIONS
from parlour.http.router import WEBSOCKET

TABLE = [operation for operation in OPERATIONS if operation.method != WEBSOCKET]
"""Those that are asked for with a method of HTTP."""


def name(operation: Operation) -> str:
    """`GET /{room}`, for the ids of tests."""
    return operation.name
