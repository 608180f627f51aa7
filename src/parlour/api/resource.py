"""The base class of `RoomsResource` and its like: what handlers find on `self`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from parlour.api.context import Context
from parlour.api.guard import Guard
from parlour.api.operation import Operation
from parlour.api.pages import Pages
from parlour.api.streams import Streams
from parlour.core.providers import Provider


@dataclass
class Resource:
    """The handlers of one resource: methods with `Operation` rows above them. `operations` are all rows there are."""

    context: Context
    guard: Guard
    pages: Pages
    streams: Streams
    operations: tuple[Operation, ...]

    @property
    def ways(self) -> Sequence[Provider]:
        """The sign-in providers there are, in the order in which people are shown them."""
        return [client.provider for client in self.context.providers.values()]
