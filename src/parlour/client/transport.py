"""One HTTP request at a time: what went out, what came back, and which of the three endings it was."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpx

from parlour.client.answers import failure
from parlour.client.errors import ClientError, OutcomeUnknown, Refused, Unreachable
from parlour.client.proxies import proxy_for
from parlour.version import __version__

_NEVER_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.ProxyError)


_TOKEN = re.compile(r"[\x21-\x7e]+")


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

    They go through the proxy that the environment names, if it does. Raises ProxyUnusable where it cannot be used.

    Cookies are not kept: a guest is known by address and name, and a cookie that came between two attempts would make
    the second one another author's, whose key has not been seen yet.
    """

    def __init__(self, server: str, token: str | None, bounds: Bounds) -> None:
        self.bounds = bounds
        headers = {"User-Agent": f"parlour/{__version__}", "Accept-Encoding": "identity"}
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
        *,
        headers: Mapping[str, str],
        params: Mapping[str, str] | None = None,
        content: bytes | None = None,
        answer_s: float,
    ) -> httpx.Response:
        """Send one request and read the whole answer, of any status, waiting at most `answer_s` for each part of it.

        Raises Unreachable when nothing was sent, OutcomeUnknown when no complete answer came.
        """
        timeout = httpx.Timeout(answer_s, connect=min(self.bounds.connect_s, answer_s))
        with (
            _endings(self._through),
            self._http.stream(
                method, url, headers=dict(headers), params=params, content=content, timeout=timeout
            ) as response,
        ):
            body = bytearray()
            for chunk in response.iter_raw():
                body += chunk
                if len(body) > self.bounds.max_answer_bytes:
                    raise OutcomeUnknown("the server's answer does not end")
            return httpx.Response(response.status_code, headers=response.headers, content=bytes(body))

    @contextmanager
    def stream(
        self, url: str, *, headers: Mapping[str, str], params: Mapping[str, str], answer_s: float
    ) -> Iterator[Iterator[bytes]]:
        """Open a stream, which is to begin within `answer_s`, and give its chunks.

        Raises what `request` raises, Refused, and ends as the stream ends.
        """
        timeout = httpx.Timeout(min(answer_s, self.bounds.silence_s), connect=min(answer_s, self.bounds.connect_s))
        with (
            _endings(self._through),
            self._http.stream("GET", url, headers=dict(headers), params=params, timeout=timeout) as response,
        ):
            if response.status_code != 200:
                response.read()
                raise self.judge(response)
            response.request.extensions["timeout"]["read"] = self.bounds.silence_s  # read when the body is begun
            yield response.iter_raw()

    def judge(self, response: httpx.Response) -> Refused | OutcomeUnknown:
        """The error that an answer stands for."""
        headers = response.headers
        return failure(
            response.status_code,
            headers.get("retry-after"),
            headers.get("location"),
            response.content,
            through=self._through,
        )


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
