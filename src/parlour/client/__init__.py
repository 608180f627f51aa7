"""The client library: send, look back, follow with resume (docs/client.md)."""

from parlour.client.backoff import INTERACTIVE, Backoff
from parlour.client.client import Client, Page, Sent, new_key
from parlour.client.errors import Busy, ClientError, OutcomeUnknown, Refused, SignedOut, Unreachable
from parlour.client.feed import Feed, Lost
from parlour.client.proxies import ProxyUnusable
from parlour.client.room import Room, parse_room
from parlour.client.transport import Bounds
from parlour.schema.events import CaughtUp, Event, Reset, Typing

__all__ = [
    "INTERACTIVE",
    "Backoff",
    "Bounds",
    "Busy",
    "CaughtUp",
    "Client",
    "ClientError",
    "Event",
    "Feed",
    "Lost",
    "OutcomeUnknown",
    "Page",
    "ProxyUnusable",
    "Refused",
    "Reset",
    "Room",
    "Sent",
    "SignedOut",
    "Typing",
    "Unreachable",
    "new_key",
    "parse_room",
]
