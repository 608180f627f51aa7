"""One HTTP request at a time: what went out, what came back, and which of the three endings it was."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TypeVar

import httpx
import msgspec

from parlour.client.answers import failure
from parlour.client.errors import ClientError, OutcomeUnknown, Unreachable
from parlour.client.proxies import proxy_for
from parlour.version import __version__

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)

_TOKEN = re.compile(r"[\x21-\x7e]+")

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long one request waits, in seconds, and how many bytes it reads."""

    connect_s: float = 5.0

    answer_s: float = 10.0
    """A server that has not answered a send in this time is asked again with the same key."""

    silence_s: float = 45.0
    """A stream carries a heartbeat every 20 s: after two missed ones it is dead, whatever the socket says."""

    max_answer_bytes: int = 64 * 1024 * 1024
    """The longest page of history is a thousand events of 16 KiB, as JSON."""


def check_token(token: str) -> str:
    """Give a token back that can stand in a header field. Raises ValueError, without the token in it."""
    if _TOKEN.fullmatch(token) is None:
        raise ValueError("A token consists of visible ASCII characters.")
    return token


class Transport:
    """The connections to one server (`scheme://host[:port]`). May be used by several threads.

    `token` goes to that server alone: no redirect is followed.

    They go through the proxy that the environment names, if it does. Raises ProxyUnusable where it cannot be used.

    Cookies are not kept: a guest is known by address and name, and a cookie that came between two attempts would make
    the second one another author's, whose key has not been seen yet.
    """

    def __init__(self, server: str, token: str | None, bounds: Bounds) -> None:
        self.bounds = bounds
        self.signed_in_to = "" if token is None else server
        headers = {"User-Agent": f"parlour/{__version__}", "Accept": "application/json", "Accept-Encoding": "identity"}
        if token is not None:
            headers["Authorization"] = f"Bearer {check_token(token)}"
        proxy = proxy_for(server, os.environ)
        self._through = "" if proxy is None else f", through the proxy {proxy}"
        self._http = httpx.Client(
            headers=headers,
            cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
            # A transport of our own, or httpx would read the environment in its way.
            transport=httpx.HTTPTransport(
                verify=server.startswith("https:"),  # to read the certificates takes 20 ms, and nothing needs them here
                proxy=None if proxy is None else proxy.url,
                limits=httpx.Limits(keepalive_expiry=60.0),  # under the 75 s after which the server closes
            ),
        )

    def close(self) -> None:
        """Close the idle connections."""
        self._http.close()

    def request(
        self,
        method: str,
        url: str,
        status: int,
        decode: Callable[[bytes], _T],
        *,
        answer_s: float,
        headers: Mapping[str, str] | None = None,
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
    ) -> tuple[_T, httpx.Headers]:
        """Send one request, and decode the answer if it has the hoped-for status; its header fields come along.

        Waits at most `answer_s` for each part of the answer. Raises Unreachable when nothing was sent, Refused, and
        OutcomeUnknown when no complete answer came, or one that cannot be read.
        """
        timeout = httpx.Timeout(answer_s, connect=min(self.bounds.connect_s, answer_s))
        ask = self._http.stream(method, url, headers=headers, params=params, content=content, timeout=timeout)
        with _endings(self._through), ask as response:
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > self.bounds.max_answer_bytes:
                    raise OutcomeUnknown("the server's answer does not end")
        if response.status_code != status:
            raise self._failure(response, bytes(body))
        try:
            return decode(bytes(body)), response.headers
        except (msgspec.DecodeError, UnicodeDecodeError) as exc:
            raise OutcomeUnknown("the answer is none of a chat server") from exc

    @contextmanager
    def stream(
        self, url: str, *, headers: Mapping[str, str], params: Mapping[str, str], answer_s: float
    ) -> Iterator[Iterator[bytes]]:
        """Open a stream, which is to begin within `answer_s`, and give its chunks.

        Raises what `request` raises, and ends as the stream ends.
        """
        timeout = httpx.Timeout(min(answer_s, self.bounds.silence_s), connect=min(answer_s, self.bounds.connect_s))
        ask = self._http.stream("GET", url, headers=headers, params=params, timeout=timeout)
        with _endings(self._through), ask as response:
            if response.status_code != 200:
                raise self._failure(response, response.read())
            response.request.extensions["timeout"]["read"] = self.bounds.silence_s  # read when the body is begun
            yield response.iter_raw()

    def _failure(self, response: httpx.Response, body: bytes) -> ClientError:
        status, headers = response.status_code, response.headers
        return failure(status, headers, body, through=self._through, signed_in_to=self.signed_in_to)


@contextmanager
def _endings(through: str) -> Iterator[None]:
    try:
        yield
    except _NEVER_SENT as exc:
        raise Unreachable(f"{_reason(exc)}{through}") from exc
    except httpx.TransportError as exc:
        raise OutcomeUnknown(f"{_reason(exc)}{through}") from exc
    except httpx.InvalidURL as exc:
        raise ClientError(f"the address cannot be used: {exc}") from exc


def _reason(exc: httpx.TransportError) -> str:
    if isinstance(exc, httpx.TimeoutException):
        return "the server cannot be reached in time" if isinstance(exc, _NEVER_SENT) else "the server does not answer"
    return str(exc) or "the connection was cut"
