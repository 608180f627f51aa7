"""The three ways in which a request can end badly, and what each says about the message."""

from __future__ import annotations


class ClientError(Exception):
    """Anything that keeps the client from doing what it was asked; `str()` is a sentence for a person.

    `retry_after_s` is how long the server asked to be left alone, 0.0 if it did not. `is_paced`: it is a rate that was
    met, which is this client's own. Nothing has failed, and there is no crowd to be spread out.
    """

    retry_after_s = 0.0
    is_paced = False


class Refused(ClientError):
    """The server said no, and stored nothing.

    `code` is from docs/errors.md; or `redirected`; or `http_` and the status, where somebody else seems to answer.
    """

    def __init__(self, code: str, detail: str, status: int) -> None:
        super().__init__(detail)
        self.code = code
        self.status = status


class Busy(Refused):
    """The server stored nothing, but may take the same request later: in `retry_after_s` seconds or more."""

    def __init__(self, code: str, detail: str, status: int, retry_after_s: float) -> None:
        super().__init__(code, detail, status)
        self.retry_after_s = retry_after_s
        self.is_paced = status == 429 and retry_after_s > 0.0


class SignedOut(Refused):
    """The token is accepted by `server` no more: it has ended, or never was one. Nothing was stored."""

    def __init__(self, code: str, detail: str, status: int, server: str) -> None:
        super().__init__(code, detail, status)
        self.server = server


class Unreachable(ClientError):
    """No connection could be made, so nothing was sent."""


class OutcomeUnknown(ClientError):
    """The request may have been carried out: the answer was lost, or was none.

    `key` is the idempotency key of the message (None for a read): sending the same text again with it is safe.
    """

    def __init__(self, reason: str, key: str | None = None, retry_after_s: float = 0.0) -> None:
        super().__init__(reason)
        self.key = key
        self.retry_after_s = retry_after_s


TEMPORARY = (Busy, Unreachable, OutcomeUnknown)
"""What another attempt (with the same key) may overcome."""
