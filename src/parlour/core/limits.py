"""The limits that clients can plan by, once, each with its unit and reason; and the arithmetic of rates.

`GET /limits` is made from `Limits`, and so are the settings that tune them. Bounds that no well-meaning client reaches
are constants beside the code that enforces them.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

from parlour.core.names import MAX_KEY_CHARS, MAX_NAME_CHARS
from parlour.core.text import MAX_TEXT_BYTES, MAX_TEXT_LINES

KIB = 1024

# Limits that are the same on every server, for the parts that are not given the table.
MAX_SMALL_CHUNKS = 1024
MAX_FORM_FIELDS = 64
MAX_FORM_PARTS = 8
MAX_JSON_DEPTH = 16
MAX_JSON_KEYS = 64
MAX_PAGE_EVENTS = 1000
MAX_WAIT_S = 55


def _limit(default: float, reason: str) -> Any:
    """Declare one row; Any, because dataclasses.field stands for a value of the annotated type."""
    return field(default=default, metadata={"help": reason})


def _setting(default: float, least: float, most: float, reason: str) -> Any:
    """A row that is also a setting of the server (`config.py`), from `least` to `most`."""
    return field(default=default, metadata={"help": reason, "bounds": (least, most)})


def _rule(value: float, reason: str) -> Any:
    """A row that is the same on every server; `value` is the constant that those who enforce it use."""
    return field(default=value, init=False, metadata={"help": reason})


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """The limits in force; the last word of a name is its unit (`bytes`, `chars`, `s`, `per_s`, otherwise a count)."""

    request_line_bytes: int = _limit(8 * KIB, "Method, target and version of a request.")
    header_field_bytes: int = _limit(8 * KIB, "One header field, name and value.")
    header_bytes: int = _limit(16 * KIB, "The whole head of a request, its first line included.")
    header_fields: int = _limit(64, "Header fields of a request.")
    body_bytes: int = _limit(64 * KIB, "The body of a request.")
    body_chunks: int = _rule(MAX_SMALL_CHUNKS, "Chunks of a body that may be tiny; more carry 256 bytes on average.")
    form_fields: int = _rule(MAX_FORM_FIELDS, "Fields of an urlencoded form or a query.")
    form_parts: int = _rule(MAX_FORM_PARTS, "Parts of a multipart form.")
    json_depth: int = _rule(MAX_JSON_DEPTH, "Nesting of JSON.")
    json_keys: int = _rule(MAX_JSON_KEYS, "Keys of one JSON document, all objects together.")
    header_read_s: float = _limit(10.0, "From the first byte of a request to the end of its header.")
    body_read_s: float = _limit(15.0, "From the end of the header to the end of the body.")
    tls_handshake_s: float = _limit(10.0, "The TLS handshake.")
    keep_alive_s: float = _setting(75.0, 1, 3600, "An idle connection waits this long for its next request.")
    connection_requests: int = _setting(10_000, 1, 1_000_000_000, "Requests on one connection.")
    pipelined_requests: int = _limit(8, "Requests of a pipeline begun in one turn, before others have theirs.")

    text_bytes: int = _rule(MAX_TEXT_BYTES, "The text of a message, in UTF-8.")
    text_lines: int = _rule(MAX_TEXT_LINES, "The text of a message, in lines.")
    name_chars: int = _rule(MAX_NAME_CHARS, "A room name or display name.")
    key_chars: int = _rule(MAX_KEY_CHARS, "An idempotency key; at least 8.")
    page_events: int = _rule(MAX_PAGE_EVENTS, "Events on one page of history.")

    websocket_frame_bytes: int = _limit(64 * KIB, "The payload of one WebSocket frame.")
    websocket_message_bytes: int = _limit(64 * KIB, "One WebSocket message, all fragments together.")
    websocket_fragments: int = _limit(16, "Fragments of one WebSocket message.")
    websocket_message_s: float = _limit(30.0, "From the first byte of a WebSocket message to its end, within 15 s.")
    websocket_controls_per_s: int = _setting(10, 1, 100_000, "Pings and pongs a WebSocket client may send each second.")
    websocket_ops_per_s: float = _setting(
        20.0, 0.01, 100_000, "Operations that store nothing, of one WebSocket, on average."
    )
    websocket_ops_burst: int = _setting(200, 1, 100_000, "Operations of one WebSocket that store nothing, at once.")
    websocket_ping_s: float = _limit(25.0, "A WebSocket is pinged this often.")
    websocket_pong_s: float = _limit(10.0, "A pinged WebSocket sends something within this time, or is closed.")
    stream_rooms: int = _setting(100, 1, 10_000, "Rooms on one connection.")

    stream_comment_s: float = _limit(20.0, "A silent stream carries a heartbeat this often.")
    long_poll_s: float = _rule(MAX_WAIT_S, "The longest `wait`: many proxies cut at 60 s.")
    in_flight_bytes: int = _limit(64 * KIB, "Sent to a reader and not taken by it, before it keeps a cursor only.")
    stalled_s: float = _setting(30.0, 1, 3600, "A reader that takes nothing for so long is closed.")
    drain_s: float = _setting(30.0, 0, 3600, "From SIGTERM to exit.")
    reconnect_spread_s: float = _limit(15.0, "Clients are told to come back at a random moment within this time.")
    sse_retry_s: float = _limit(1.0, "An EventSource that was cut off comes back after this time at the soonest.")
    sse_retry_spread_s: float = _limit(3.0, "It waits for a random part of this time more.")

    sends_per_s: float = _setting(2.0, 0.01, 100_000, "Messages of one sender, on average.")
    sends_burst: int = _setting(40, 1, 100_000, "Messages of one sender at once: the lines of a report, one by one.")
    address_sends_per_s: float = _setting(30.0, 0.01, 100_000, "Messages from one address, on average.")
    address_sends_burst: int = _setting(120, 1, 100_000, "Messages from one address at once.")
    room_sends_per_s: float = _setting(100.0, 0.01, 100_000, "Messages to one room, on average.")
    room_sends_burst: int = _setting(300, 1, 100_000, "Messages to one room at once.")
    room_calls_per_s: float = _setting(
        0.05, 0.001, 100_000, "`@room` and `@here` of one account with its bots in one room, on average."
    )
    room_calls_burst: int = _setting(5, 1, 100_000, "`@room` and `@here` of one account in one room, at once.")
    address_new_rooms_per_s: float = _setting(0.5, 0.01, 100_000, "New rooms from one address, on average.")
    address_new_rooms_burst: int = _setting(40, 1, 100_000, "New rooms from one address at once.")
    new_rooms_per_s: float = _setting(10.0, 0.01, 100_000, "New rooms from all addresses together, on average.")
    new_rooms_burst: int = _setting(600, 1, 1_000_000, "New rooms from all addresses together at once.")
    address_registrations_per_h: int = _setting(
        5, 1, 1_000_000, "Accounts made in an hour from one address, or one /48 of IPv6, without an invitation."
    )
    registrations_per_10_min: int = _setting(
        30, 1, 1_000_000, "Accounts made in ten minutes from all addresses together, without an invitation."
    )
    address_guests_per_s: float = _setting(2.0, 0.01, 100_000, "Guests from one address who come by links, on average.")
    address_guests_burst: int = _setting(300, 1, 100_000, "Guests from one address at once: classes share one.")
    address_wrong_codes_per_s: float = _setting(
        5.0, 0.01, 100_000, "Codes of guest links from one address that are none."
    )
    address_wrong_codes_burst: int = _setting(
        200, 1, 100_000, "The same at once: thirty people who make typing errors."
    )
    typing_per_s: float = _setting(1.0, 0.01, 100_000, "Signs of typing of one sender in one room, on average.")
    address_typing_per_s: float = _setting(5.0, 0.01, 100_000, "Signs of typing from one address, on average.")
    room_typing_per_s: float = _setting(10.0, 0.01, 100_000, "Signs of typing shown in one room, on average.")
    history_ms_per_s: float = _setting(
        100.0, 0.01, 100_000, "Milliseconds a second that reading takes for one address, on average."
    )
    history_burst_ms: int = _setting(2000, 1, 1_000_000, "Milliseconds that reading takes for one address at once.")
    address_connections: int = _setting(1024, 1, 1_000_000, "Open connections from one address, half of all at most.")
    address_streams: int = _setting(512, 1, 1_000_000, "Open streams, WebSockets and long-polls of one address.")
    address_new_per_10_s: int = _setting(1000, 1, 1_000_000, "New connections from one address in ten seconds.")


_OF_MANY = (
    "room_sends_per_s",
    "room_sends_burst",
    "new_rooms_per_s",
    "new_rooms_burst",
    "registrations_per_10_min",
    "room_typing_per_s",
)
"""Rates of many people together, who are on all nodes. One person is on one of them, and mostly one address too."""


def share_of(limits: Limits, nodes: int) -> Limits:
    """The limits of each of so many nodes on one port, so that together they allow what is set.

    Rates of one sender or address stay whole: a connection is on one node, and should have there what is set. An
    address with many connections has up to `nodes` times as much.
    """
    shares: dict[str, Any] = {}
    for name in _OF_MANY:
        whole = getattr(limits, name)
        shares[name] = max(1, whole // nodes) if isinstance(whole, int) else whole / nodes
    return replace(limits, **shares)


class LimitRow(NamedTuple):
    """One limit in force, for people."""

    name: str
    value: int | float
    unit: str
    help: str
    bounds: tuple[float, float] | None
    """Between which it can be set; None where it is the same on every server."""


_UNITS = {"bytes": "bytes", "chars": "characters", "s": "seconds", "lines": "lines"}


def limit_rows(limits: Limits) -> list[LimitRow]:
    """Every limit with its value in force, in the order of the table; `unit` is empty for a count or a rate."""
    return [
        LimitRow(row.name, getattr(limits, row.name), _unit(row.name), row.metadata["help"], row.metadata.get("bounds"))
        for row in fields(limits)
    ]


def _unit(name: str) -> str:
    rest, _, last = name.rpartition("_")
    return "" if "_per" in rest else _UNITS.get(last, "")


_ROUNDING_S = 1e-6
"""Sums of seconds are not exact: a client that waits as long as it was told is not refused for a rounding error."""


class Buckets:
    """One token bucket per key: `burst` at once, `per_second` on average. `now` is in seconds and never goes back.

    Keeps the moment at which each bucket is full again (the generic cell rate algorithm, ITU-T I.371). At most
    `capacity` keys; the one unused for longest is forgotten first, which gives it a full bucket.
    """

    __slots__ = ("_burst_s", "_capacity", "_full_at", "_interval")

    def __init__(self, per_second: float, burst: int, capacity: int = 100_000) -> None:
        self._interval = 1.0 / per_second
        self._burst_s = burst * self._interval
        self._capacity = capacity
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def take(self, key: str, now: float) -> float:
        """Take one token and return 0.0; if there is none, return the seconds until there is one."""
        wait = self.wait(key, now)
        if wait == 0.0:
            self.spend(key, now)
        return wait

    def wait(self, key: str, now: float) -> float:
        """The seconds that `take` would return, without taking."""
        full_at = self._full_at.get(key)
        if full_at is None:
            return 0.0
        wait = (full_at if full_at > now else now) + self._interval - now - self._burst_s
        return wait if wait > _ROUNDING_S else 0.0

    def spend(self, key: str, now: float, tokens: float = 1.0) -> None:
        """Take tokens, whether they are there or not: what is owed is waited for by the next `take`."""
        table = self._full_at
        full_at = table.get(key)
        table[key] = (full_at if full_at is not None and full_at > now else now) + self._interval * tokens
        if full_at is not None:
            table.move_to_end(key)
        elif len(table) > self._capacity:
            table.popitem(last=False)

    def __len__(self) -> int:
        return len(self._full_at)
