"""The error table: every refusal Parlour can give, once, with its meaning; codes never change meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Retry = Literal["never", "after", "same_key"]
"""What a client may do: give up, come back after a while, or repeat with the same idempotency key."""


@dataclass(frozen=True, slots=True)
class ErrorKind:
    """One row of the table."""

    code: str
    status: int
    title: str
    retry: Retry = "never"
    stored: bool | None = False
    """False: certainly not stored. None: unknown, a retry with the key is safe (docs/protocol.md#sending)."""


_TABLE = (
    ErrorKind("bad_request", 400, "The request could not be understood"),
    ErrorKind("bad_framing", 400, "The HTTP message is not framed as RFC 9112 demands"),
    ErrorKind("bad_host", 400, "The Host header is missing, repeated or malformed"),
    ErrorKind("bad_parameter", 400, "A parameter is unknown, repeated or out of range"),
    ErrorKind("bad_json", 400, "The body is not acceptable JSON"),
    ErrorKind("bad_form", 400, "The form could not be read"),
    ErrorKind("bad_utf8", 400, "The text is not valid UTF-8"),
    ErrorKind("bad_text", 400, "The text contains a character that cannot be stored"),
    ErrorKind("blank_text", 400, "The text is empty or blank"),
    ErrorKind("bad_key", 400, "The idempotency key must be 8 to 64 of A-Z a-z 0-9 _ -"),
    ErrorKind("bad_name", 400, "The display name is not acceptable"),
    ErrorKind("bad_email", 400, "The e-mail address is not acceptable"),
    ErrorKind("bad_room_name", 400, "The room name is not acceptable"),
    ErrorKind("reserved_name", 400, "The server needs this name itself"),
    ErrorKind("bad_cursor", 400, "The cursor is malformed"),
    ErrorKind("bad_upgrade", 400, "The WebSocket handshake is not acceptable"),
    ErrorKind("bad_op", 400, "The operation is unknown or malformed"),
    ErrorKind("weak_password", 400, "The password is too easily guessed"),
    ErrorKind("login_required", 401, "Only members may do this"),
    ErrorKind("bad_credentials", 401, "The name, the password or the token is wrong"),
    ErrorKind("code_required", 401, "The password alone is not enough"),
    ErrorKind("bad_code", 401, "The code is wrong, or was used before"),
    ErrorKind("bad_passkey", 401, "The passkey was not accepted"),
    ErrorKind("forbidden", 403, "You may not do this"),
    ErrorKind("reauthentication_required", 403, "Give your password again"),
    ErrorKind("second_factor_required", 403, "Set up a second factor first"),
    ErrorKind("registration_closed", 403, "Not everybody makes an account here"),
    ErrorKind("muted", 403, "You may read this room, and not write in it"),
    ErrorKind("banned", 403, "You may not use this room"),
    ErrorKind("removed", 403, "You were removed from this room"),
    ErrorKind("waiting", 403, "The account waits to be approved"),
    ErrorKind("no_new_guests", 403, "No new guests are taken at the moment"),
    ErrorKind("refused_text", 403, "A rule of this room refuses this text"),
    ErrorKind("read_only", 403, "Nobody, or not everybody, adds to this room"),
    ErrorKind("cross_origin", 403, "Requests from other sites are refused"),
    ErrorKind("not_found", 404, "There is nothing here"),
    ErrorKind("method_not_allowed", 405, "The method is not allowed here"),
    ErrorKind("not_acceptable", 406, "None of the acceptable formats can be produced"),
    ErrorKind("request_timeout", 408, "The request did not arrive in time"),
    ErrorKind("name_taken", 409, "The name is taken, or looks like one that is"),
    ErrorKind("last_owner", 409, "Somebody has to remain the owner"),
    ErrorKind("cursor_gone", 410, "The log cannot be continued from this cursor"),
    ErrorKind("gone", 410, "The event is not kept any more"),
    ErrorKind("link_gone", 410, "The link does not work any more"),
    ErrorKind("length_required", 411, "The request needs a Content-Length"),
    ErrorKind("too_large", 413, "The body is larger than the limit"),
    ErrorKind("text_too_long", 413, "The text is longer than the limit"),
    ErrorKind("uri_too_long", 414, "The request target is longer than the limit"),
    ErrorKind("unsupported_media_type", 415, "The content type or encoding is not supported"),
    ErrorKind("expectation_failed", 417, "Only 100-continue can be expected"),
    ErrorKind("misdirected", 421, "The server does not answer to this name"),
    ErrorKind("key_reused", 422, "The key was used before for different content"),
    ErrorKind("upgrade_required", 426, "Only WebSocket version 13 is spoken here"),
    ErrorKind("rate_limited", 429, "Too many requests", retry="after"),
    ErrorKind("slow_mode", 429, "Slow mode: wait before you write again", retry="after"),
    ErrorKind("too_many_connections", 429, "Too many connections from this address", retry="after"),
    ErrorKind("headers_too_large", 431, "The header fields are larger than the limit"),
    ErrorKind("internal", 500, "The server made a mistake", retry="same_key", stored=None),
    ErrorKind("outcome_unknown", 500, "Storing was cut short", retry="same_key", stored=None),
    ErrorKind("not_implemented", 501, "The transfer coding or method is not implemented"),
    ErrorKind("overloaded", 503, "The server is busy", retry="after"),
    ErrorKind("draining", 503, "The server is restarting", retry="after"),
    ErrorKind("storage_unavailable", 503, "The storage is not available", retry="after"),
    ErrorKind("provider_failed", 502, "The sign-in provider does not answer as it should", retry="after"),
    ErrorKind("http_version", 505, "Only HTTP/1.0 and HTTP/1.1 are spoken here"),
    ErrorKind("storage_full", 507, "The disk is full", retry="after"),
)

ERRORS: dict[str, ErrorKind] = {kind.code: kind for kind in _TABLE}


class Refusal(Exception):
    """A request is refused for a reason in `ERRORS`.

    `detail` says what was wrong and what was expected, in one sentence for a person; it never contains a secret
    nor raw bytes of a peer. `field` names the offending field (`text`, `by.name`), `retry_after` is in seconds,
    `extra` holds further members of the problem document (RFC 9457 §3.2). `is_to_account` says that whoever is refused
    has signed in: a page then does not tell them to. `is_everywhere`: no other room would let them in either, so a page
    leads to none.
    """

    __slots__ = ("detail", "extra", "field", "is_everywhere", "is_to_account", "kind", "retry_after")

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        field: str | None = None,
        retry_after: float | None = None,
        extra: dict[str, object] | None = None,
    ) -> None:
        self.kind = ERRORS[code]
        self.detail = detail or self.kind.title
        self.field = field
        self.retry_after = retry_after
        self.extra = extra
        self.is_to_account = False
        self.is_everywhere = False
        super().__init__(f"{code}: {self.detail}")

    @property
    def code(self) -> str:
        """The stable code of the refusal."""
        return self.kind.code
