"""The addresses that people type."""

from __future__ import annotations

import pytest

from parlour.client.room import Room, parse_room, parse_servers


@pytest.mark.parametrize(
    ("typed", "server", "name", "url"),
    [
        ("http://h:8080/lobby", "http://h:8080", "lobby", "http://h:8080/lobby"),
        ("https://chat.example/dev", "https://chat.example", "dev", "https://chat.example/dev"),
        ("localhost:8080/lobby", "http://localhost:8080", "lobby", "http://localhost:8080/lobby"),
        ("HTTP://Host/Lobby/", "http://host", "lobby", "http://host/lobby"),
        ("h:1", "http://h:1", "lobby", "http://h:1/lobby"),
        ("h:1/", "http://h:1", "lobby", "http://h:1/lobby"),
        ("[::1]:8080/a.b-c_d", "http://[::1]:8080", "a.b-c_d", "http://[::1]:8080/a.b-c_d"),
        ("https://h/chat/lobby", "https://h/chat", "lobby", "https://h/chat/lobby"),
        ("h/a/b.c/lobby/", "http://h/a/b.c", "lobby", "http://h/a/b.c/lobby"),
        ("h/Chat/Lobby", "http://h/Chat", "lobby", "http://h/Chat/lobby"),
        ("h/chat/2026/", "http://h/chat", "2026", "http://h/chat/2026"),
        ("h/42", "http://h", "42", "http://h/42"),
        ("http://h:8080/~leads-x7k2m9", "http://h:8080", "~leads-x7k2m9", "http://h:8080/~leads-x7k2m9"),
        ("https://h/chat/~Leads-x7k2m9", "https://h/chat", "~leads-x7k2m9", "https://h/chat/~leads-x7k2m9"),
        ("h/Räume", "http://h", "räume", "http://h/r%C3%A4ume"),
        ("h/%E6%97%A5%E6%9C%AC", "http://h", "日本", "http://h/%E6%97%A5%E6%9C%AC"),
    ],
)
def test_address_is_taken_apart(typed: str, server: str, name: str, url: str) -> None:
    room = parse_room(typed)
    assert room == Room(server, name)
    assert room.url == url


@pytest.mark.parametrize(
    ("typed", "reason"),
    [
        ("ws://h/lobby", "http://"),
        ("http:///lobby", "host"),
        ("", "host"),
        ("h:99999/lobby", "not an address"),
        ("h:port/lobby", "not an address"),
        ("[::1/lobby", "not an address"),
        ("http://me:secret@h/lobby", "PARLOUR_TOKEN"),
        ("h/lobby/42", "message 42"),
        ("h/chat/lobby/42", "message 42"),
        ("h//lobby", "a path before that"),
        ("h/chat//lobby", "a path before that"),
        ("h/../lobby", "a path before that"),
        ("h/chat/../lobby", "a path before that"),
        ("h/./lobby", "a path before that"),
        ("h/a%2Fb/lobby", "a path before that"),
        ("h/chat/api", "itself"),
        ("h/lobby?follow=1", "ends with its name"),
        ("h/lobby#x", "ends with its name"),
        ("h/api", "itself"),
        ("h/a b", "letters, digits"),
        ("h/%FF", "UTF-8"),
        ("h\x1b/lobby", "host"),
    ],
)
def test_address_that_cannot_be_is_refused_with_a_reason(typed: str, reason: str) -> None:
    with pytest.raises(ValueError, match=r".") as caught:
        parse_room(typed)
    assert reason in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("typed", "servers"),
    [
        ("h:8080", ["http://h:8080"]),
        ("https://H/", ["https://h"]),
        ("https://h/login?next=/lobby", ["https://h/login", "https://h"]),
        ("https://h/chat/lobby", ["https://h/chat/lobby", "https://h/chat", "https://h"]),
        ("https://h/chat/r%C3%A4ume/", ["https://h/chat", "https://h"]),
        ("https://h/../lobby", ["https://h"]),
    ],
)
def test_a_server_is_at_an_address_or_above_it(typed: str, servers: list[str]) -> None:
    assert parse_servers(typed) == servers


def test_an_address_with_a_password_is_that_of_no_server() -> None:
    with pytest.raises(ValueError, match="parlour login") as caught:
        parse_servers("https://me:secret@h/")
    assert "secret" not in str(caught.value)
