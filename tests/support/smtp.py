"""A real mail server as a process of its own (`smtp_server.py`), and the mail that it has taken."""

from __future__ import annotations

import email
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

from tests.support.server import ROOT, ServerProcess
from tests.support.timeout import TIMEOUT_S, wait_until


@dataclass(frozen=True)
class Taken:
    """A mail that has come: for whom the line was told that it is, and the mail."""

    to: str
    message: EmailMessage

    @property
    def text(self) -> str:
        """Its plain text."""
        body = self.message.get_body(("plain",))
        assert body is not None
        return str(body.get_content())

    @property
    def html(self) -> str:
        """The same words as HTML."""
        body = self.message.get_body(("html",))
        assert body is not None
        return str(body.get_content())

    @property
    def link(self) -> str:
        """The address in it."""
        found = re.search(r"^(https?://\S+)\r?$", self.text, re.MULTILINE)
        assert found is not None, self.text
        return found[1]


class MailServer:
    """Where mail goes in a test. `answer`, `recipient` and `cut` are what it says next (`smtp_server.py`)."""

    def __init__(self, directory: Path, port: int) -> None:
        self.directory = directory
        self.port = port

    def say(self, name: str, text: str | None) -> None:
        """Have it say this from now on; None: what is right."""
        file = self.directory / name
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text, encoding="ascii")

    def taken(self) -> list[Taken]:
        """All that has come, in order."""
        found = []
        for file in sorted(self.directory.glob("*.eml")):
            to, _, content = file.read_bytes().partition(b"\n")
            message = email.message_from_bytes(content, policy=default)
            assert isinstance(message, EmailMessage)
            found.append(Taken(to.decode(), message))
        return found

    def next(self, to: str, subject: str = "") -> Taken:
        """Wait for the newest mail to an address, with this in its subject, and take it away."""

        def found() -> bool:
            return any(mail.to == to and subject in mail.message["Subject"] for mail in self.taken())

        wait_until(found)
        for file, mail in reversed(list(zip(sorted(self.directory.glob("*.eml")), self.taken(), strict=True))):
            if mail.to == to and subject in mail.message["Subject"]:
                file.unlink()
                return mail
        raise AssertionError("somebody else has taken it")


@contextmanager
def mail_server(directory: Path, *options: str) -> Iterator[MailServer]:
    """Run one with these options of the program; it listens when this begins."""
    directory.mkdir(exist_ok=True)
    command = [sys.executable, "-P", str(ROOT / "tests/support/smtp_server.py"), str(directory), *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield MailServer(directory, int(process.stdout.readline()))
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def with_mail(server: ServerProcess, mail_port: int, host: str = "127.0.0.1") -> ServerProcess:
    """The same server, before its start, with a mail server at that port and a public URL, which mail needs."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        server.port = free.getsockname()[1]
    mail = ("--mail", f"smtp://127.0.0.1:{mail_port}", "--mail-from", "Example Chat <chat@example.org>")
    server.options = (*server.options, *mail, "--public-url", f"http://{host}:{server.port}")
    return server
