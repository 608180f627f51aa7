"""Compresses whole answers for clients that accept it: small ones at once, larger ones on a thread, equal ones once."""

from __future__ import annotations

import asyncio
import zlib
from asyncio import Future
from collections import OrderedDict
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import thread_time
from typing import NamedTuple

from parlour.http.fields import FieldName
from parlour.http.negotiate import choose_coding
from parlour.http.response import Response

MIN_BYTES = 1024
"""A smaller answer fits into one packet uncompressed."""

AT_ONCE_BYTES = 32_768
"""Bytes of an answer that is compressed on the loop, in 0.4 ms. The thread would cost 0.1 ms, and a wait."""

WAITING = 64
"""Answers that may wait for the thread; further ones go out as they are."""

KEPT_BYTES = 3 * 1024 * 1024
"""Of answers that many get, beside their compressed forms, a third of that; the least recently used go."""

_LEVEL = 4
"""Leaves 27 % of JSON, at 10 ns a byte; level 6 leaves 26 % and takes 15 ns, level 9 takes 30."""

_GZIP = 31
"""zlib's number for a window of 32 KiB with gzip's frame around it."""

VARY = (FieldName.VARY, b"Accept-Encoding")
_GZIPPED = (FieldName.CONTENT_ENCODING, b"gzip")


class Compressed(NamedTuple):
    """A body in gzip's form, and the CPU time that it took, in seconds: none where it was there already."""

    body: bytes
    seconds: float


def wants_gzip(field: Callable[[bytes], bytes | None]) -> bool:
    """Whether an answer may be sent compressed, by the fields of its request (lower-case name to value).

    One that a script of another site has caused may not: it could be repeated, with guesses in it, and the length of
    the answer seen, until they fit (BREACH; docs/decisions/0018-compressed-answers.md). A link that a person follows
    says `Sec-Fetch-User`.
    """
    accepted = field(b"accept-encoding")
    if accepted is None or choose_coding(accepted, ("gzip",)) is None:
        return False
    return field(b"sec-fetch-site") not in (b"cross-site", b"same-site") or field(b"sec-fetch-user") == b"?1"


def is_worth_it(response: Response) -> bool:
    """Whether an answer is large enough, and its handler has not chosen a coding itself."""
    return len(response.body) >= MIN_BYTES and VARY not in response.fields


def mark(response: Response, compressed: bytes | None) -> None:
    """Replace the body by the compressed one, if there is one and it is smaller, and set the header fields."""
    if compressed is not None and len(compressed) < len(response.body):
        response.body = compressed
        response.fields += (_GZIPPED, VARY)
    else:
        response.fields += (VARY,)


def compress(body: bytes) -> Compressed:
    """Compress at once, wherever this is called."""
    began = thread_time()
    compressor = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
    return Compressed(compressor.compress(body) + compressor.flush(), thread_time() - began)


class Compressor:
    """The thread, and a cache of what many get. All methods are called on the event loop."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "parlour-gzip")  # begins when it is first needed
        self._waiting = 0
        self._shared: OrderedDict[bytes, Future[Compressed]] = OrderedDict()
        self._shared_bytes = 0

    async def compress(self, body: bytes, *, is_shared: bool) -> Compressed | None:
        """The compressed form, or None where too much waits. `is_shared`: others may get the same answer."""
        other = self._shared.get(body) if is_shared else None
        if other is not None:
            self._shared.move_to_end(body)
            return Compressed((await asyncio.shield(other)).body, 0.0)
        if len(body) > AT_ONCE_BYTES and self._waiting >= WAITING:
            return None
        future = self._begin(body)
        if is_shared and len(body) <= KEPT_BYTES // 2:
            self._keep(body, future)
        return await asyncio.shield(future)

    def _begin(self, body: bytes) -> Future[Compressed]:
        loop = asyncio.get_running_loop()
        future: Future[Compressed]
        if len(body) <= AT_ONCE_BYTES:
            future = loop.create_future()
            future.set_result(compress(body))
            return future
        future = loop.run_in_executor(self._thread, compress, body)
        self._waiting += 1
        future.add_done_callback(self._ended)  # also when nobody waits for it any more
        return future

    def _ended(self, _: Future[Compressed]) -> None:
        self._waiting -= 1

    def _keep(self, body: bytes, future: Future[Compressed]) -> None:
        self._shared[body] = future
        self._shared_bytes += len(body)
        while self._shared_bytes > KEPT_BYTES:
            old, _ = self._shared.popitem(last=False)
            self._shared_bytes -= len(old)

    def close(self) -> None:
        """End the thread; answers that wait for it stay uncompressed."""
        self._thread.shutdown(wait=False, cancel_futures=True)
