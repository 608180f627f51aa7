"""The steps that end guest links: their guests leave every room with one event, and their passes end with them."""

from __future__ import annotations

from collections.abc import Iterable

from parlour.chat.server_log import append_to_log
from parlour.chat.tables.guest_links import END_GUEST_LINK, END_ROOMS_OF_LINK, GUEST_LINKS_BY, GuestLink
from parlour.chat.tables.passes import DROP_ENDED_BEYOND, END_PASSES_OF, KEEP_ENDED_PASSES
from parlour.chat.transactions import Append, FindLog, Transaction
from parlour.core.event import Appended, Author, Draft, Log, at_ms
from parlour.core.guest_links import MAX_ENDED
from parlour.core.payloads import GuestChanged, GuestLinkChanged


def end_guest_links(by: Author, links: Iterable[GuestLink], most_ended: int = MAX_ENDED) -> Transaction[None]:
    """End links; nothing of the policies that were read of their rooms before is true any more.

    `most_ended` passes of links that have ended are remembered.
    """
    has_ended = False
    for link in links:
        for room in link.rooms:
            log: Log = yield FindLog(room)
            count = sum(guest.link == link.id for guest in log.policy.guests.values())
            if count:
                yield Append(Draft(room, by, GuestChanged("ended", link=link.id, count=count)))
        ended: Appended = yield append_to_log(by, GuestLinkChanged("ended", link.id))
        yield KEEP_ENDED_PASSES(link.id, min(link.expires_ms, at_ms(ended.json)))
        yield END_PASSES_OF(link.id)
        yield END_ROOMS_OF_LINK(link.id)
        yield END_GUEST_LINK(link.id)
        has_ended = True
    if has_ended:
        yield DROP_ENDED_BEYOND(most_ended)


def end_guest_links_by(by: Author, maker: str, room: str | None = None) -> Transaction[None]:
    """End those that an account has made, all of them or those into one room: it lets nobody in any more."""
    links: list[GuestLink] = yield GUEST_LINKS_BY(maker)
    yield from end_guest_links(by, [link for link in links if room is None or room in link.rooms])
