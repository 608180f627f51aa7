"""Rows of events by their columns, as a statement takes them."""

from __future__ import annotations

from parlour.core.event import Draft


class Rows:
    """Collects events to be inserted."""

    def __init__(self) -> None:
        self._ids: list[int] = []
        self._times: list[int] = []
        self._authors: list[str] = []
        self._keys: list[str | None] = []
        self._bodies: list[bytes] = []
        self._checksums: list[int] = []
        self._types: list[str] = []
        self._refs: list[int | None] = []

    def add(self, event_id: int, at_ms: int, draft: Draft, body: bytes, crc: int) -> None:
        """Add one."""
        self._ids.append(event_id)
        self._times.append(at_ms)
        self._authors.append(draft.author.id)
        self._keys.append(draft.key)
        self._bodies.append(body)
        self._checksums.append(crc)
        self._types.append(draft.payload.type)
        self._refs.append(draft.ref)

    def columns(self) -> tuple[list[object], ...]:
        """id, at_ms, author, key, body, checksum, type, ref."""
        return (
            *(self._ids, self._times, self._authors, self._keys),
            *(self._bodies, self._checksums, self._types, self._refs),
        )  # type: ignore[return-value]  # lists are invariant
