"""The base class of `RoomsResource` and its like: what handlers find on `self`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from parlour.api.context import Context
from parlour.api.guard import Guard
from parlour.api.operation import Operation
from parlour.api.pages import Pages
from parlour.api.streams import Streams


class Parts(NamedTuple):
    """Everything that handlers use; `operations` are all rows there are."""

    context: Context
    guard: Guard
    pages: Pages
    streams: Streams
    operations: Sequence[Operation]


class Resource:
    """The handlers of one resource: methods with `Operation` rows above them."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._context = parts.context
        self._guard = parts.guard
        self._pages = parts.pages
        self._streams = parts.streams
