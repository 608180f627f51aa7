"""A mail server, as a program: aiosmtpd on a free port of 127.0.0.1, which keeps what it takes as files of a folder.

Arguments: the folder; `--tls CERT KEY` (STARTTLS, without which nothing is taken), `--smtps` (TLS from the first byte
instead), `--auth USER PASSWORD` (which nothing is taken without). The file `answer` in the folder, while there is one,
is what it says to the text of a mail (`451 later`), `recipient` what to an address; `cut` takes the mail and cuts the
line before it says so.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import ssl
from email.message import Message
from pathlib import Path
from typing import Any

from aiosmtpd.handlers import AsyncMessage
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, Session


class _Keeper(AsyncMessage):
    def __init__(self, directory: Path) -> None:
        super().__init__()
        self._directory = directory
        self._numbers = itertools.count(1)

    def _said(self, name: str) -> str:
        file = self._directory / name
        return file.read_text(encoding="ascii").strip() if file.is_file() else ""

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if refusal := self._said("recipient"):
            return refusal
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        if answer := self._said("answer"):
            return answer
        if session.ssl is None and server.require_starttls:
            return "530 Must issue a STARTTLS command first"
        new = self._directory / f"{next(self._numbers):04d}"
        content = envelope.content
        assert isinstance(content, bytes)
        new.write_bytes(f"{','.join(envelope.rcpt_tos)}\n".encode() + content)
        new.rename(new.with_suffix(".eml"))
        if (self._directory / "cut").is_file():
            assert isinstance(server.transport, asyncio.WriteTransport)
            server.transport.abort()
        return "250 OK"

    async def handle_message(self, message: Message) -> None:
        raise NotImplementedError


async def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("directory", type=Path)
    parser.add_argument("--tls", nargs=2)
    parser.add_argument("--smtps", action="store_true")
    parser.add_argument("--auth", nargs=2)
    options = parser.parse_args()
    context = None
    if options.tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*options.tls)

    def authenticate(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=[data.login.decode(), data.password.decode()] == options.auth, handled=False)

    def make() -> SMTP:
        return SMTP(
            _Keeper.shared,  # type: ignore[attr-defined]
            hostname="mail.test",
            require_starttls=context is not None and not options.smtps,
            tls_context=None if options.smtps else context,
            auth_required=options.auth is not None,
            auth_require_tls=context is not None and not options.smtps,
            authenticator=authenticate if options.auth else None,
        )

    _Keeper.shared = _Keeper(options.directory)  # type: ignore[attr-defined]
    tls = context if options.smtps else None
    server = await asyncio.get_running_loop().create_server(make, "127.0.0.1", 0, ssl=tls)
    print(server.sockets[0].getsockname()[1], flush=True)  # noqa: T201
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
