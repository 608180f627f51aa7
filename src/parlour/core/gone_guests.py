"""What guests are told who came by a link and are in its rooms no more."""

from __future__ import annotations

from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.guest_links import EndedPass
from parlour.core.payloads import GuestChanged, Payload
from parlour.core.policy import end_in_words

_CLOSED = frozenset({"login_required", "forbidden", "not_found"})
"""What a room answers that is not open to somebody."""


def why_gone(payload: Payload, at_ms: int) -> Refusal | None:
    """What those are told whom an event of a room has taken out of it; None for any other event, and if they left.

    `at_ms` is when it happened, in milliseconds since 1970.
    """
    if not isinstance(payload, GuestChanged):
        return None
    if payload.what == "removed":
        return _removed()
    return _link_ended(at_ms) if payload.what == "ended" else None


def told(refusal: Refusal, actor: Actor, room: str) -> Refusal:
    """Why a room is closed to somebody whose link opened it, in place of what everybody else is told of it."""
    guest, ended = actor.guest_pass, actor.ended_pass
    if refusal.code not in _CLOSED:
        return refusal
    if ended is not None and room in ended.rooms:
        return _link_ended(ended.ended_ms)
    if guest is not None and guest.state == "removed" and guest.was_in and room in guest.rooms:
        return _removed()
    return refusal


def pass_ended(ended: EndedPass) -> Refusal:
    """What a program is told that asks with a token of a guest whose link has ended."""
    return Refusal("bad_credentials", f"The link by which you got this token ended at {end_in_words(ended.ended_ms)}.")


def _removed() -> Refusal:
    return Refusal("removed", "You were removed from this room: only its moderators can let you back in.")


def _link_ended(ended_ms: int) -> Refusal:
    return Refusal("link_gone", f"The link by which you came to this room ended at {end_in_words(ended_ms)}.")
