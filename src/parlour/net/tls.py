"""TLS for the TCP listeners, with a certificate that can be replaced while connections are open."""

from __future__ import annotations

import logging
import ssl
from pathlib import Path

from parlour.log import ERROR, event

_log = logging.getLogger(__name__)


class TlsError(Exception):
    """A certificate or key cannot be used; the text says which file and why."""


class ServerTls:
    """A server context whose handshakes use the newest certificate that could be loaded.

    `context` is given to the listeners once. It hands every handshake on to the context of the newest certificate when
    the ClientHello is read. Loaded into the same context, a certificate with another type of key would stand beside the
    old one, and OpenSSL would go on choosing the old one for some clients.
    """

    def __init__(self, cert: Path, key: Path) -> None:
        """Load the chain and its key. Blocks for two small files. Raises TlsError."""
        self._cert = cert
        self._key = key
        self.context = self._current = _load(cert, key)
        self.context.sni_callback = self._choose

    def reload(self) -> bool:
        """Read the files again (SIGHUP), for the next handshakes; False, with a log line, if the old ones stay."""
        try:
            self._current = _load(self._cert, self._key)
        except TlsError as error:
            event(_log, "tls_reload_failed", ERROR, reason=error)
            return False
        event(_log, "tls_reloaded", certificate=self._cert)
        return True

    def _choose(self, connection: ssl.SSLObject | ssl.SSLSocket, _name: str | None, _context: ssl.SSLContext) -> None:
        """Called for every ClientHello, with or without a server name (SSL_CTX_set_tlsext_servername_callback(3))."""
        connection.context = self._current


def _load(cert: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2  # RFC 8996: older ones must not be used
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_alpn_protocols(["http/1.1"])
    for file in (cert, key):
        try:
            file.open("rb").close()
        except OSError as error:
            raise TlsError(f"Cannot read {file}: {error.strerror}.") from error
    try:
        context.load_cert_chain(cert, key, password=_no_password)
    except (ssl.SSLError, OSError) as error:
        named = getattr(error, "reason", None)  # OpenSSL names none when it finds no PEM block at all
        reason = named.replace("_", " ").lower() if named else "one of them is not in PEM form"
        raise TlsError(f"The certificate {cert} and the key {key} cannot be used: {reason}.") from error
    return context


def _no_password() -> str:
    raise TlsError("The key is protected by a password, which nobody could type at a restart: store it without one.")
