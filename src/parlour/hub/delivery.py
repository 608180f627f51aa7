"""What the live readers of a room are given at once; it is encoded when it is written."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from parlour.core.event import Stored
from parlour.hub.encoder import Encoder


class Delivery:
    """Consecutive events of a room that follow the seq `since`; or one item without a seq, then without events.

    Shared bytes are made for their first reader and kept. Bytes of one connection are made each time, and must be asked
    for in the order in which they are written.
    """

    __slots__ = ("_encode", "_encoded", "events", "since")

    def __init__(self, since: int, encode: Callable[[Encoder], bytes], events: Sequence[Stored] = ()) -> None:
        self.since = since
        self.events = events
        self._encode = encode
        self._encoded: dict[Encoder, bytes] = {}

    def data(self, encoder: Encoder) -> bytes:
        """The bytes in an encoding; empty where it does not show this. Raises what the encoder raises."""
        data = self._encoded.get(encoder)
        if data is None:
            data = self._encode(encoder)
            if encoder.is_shared:
                self._encoded[encoder] = data
        return data
