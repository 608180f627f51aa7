"""Refusals for guests who came by a link and are not in its rooms any more."""

from __future__ import annotations

from collections.abc import Iterable

from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.guest_links import EndedPass, GuestPass
from parlour.core.payloads import GuestChanged, Payload
from parlour.core.policy import end_in_words

_CLOSED = frozenset({"login_required", "forbidden", "not_found"})
"""What a room answers that is not open to somebody."""


def why_gone(payload: Payload, at_ms: int) -> Refusal | None:
    """The reason for those whom an event of a room has taken out of it; None for any other event, and if they left.

    `at_ms` is when it happened, in milliseconds since 1970.
    """
    if not isinstance(payload, GuestChanged):
        return None
    if payload.what == "removed":
        return _removed()
    return _link_ended(at_ms) if payload.what == "ended" else None


def why_out(events: Iterable[tuple[Payload, int]], guest: GuestPass) -> Refusal | None:
    """The reason for a guest who was in a room before these events, and is not after them.

    None if they are in it, or have left. Each event comes with when it happened, in milliseconds since 1970.
    """
    why, is_in = None, True
    for payload, at_ms in events:
        if not isinstance(payload, GuestChanged):
            continue
        is_theirs = payload.guest == guest.id
        if is_theirs and payload.what == "joined":
            why, is_in = None, True
        elif is_in and (is_theirs or payload.link == guest.link) and payload.what in ("left", "removed", "ended"):
            why, is_in = why_gone(payload, at_ms), False
    return why


def with_reason(refusal: Refusal, reason: Refusal | None) -> Refusal:
    """The refusal of a room for a guest: if it is closed to them, the reason in place of the general one."""
    return refusal if reason is None or refusal.code not in _CLOSED else reason


def why_closed(actor: Actor, room: str) -> Refusal | None:
    """Why a room is closed that the link of somebody opened, as far as their pass says so."""
    removed, ended = actor.removed_pass, actor.ended_pass
    if ended is not None and room in ended.rooms:
        return _link_ended(ended.ended_ms)
    if removed is not None and removed.was_in and room in removed.rooms:
        return _removed()
    return None


def shut_out(removed: GuestPass, room: str) -> Refusal | None:
    """Why a room is closed to a guest who was removed, whoever else may use it; None for a room not of their link."""
    if room not in removed.rooms:
        return None
    return _removed() if removed.was_in else Refusal("forbidden", "The host has not let you into this room.")


def pass_ended(ended: EndedPass) -> Refusal:
    """The refusal for a program that asks with a token of a guest whose link has ended."""
    return Refusal("bad_credentials", f"The link by which you got this token ended at {end_in_words(ended.ended_ms)}.")


def _removed() -> Refusal:
    return Refusal("removed", "You were removed from this room: only its moderators can let you back in.")


def _link_ended(ended_ms: int) -> Refusal:
    return Refusal("link_gone", f"The link by which you came to this room ended at {end_in_words(ended_ms)}.")
