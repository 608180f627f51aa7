"""Heads of requests are remembered, because clients repeat them; those with a secret are not."""

from __future__ import annotations

import pytest

from parlour.core.limits import Limits
from parlour.wire.http1_head import SecretHead, head_parser

SECRET = [
    (b"GET /lobby", b"Authorization: Bearer parlour_x\r\n"),
    (b"POST /lobby", b"authorization: Basic YTpi\r\n"),
    (b"GET /lobby", b"Cookie: theme=dark; parlour_session=x\r\n"),
    (b"GET /lobby", b"Cookie: __Host-parlour_session=x\r\n"),
    (b"GET /lobby?follow=1&ticket=x", b""),
    (b"GET /join/GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c", b""),
    (b"GET /chat/reset/GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c?x=1", b""),
]


@pytest.mark.parametrize(("line", "field"), SECRET)
def test_a_head_with_a_secret_is_not_remembered(line: bytes, field: bytes) -> None:
    parse = head_parser(Limits())
    for _ in range(2):
        with pytest.raises(SecretHead) as caught:
            parse(line + b" HTTP/1.1\r\nHost: localhost\r\n" + field)
        assert caught.value.head.target == line.split()[1]
    assert parse.cache_info().currsize == 0  # type: ignore[attr-defined]


def test_any_other_is() -> None:
    parse = head_parser(Limits())
    head = b"GET /lobby HTTP/1.1\r\nHost: localhost\r\nCookie: parlour_guest=x\r\n"
    assert parse(head) is parse(head)
