"""The steps that append to the log of the server, which is also what happened to whom by whose hand."""

from __future__ import annotations

from parlour.chat.guests import SYSTEM, author_of
from parlour.chat.transactions import Append
from parlour.core.actor import Actor
from parlour.core.event import Author, Draft
from parlour.core.payloads import SERVER_LOG, Payload


def append_to_log(by: Author, payload: Payload) -> Append:
    """The step that appends an event to the server's log."""
    return Append(Draft(SERVER_LOG, by, payload))


def by(actor: Actor) -> Author:
    """Whom the server's log names: an account, or the system for the operator and for a link that nobody signed."""
    return SYSTEM if actor.account is None else author_of(actor.account)
