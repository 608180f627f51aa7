"""TLS with certificates made by openssl and a real client, before and after a reload."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from pathlib import Path
from typing import cast

import pytest
import uvloop

from parlour.net.listener import Listener, open_listeners
from parlour.net.tls import ServerTls, TlsError
from tests.support.certificates import make_certificate


class Echo(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        self.transport.write(data)


async def shake_hands(listener: Listener, trust: Path, **options: object) -> ssl.SSLObject:
    """Connect with a client that trusts one certificate only; returns the finished handshake."""
    context = ssl.create_default_context(cafile=str(trust))
    for name, value in options.items():
        setattr(context, name, value)
    context.set_alpn_protocols(["h2", "http/1.1"])
    host, port = listener.sock.getsockname()
    reader, writer = await asyncio.open_connection(host, port, ssl=context)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    found: ssl.SSLObject = writer.get_extra_info("ssl_object")
    writer.close()
    await writer.wait_closed()
    return found


@pytest.mark.parametrize("kinds", [("ec", "ec"), ("rsa", "ec"), ("ec", "rsa")])
def test_a_new_certificate_is_served_after_a_reload_and_a_bad_one_is_not(
    tmp_path: Path, kinds: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    one, two = make_certificate(tmp_path, "one", kinds[0]), make_certificate(tmp_path, "two", kinds[1])
    cert, key = tmp_path / "live.pem", tmp_path / "live.key"
    cert.write_bytes(one[0].read_bytes())
    key.write_bytes(one[1].read_bytes())

    async def scenario() -> None:
        tls = ServerTls(cert, key)
        (listener,) = open_listeners(["127.0.0.1"], 0, environ={})
        server = await asyncio.get_running_loop().create_server(Echo, sock=listener.sock, ssl=tls.context)
        try:
            first = await shake_hands(listener, one[0])
            assert first.selected_alpn_protocol() == "http/1.1"
            assert first.version() == "TLSv1.3"
            with pytest.raises(ssl.SSLCertVerificationError):
                await shake_hands(listener, two[0])

            cert.write_bytes(b"half a certifi")
            assert not tls.reload()
            cert.write_bytes(two[0].read_bytes())  # its key is still the old one
            assert not tls.reload()
            await shake_hands(listener, one[0])

            key.write_bytes(two[1].read_bytes())
            assert tls.reload()
            await shake_hands(listener, two[0])
            await shake_hands(listener, two[0], maximum_version=ssl.TLSVersion.TLSv1_2)
            with pytest.raises(ssl.SSLCertVerificationError):
                await shake_hands(listener, one[0])
        finally:
            server.close()
            await server.wait_closed()
            listener.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(scenario())
    assert [record.getMessage() for record in caplog.records if record.name == "parlour.net.tls"] == [
        "tls_reload_failed",
        "tls_reload_failed",
        "tls_reloaded",
    ]


def test_versions_before_1_2_are_off(tmp_path: Path) -> None:
    """RFC 8996."""
    assert ServerTls(*make_certificate(tmp_path, "one")).context.minimum_version == ssl.TLSVersion.TLSv1_2


def test_files_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    cert, key = make_certificate(tmp_path, "one")
    other_cert, _ = make_certificate(tmp_path, "two")
    locked_cert, locked_key = make_certificate(tmp_path, "locked", is_locked=True)
    shutil.copy(cert, tmp_path / "text.pem")
    (tmp_path / "text.pem").write_text("hello")
    for bad_cert, bad_key, reason in [
        (tmp_path / "absent.pem", key, "Cannot read .*absent.pem: No such file"),
        (cert, tmp_path / "absent.key", "Cannot read .*absent.key: No such file"),
        (other_cert, key, "key values mismatch"),
        (tmp_path / "text.pem", key, "text.pem.* not in PEM form"),
        (locked_cert, locked_key, "password"),
    ]:
        with pytest.raises(TlsError, match=reason):
            ServerTls(bad_cert, bad_key)
