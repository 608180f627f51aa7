"""The table of all operations, and the calls of their handlers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from msgspec import Struct

from parlour.api.account_page import AccountPage
from parlour.api.accounts import AccountsResource
from parlour.api.admin_page import AdminPage
from parlour.api.assets import AssetsResource
from parlour.api.audit import AuditResource
from parlour.api.authors import AuthorsResource
from parlour.api.bans import BansResource
from parlour.api.blocks import BlocksResource
from parlour.api.context import Context
from parlour.api.direct import in_direct_room, names_people
from parlour.api.directory import DirectoryResource
from parlour.api.email_pages import EmailPages
from parlour.api.emails import EmailsResource
from parlour.api.events import EventsResource
from parlour.api.exports import ExportsResource
from parlour.api.factors import FactorsResource
from parlour.api.factors_page import FactorsPage
from parlour.api.front import FrontResource
from parlour.api.governed_rooms import GovernedRoomsResource
from parlour.api.guard import Guard
from parlour.api.guest_links import GuestLinksResource
from parlour.api.guests_page import GuestsPage
from parlour.api.history import HistoryResource
from parlour.api.inbox import InboxResource
from parlour.api.inbox_page import InboxPage
from parlour.api.invitations import InvitationsResource
from parlour.api.members import MembersResource
from parlour.api.messages import MessagesResource
from parlour.api.operation import Operation, rows
from parlour.api.pages import Pages
from parlour.api.passkeys import PasskeysResource
from parlour.api.people_pages import PeoplePages
from parlour.api.presence import PresenceResource
from parlour.api.provider_pages import ProviderPages
from parlour.api.reports import ReportsResource
from parlour.api.resource import Resource
from parlour.api.restrictions import RestrictionsResource
from parlour.api.room_page import RoomSettingsPage
from parlour.api.room_qr import RoomQrResource
from parlour.api.rooms import RoomsResource
from parlour.api.rooms_page import RoomsPage
from parlour.api.server import ServerResource
from parlour.api.server_settings import ServerSettingsResource
from parlour.api.sign_in_pages import SignInPages
from parlour.api.sign_ins import SignInsResource
from parlour.api.stream import StreamResource
from parlour.api.streams import Streams
from parlour.api.tickets import TicketsResource
from parlour.http.request import Handler, Outcome, Request

RESOURCES: tuple[type[Resource], ...] = (
    MessagesResource,
    HistoryResource,
    EventsResource,
    ExportsResource,
    RoomsResource,
    AuthorsResource,
    RoomQrResource,
    PresenceResource,
    MembersResource,
    RestrictionsResource,
    StreamResource,
    SignInsResource,
    TicketsResource,
    AccountsResource,
    FactorsResource,
    InboxResource,
    EmailsResource,
    PasskeysResource,
    BlocksResource,
    DirectoryResource,
    InvitationsResource,
    GuestLinksResource,
    GovernedRoomsResource,
    ServerResource,
    ServerSettingsResource,
    AuditResource,
    BansResource,
    ReportsResource,
    FrontResource,
    SignInPages,
    EmailPages,
    ProviderPages,
    AccountPage,
    FactorsPage,
    AdminPage,
    InboxPage,
    RoomsPage,
    PeoplePages,
    RoomSettingsPage,
    GuestsPage,
    AssetsResource,
)

OPERATIONS = tuple(operation for resource in RESOURCES for operation, _ in rows(resource))
"""Every row there is."""


Endpoint: TypeAlias = tuple[Operation, Handler]
"""An operation of a running server. The handler parses the parameters, counts the rate and answers."""


def endpoints(context: Context, guard: Guard, pages: Pages) -> Iterator[tuple[str, str, Endpoint]]:
    """All operations, each with its method and its path."""
    streams = Streams(context, guard)
    for type_ in RESOURCES:
        resource = type_(context, guard, pages, streams, OPERATIONS)
        for operation, name in rows(type_):
            handler = _handler(operation, getattr(resource, name), guard, context)
            yield operation.method, operation.path, (operation, handler)


def _handler(operation: Operation, handler: Callable[..., Outcome], guard: Guard, context: Context) -> Handler:
    """Call the handler of a row with its parameters. A malformed request does not count for the rate."""
    parse = operation.parser
    if parse is None:
        return handler
    names_room = any(row.member == "room" for row in operation.parameter_rows)

    def is_direct(request: Request, options: Struct) -> bool:
        """Whether the room is called by people; guests that a page leads to signing in need not know which it is."""
        return names_people(options) and (operation.page_for is None or request.actor.account is not None)

    def answer(request: Request) -> Outcome:
        options = parse(request)
        if names_room and is_direct(request, options):
            return in_direct_room(context, request, options, handler)
        request.admission.handler = lambda again: handler(again, options)  # an equal head has equal parameters
        return handler(request, options)

    def answer_reading(request: Request) -> Outcome:
        options = request.cached(parse)
        guard.limit_reading(request)
        if names_room and is_direct(request, options):
            return in_direct_room(context, request, options, handler)
        return handler(request, options)

    return answer_reading if operation.rate == "reading" else answer
