"""The table of all operations, and the calls of their handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from parlour.api.assets import AssetsResource
from parlour.api.context import Context
from parlour.api.description import DescriptionResource
from parlour.api.events import EventsResource
from parlour.api.front import FrontResource
from parlour.api.guard import Guard
from parlour.api.history import HistoryResource
from parlour.api.messages import MessagesResource
from parlour.api.operation import Operation, rows
from parlour.api.pages import Pages
from parlour.api.resource import Parts, Resource
from parlour.api.rooms import RoomsResource
from parlour.api.server import ServerResource
from parlour.api.stream import StreamResource
from parlour.api.streams import Streams
from parlour.http.request import Handler, Outcome, Request

RESOURCES: tuple[type[Resource], ...] = (
    MessagesResource,
    HistoryResource,
    EventsResource,
    RoomsResource,
    StreamResource,
    ServerResource,
    DescriptionResource,
    FrontResource,
    AssetsResource,
)

OPERATIONS = tuple(operation for resource in RESOURCES for operation, _ in rows(resource))
"""Every row there is."""


class Endpoint(NamedTuple):
    """An operation of a running server. `handler` parses the parameters, counts the rate and answers."""

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
    """Call the handler of a row with its parameters. A malformed request does not count for the rate."""
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
