"""Responses: a complete one, an open-ended one, a protocol switch, one that comes later; and their bytes."""

from __future__ import annotations

from asyncio import Future, get_running_loop
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from http import HTTPStatus

from parlour.core.errors import Refusal
from parlour.http.fields import FieldName, Fields, encode_fields
from parlour.http.session import Session

TEXT = b"text/plain; charset=utf-8"
HTML = b"text/html; charset=utf-8"
JSON = b"application/json"
NDJSON = b"application/x-ndjson"
SSE = b"text/event-stream"
PROBLEM = b"application/problem+json"

_STATUS_LINES = {status.value: b"HTTP/1.1 %d %s\r\n" % (status.value, status.phrase.encode()) for status in HTTPStatus}

_FOR_ALL = (
    b"X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n"
)
"""On every response, whoever made it."""

SECURITY_FIELDS = _FOR_ALL + b"Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"
"""On every response that does not bring a policy of its own (pages do)."""


@dataclass(slots=True)
class Response:
    """A complete response. `fields` are sent beside those that every response has.

    `cache` is the value of Cache-Control: no cache keeps an answer unless the handler allows it. `policy` is the
    Content-Security-Policy of a page.
    """

    status: int = 200
    body: bytes = b""
    content_type: bytes = TEXT
    fields: Fields = ()
    cache: bytes = b"no-store"
    policy: bytes | None = None


@dataclass(slots=True)
class OpenResponse:
    """A response without an end: the head is sent, then `session` writes. `chunked` is how it frames its bytes."""

    session: Session
    content_type: bytes
    chunked: bool
    fields: Fields = ()


@dataclass(slots=True)
class Upgrade:
    """A switch to another protocol: `head` is the whole 101 response, then `session` owns the bytes both ways."""

    session: Session
    head: bytes


Reply = Response | OpenResponse | Upgrade


class DeferredResponse:
    """Returned by a handler in place of a reply. Whoever gets the reply calls `answer` once, in a later callback.

    It costs a fraction of what a coroutine does, so posts use it.
    """

    __slots__ = ("_done",)

    def then(self, done: Callable[[Reply | Refusal], None]) -> None:
        """Set who receives the reply. Called once, before anything else."""
        self._done: Callable[[Reply | Refusal], None] | None = done

    async def reply(self) -> Reply:
        """The reply, for a coroutine. Raises Refusal."""
        future: Future[Reply] = get_running_loop().create_future()

        def done(reply: Reply | Refusal) -> None:
            if isinstance(reply, Refusal):
                future.set_exception(reply)
            else:
                future.set_result(reply)

        self.then(done)
        try:
            return await future
        finally:
            self.cancel()

    def answer(self, reply: Reply | Refusal) -> None:
        """Give the reply to the one who waits for it; does nothing after `cancel`."""
        done, self._done = self._done, None
        if done is not None:
            done(reply)

    def cancel(self) -> None:
        """Forget who waits: the client is gone."""
        self._done = None


def encode(response: Response, *, date: bytes, keep_alive: bool, head_only: bool = False, minor: int = 1) -> bytes:
    """The bytes of a complete response to HTTP/1.`minor` (RFC 9112 §4); `date` is an IMF-fixdate.

    Raises ValueError for a control character in the value of a field.
    """
    status, body, fields = response.status, response.body, response.fields
    extra = encode_fields(fields) if fields else b""
    persistence = b"Connection: close\r\n"
    if keep_alive:
        persistence = b"" if minor else b"Connection: keep-alive\r\n"
    if status == 204 or status == 304:
        return b"%b%b\r\n" % (_start(status, date, None, response.cache, response.policy, persistence), extra)
    start = _start(status, date, response.content_type, response.cache, response.policy, persistence)
    return b"%bContent-Length: %d\r\n%b\r\n%b" % (start, len(body), extra, b"" if head_only else body)


@lru_cache(maxsize=128)
def _start(
    status: int, date: bytes, content_type: bytes | None, cache: bytes, policy: bytes | None, persistence: bytes
) -> bytes:
    """The part of a head that is the same in many responses of a second."""
    return b"%bDate: %b\r\n%b%b%b%b" % (
        _STATUS_LINES[status],
        date,
        encode_fields(((FieldName.CACHE_CONTROL, cache),)),
        persistence,
        SECURITY_FIELDS if policy is None else _page_fields(policy),
        b"" if content_type is None else encode_fields(((FieldName.CONTENT_TYPE, content_type),)),
    )


def encode_open(response: OpenResponse, *, date: bytes) -> bytes:
    """The head of an open-ended response. It asks proxies to pass on every byte at once."""
    start = _start(200, date, response.content_type, b"no-store, no-transform", None, b"Connection: close\r\n")
    framing = b"Transfer-Encoding: chunked\r\n" if response.chunked else b""
    return b"%bX-Accel-Buffering: no\r\n%b%b\r\n" % (start, framing, encode_fields(response.fields))


def _page_fields(policy: bytes) -> bytes:
    """The fields of pages. Browsers must send `Origin` with their forms: with no-referrer it would be `null`."""
    return (
        _FOR_ALL.replace(b"no-referrer", b"same-origin")
        + b"Cross-Origin-Opener-Policy: same-origin\r\nPermissions-Policy: camera=(), geolocation=(), microphone=()\r\n"
        + encode_fields(((FieldName.CONTENT_SECURITY_POLICY, policy),))
    )
