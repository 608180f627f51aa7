"""All operations of the server, and how each is answered: parameters, rate, handler."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from parlour.api.assets import Assets
from parlour.api.context import Context
from parlour.api.description import Description
from parlour.api.events import Events
from parlour.api.front import Front
from parlour.api.guard import Guard
from parlour.api.history import History
from parlour.api.messages import Messages
from parlour.api.operation import Operation, rows
from parlour.api.pages import Pages
from parlour.api.resource import Parts, Resource
from parlour.api.rooms import Rooms
from parlour.api.server import Server
from parlour.api.stream import Stream
from parlour.api.streams import Streams
from parlour.http.request import Handler, Outcome, Request

RESOURCES: tuple[type[Resource], ...] = (Messages, History, Events, Rooms, Stream, Server, Description, Front, Assets)

OPERATIONS = tuple(operation for resource in RESOURCES for operation, _ in rows(resource))
"""Every row there is."""


class Endpoint(NamedTuple):
    """An operation of a running server: `handler` parses the parameters and counts the rate, then answers."""

    operation: Operation
    handler: Handler
    max_body: int


def endpoints(context: Context, guard: Guard, pages: Pages) -> list[Endpoint]:
    """All operations, with their handlers."""
    parts = Parts(context, guard, pages, Streams(context, guard), OPERATIONS)
    return [
        Endpoint(operation, _handler(operation, getattr(resource, name), guard), operation.max_body(context.limits))
        for resource in [type_(parts) for type_ in RESOURCES]
        for operation, name in rows(type(resource))
    ]


def _handler(operation: Operation, handler: Callable[..., Outcome], guard: Guard) -> Handler:
    """The handler of a row, called with what the row says. What is malformed costs nothing of a rate."""
    parse = operation.parser
    if parse is None:
        return handler

    def answer(request: Request) -> Outcome:
        return handler(request, request.cached(parse))

    def answer_reading(request: Request) -> Outcome:
        options = request.cached(parse)
        guard.limit_reading(request)
        return handler(request, options)

    return answer_reading if operation.rate == "reading" else answer
