"""The base class of `RoomsResource` and its like: what handlers find on `self`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

from parlour.api.context import Context
from parlour.api.forms import page, wants_html
from parlour.api.guard import Guard
from parlour.api.operation import Operation
from parlour.api.pages import Pages
from parlour.api.people import zone_of
from parlour.api.streams import Streams
from parlour.core.providers import Provider
from parlour.http.request import Request
from parlour.http.response import Response
from parlour.ui.times import told_time


@dataclass
class Resource:
    """The handlers of one resource: methods with `Operation` rows above them. `operations` are all rows there are."""

    context: Context
    guard: Guard
    pages: Pages
    streams: Streams
    operations: tuple[Operation, ...]

    async def framed(self, request: Request, name: str, title: str, /, **values: Any) -> Response:
        """A page in the frame of those with several sections; see `api.forms.page`."""
        actor, context = request.actor, self.context
        calls, account = 0, actor.account
        if account is not None and wants_html(request):
            calls = context.inbox.badge(await self.pages.needs(actor))
        is_quiet = account is not None and context.people.inbox_settings.is_quiet(account)
        values |= {"open_reports": context.open_reports.count(actor), "calls": calls, "is_quiet": is_quiet}
        return page(request, name, title, when=self.when(zone_of(actor)), **values)

    def when(self, zone: tzinfo) -> Callable[[int | str], str]:
        """How pages say a time in a time zone: the words for one in milliseconds since 1970, or as an event has it."""
        now = datetime.fromtimestamp(self.context.clock.now_ms() / 1000, UTC)

        def words(at: int | str) -> str:
            moment = datetime.fromisoformat(at) if isinstance(at, str) else datetime.fromtimestamp(at / 1000, UTC)
            return told_time(moment, now, zone)

        return words

    @property
    def ways(self) -> Sequence[Provider]:
        """The sign-in providers there are, in the order in which people are shown them."""
        return [client.provider for client in self.context.providers.values()]
