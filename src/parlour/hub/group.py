"""The live readers of one room that share an encoder, or that have one each, in chunks."""

from __future__ import annotations

from collections.abc import Iterator

from parlour.hub.chunk import Chunk, Member
from parlour.hub.delivery import Delivery
from parlour.hub.encoder import Encoder
from parlour.hub.resources import Resources


class Group:
    """What is written goes to the members of that moment, though perhaps later.

    If all members fit into one chunk, they are written to before `write` returns, unless much has been written in this
    iteration of the loop. A member must be flushed before anything about this room is written to its sink.
    """

    __slots__ = ("_chunks", "_encoder", "_resources", "_room")

    def __init__(self, room: str, encoder: Encoder | None, resources: Resources) -> None:
        self._room = room
        self._encoder = encoder
        self._resources = resources
        self._chunks: list[Chunk] = []

    def __iter__(self) -> Iterator[tuple[Chunk, Member]]:
        """Every member and its chunk; members may leave meanwhile."""
        return iter([(chunk, member) for chunk in self._chunks for member in chunk.members])

    def join(self, member: Member) -> Chunk:
        """Write to a member from now on. It leaves by `Chunk.leave`; the chunk may change (`Member.moved`)."""
        most = self._resources.tuning.chunk_readers
        chunk = next((chunk for chunk in reversed(self._chunks) if len(chunk.members) < most), None)
        if chunk is None:
            chunk = Chunk(self._room, self._encoder, self._resources, self._merge)
            self._chunks.append(chunk)
        chunk.join(member)
        return chunk

    def write(self, delivery: Delivery) -> None:
        """Write to every member: now if they are one chunk and it may be, otherwise chunk by chunk."""
        chunks = self._chunks
        if len(chunks) == 1:
            if chunks[0].put(delivery):
                self._resources.writes.run(chunks[0].flush)
        else:
            for chunk in chunks:
                if chunk.put(delivery):
                    self._resources.writes.add(chunk.flush)

    def _merge(self, chunk: Chunk) -> None:
        """Move the members of a chunk that has few into another one, or a room that shrinks would be all small ones."""
        most = self._resources.tuning.chunk_readers
        count = len(chunk.members)
        if not count:
            self._chunks.remove(chunk)
        elif count <= most // 4 and not chunk.is_behind:
            others = [other for other in self._chunks if other is not chunk and len(other.members) + count <= most]
            if others:
                self._chunks.remove(chunk)
                for member in chunk.members:
                    others[0].join(member)
                    member.moved(chunk, others[0])
