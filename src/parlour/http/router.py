"""The router: from a method and an undecoded path to a row of a table, before the body arrives."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Generic, NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes

from parlour.core.errors import Refusal

CACHED_PATH_BYTES = 256
"""The match of a longer path is not cached: clients choose paths, and a cache of long ones would take memory."""

NOTHING_HERE = "There is nothing at this address."
"""Clients that read text or JSON also learn where the help is (api/application.py)."""

WEBSOCKET = "WEBSOCKET"
"""Stands for the method in rows that answer the opening handshake of a WebSocket, which is a GET (RFC 6455 §4.1)."""

Row = TypeVar("Row")


class Match(NamedTuple, Generic[Row]):
    """The rows at a path, by method, and the decoded parameters of the path."""

    rows: Mapping[str, Row]
    params: Mapping[str, str]

    def row(self, method: str, *, is_handshake: bool = False) -> Row:
        """The row for a method. Raises Refusal("method_not_allowed") with the `allow` list in `extra`.

        The opening handshake of a WebSocket gets the row that answers it; where there is none, it is a plain GET.
        """
        row = self.rows.get(WEBSOCKET) if is_handshake else None
        row = row or self.rows.get("GET" if method == "HEAD" else method)
        if row is None:
            raise Refusal("method_not_allowed", f"Allowed here: {self.allow}.", extra={"allow": self.allow})
        return row

    @property
    def allow(self) -> str:
        """The value of the Allow field (RFC 9110 §10.2.1)."""
        methods = {*self.rows, "OPTIONS"} - {WEBSOCKET}
        if "GET" in methods:
            methods.add("HEAD")
        return ", ".join(sorted(methods))


class Router(Generic[Row]):
    """Matches paths against patterns of literal segments and `{parameters}`; a literal segment wins."""

    def __init__(self, rows: Iterable[tuple[str, str, Row]]) -> None:
        """Each row comes with its method and its pattern. GET answers HEAD too."""
        table: dict[tuple[str, ...], dict[str, Row]] = {}
        for method, pattern, row in rows:
            by_method = table.setdefault(tuple(pattern.strip("/").split("/")), {})
            if method in by_method:
                raise ValueError(f"{method} {pattern} is routed twice")
            by_method[method] = row
        # More literal segments first: /api/v1 must not be read as /{room}/{item}.
        self._table = sorted(table.items(), key=lambda entry: [segment.startswith("{") for segment in entry[0]])
        self._cached_match = lru_cache(maxsize=1024)(self._match)

    def match(self, path: bytes) -> Match[Row]:
        """Find the rows of an undecoded path (no query). Raises Refusal("not_found") or ("bad_request").

        One slash at the end changes nothing: people type it, and `curl -T -` adds it.
        """
        return (self._cached_match if len(path) <= CACHED_PATH_BYTES else self._match)(path)

    def _match(self, path: bytes) -> Match[Row]:
        if len(path) > 1 and path.endswith(b"/"):
            path = path[:-1]
        try:
            segments = tuple(unquote_to_bytes(part).decode() for part in path[1:].split(b"/"))
        except UnicodeDecodeError:
            raise Refusal("bad_request", "The path must be percent-encoded UTF-8.") from None
        for pattern, rows in self._table:
            params = _params(pattern, segments)
            if params is not None:
                return Match(rows, params)
        raise Refusal("not_found", NOTHING_HERE)


def _params(pattern: tuple[str, ...], segments: tuple[str, ...]) -> dict[str, str] | None:
    if len(pattern) != len(segments):
        return None
    params = {}
    for expected, segment in zip(pattern, segments, strict=True):
        if expected.startswith("{") and segment:
            params[expected[1:-1]] = segment
        elif expected != segment:
            return None
    return params
