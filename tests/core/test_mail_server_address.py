"""The address of a mail server: what it means, and that its password is shown to nobody."""

from __future__ import annotations

import pytest

from parlour.core.mail_server_address import MailServer, parse_mail_server, without_mail_password


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("smtp://mail.example.org", MailServer("mail.example.org", 587, is_tls=False, needs_tls=True)),
        ("smtps://mail.example.org", MailServer("mail.example.org", 465, is_tls=True, needs_tls=False)),
        (
            "smtp://chat:s%40crt@mail.example.org:25",
            MailServer("mail.example.org", 25, is_tls=False, needs_tls=True, user="chat", password="s@crt"),  # noqa: S106
        ),
        ("smtp://127.0.0.1:25", MailServer("127.0.0.1", 25, is_tls=False, needs_tls=False)),
        ("smtp://mail:25?starttls=off", MailServer("mail", 25, is_tls=False, needs_tls=False)),
        ("smtps://mail?ca=/etc/own.pem", MailServer("mail", 465, is_tls=True, needs_tls=False, ca="/etc/own.pem")),
    ],
)
def test_what_an_address_means(text: str, server: MailServer) -> None:
    assert parse_mail_server(text) == server


@pytest.mark.parametrize(
    "text",
    [
        "mail.example.org",
        "http://mail.example.org",
        "smtp://",
        "smtp://mail:0",
        "smtp://mail:70000",
        "smtp://chat@mail",
        "smtp://mail/path",
        "smtp://mail?starttls=on",
        "smtps://mail?starttls=off",
        "smtp://chat:secret@mail?starttls=off",
        "smtp://mail?what=1",
        "smtp://ma il",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_mail_server(text)


@pytest.mark.parametrize("text", ["smtp://chat:secret@mail:25", "smtp://chat:secret@mail:25/?what=secret", "secret@x"])
def test_a_password_is_not_shown(text: str) -> None:
    assert "secret" not in without_mail_password(text)
