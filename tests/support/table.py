"""The route table of a server that is not started: what tests walk so that no address is forgotten."""

from __future__ import annotations

from parlour.api.context import Context
from parlour.api.guard import Guard
from parlour.api.pages import Pages
from parlour.api.routes import routes
from parlour.chat.guests import Guests
from parlour.chat.new_rooms import NewRooms
from parlour.chat.policies import Policies
from parlour.chat.posting import Posting
from parlour.clock import SystemClock, SystemIds
from parlour.core.limits import Limits
from parlour.http.router import Route
from parlour.http.throttle import Throttle
from parlour.hub.door import Door
from parlour.hub.hub import Hub
from parlour.net.deadlines import Wheel
from parlour.store.memory import MemoryStore


def every_route() -> list[Route]:
    """All rows, in the order of the table."""
    clock, ids = SystemClock(), SystemIds()
    store = MemoryStore(clock, ids)
    guests = Guests(store.secret)
    hub, policies = Hub(store), Policies("open")
    context = Context(
        store=store,
        hub=hub,
        door=Door(hub, policies),
        posting=Posting(store, guests, clock, policies=policies, rates=None),
        guests=guests,
        wheel=Wheel(clock.monotonic),
        clock=clock,
        ids=ids,
        limits=Limits(),
        policies=policies,
        new_rooms=NewRooms(Limits()),
        reads=None,
        places=None,
        allowed_origins=frozenset(),
        hosts=None,
        draining=lambda: False,
        throttle=Throttle(),
        version="1",
    )
    guard = Guard(context)
    return routes(context, guard, Pages(context, guard))


TABLE = every_route()


def name(route: Route) -> str:
    """`GET /{room}`, for people and for the ids of tests."""
    return f"{route.method} {route.pattern}"
