"""The steps that append to the log of the server, which is also what happened to whom by whose hand."""

from __future__ import annotations

from parlour.chat.guests import SYSTEM, author_of
from parlour.chat.statements import Query
from parlour.chat.transactions import Append, Transaction
from parlour.core.actor import Actor
from parlour.core.event import Author, Draft
from parlour.core.payloads import SERVER_LOG, InvitationChanged, Payload


def append_to_log(by: Author, payload: Payload) -> Append:
    """The step that appends an event to the server's log."""
    return Append(Draft(SERVER_LOG, by, payload))


def by(actor: Actor) -> Author:
    """The author in the server's log: an account, or the system for the operator and for a link that nobody signed."""
    return SYSTEM if actor.account is None else author_of(actor.account)


def end_invitations(by: Author, statement: Query[str]) -> Transaction[None]:
    """Carry out a statement that ends invitations and gives their ids, and say so of each."""
    ended: list[str] = yield statement
    for invitation in ended:
        yield append_to_log(by, InvitationChanged("ended", invitation, ""))
