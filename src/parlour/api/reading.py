"""What a reader asks for: the parameters of every GET on a room, checked once."""

from __future__ import annotations

import re
from dataclasses import dataclass

from parlour.core.cursor import Cursor, parse_cursor
from parlour.core.errors import Refusal
from parlour.core.limits import MAX_PAGE_EVENTS, MAX_WAIT_S
from parlour.core.text import visible
from parlour.http.negotiate import accepted, choose
from parlour.http.request import Request

DEFAULT_LIMIT = 50

_PARAMETERS = frozenset({"format", "since", "before", "limit", "follow", "wait", "name"})
_FORMATS = ("text", "html", "json", "ndjson", "sse")
_NUMBER = re.compile(r"[0-9]{1,5}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Reading:
    """A checked request to read. `limit` is None where the reader did not say."""

    format: str
    since: Cursor | None
    before: Cursor | None
    limit: int | None
    follow: bool
    wait_s: float

    @property
    def page_limit(self) -> int:
        """How many events a page has at most."""
        return DEFAULT_LIMIT if self.limit is None else self.limit


def parse_reading(request: Request, offers: tuple[str, ...] = _FORMATS, known: frozenset[str] = _PARAMETERS) -> Reading:
    """Read the parameters and the Accept field. Raises Refusal (bad_parameter, bad_cursor, not_acceptable)."""
    format_ = _format(request, offers)
    if format_ != "html":  # links into the page may carry what other sites append to links
        refuse_unknown(request, known)
    since, before = request.parameter("since"), request.parameter("before")
    if since is not None and before is not None:
        raise Refusal("bad_parameter", "Give since or before, not both.", field="before")
    since_from = "since"
    last_event_id = request.field(b"last-event-id")
    if format_ == "sse" and last_event_id:
        # It is newer than the address (WHATWG HTML §9.2.3).
        since, before, since_from = last_event_id.decode("latin-1"), None, "Last-Event-ID"
    follow = _flag(request, "follow")
    wait_s = _number(request, "wait", 0, MAX_WAIT_S) or 0
    if follow and format_ not in ("text", "ndjson", "sse"):
        raise Refusal(
            "bad_parameter", "follow=1 goes with text, ndjson and sse; JSON readers use wait=.", field="follow"
        )
    if wait_s and format_ != "json":
        raise Refusal("bad_parameter", "wait= goes with JSON; the others use follow=1.", field="wait")
    if before is not None and (follow or wait_s or format_ == "sse"):
        raise Refusal("bad_parameter", "before= is for pages.", field="before")
    return Reading(
        format_,
        None if since is None else parse_cursor(since, since_from),
        None if before is None else parse_cursor(before, "before"),
        _number(request, "limit", 1, MAX_PAGE_EVENTS),
        follow,
        wait_s,
    )


def parse_api_reading(request: Request, *known: str) -> Reading:
    """The same for the versioned API: JSON only, and `known` are the parameters beside `format`."""
    return parse_reading(request, ("json",), frozenset({"format", *known}))


def refuse_unknown(request: Request, known: frozenset[str]) -> None:
    """Refuse a parameter that is not among the known ones, so that a typing error is never half obeyed."""
    for name in request.query:
        if name not in known:
            shown, names = name[:64], ", ".join(sorted(known))
            are = "are" if len(known) > 1 else "is"
            raise Refusal(
                "bad_parameter", f"There is no parameter {visible(shown)} here; known {are} {names}.", field=shown
            )


def _format(request: Request, offers: tuple[str, ...]) -> str:
    named = request.parameter("format")
    if named is not None:
        if named not in offers:
            raise Refusal("bad_parameter", f"format is one of {', '.join(offers)}.", field="format")
        return named
    chosen = choose(accepted(request.head), offers)
    if chosen is None:
        raise Refusal("not_acceptable", f"There is {', '.join(offers)}; ask with Accept or format=.")
    return chosen


def _flag(request: Request, name: str) -> bool:
    value = request.parameter(name)
    if value not in (None, "0", "1"):
        raise Refusal("bad_parameter", f"{name} is 0 or 1.", field=name)
    return value == "1"


def _number(request: Request, name: str, low: int, high: int) -> int | None:
    value = request.parameter(name)
    if value is None:
        return None
    if not _NUMBER.fullmatch(value) or not low <= int(value) <= high:
        raise Refusal("bad_parameter", f"{name} is a whole number from {low} to {high}.", field=name)
    return int(value)
