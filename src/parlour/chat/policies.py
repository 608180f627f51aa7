"""What an actor may do in which room: judges on the access of the server, in memory, and refuses."""

from __future__ import annotations

from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.permissions import Access, Right, may

_FOR_MEMBERS = "This server is for members only, and has no accounts yet: guests can neither read nor write here."


class Policies:
    """The policies in force. All methods are called on the event loop."""

    def __init__(self, access: Access) -> None:
        self._access = access

    def may(self, actor: Actor, right: Right, room: str | None) -> bool:
        """Whether an actor has a right in a room, by its canonical name; None asks for the server as a whole."""
        return may(actor.kind, right, self._access)

    def require(self, actor: Actor, right: Right, room: str | None) -> None:
        """Raises Refusal("login_required") for an actor who does not have the right in a room (see `may`)."""
        if not self.may(actor, right, room):
            raise Refusal("login_required", _FOR_MEMBERS)
