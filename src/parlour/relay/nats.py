"""The relay over NATS, for many nodes: a subject for each room, so that a node is sent only what it wants to hear of.

Nothing is kept there and nothing is trusted: who hears of a commit reads it from the store.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from hashlib import blake2b
from typing import Any

from nats.aio.client import Client
from nats.aio.msg import Msg
from nats.aio.subscription import Subscription
from nats.errors import Error

from parlour import log
from parlour.core.relay_address import RelayAddress, parse_relay_address, without_secret
from parlour.relay.sending import SendingRelay

_log = logging.getLogger("parlour.relay")

CONNECT_S = 5
CHECK_S = 5
"""How often the line is asked whether it stands; it is given up after two that were not answered."""

RETRY_S = (0.1, 0.2, 0.5, 1.0)
"""The pauses between two attempts to connect; the last one stays."""

LINES_BYTES = 65536
"""Taken at once from what waits to be sent."""

PENDING: dict[str, Any] = {"pending_msgs_limit": 10_000, "pending_bytes_limit": 4_194_304}
"""What may wait of one subject; more is dropped."""

EVERYBODY = ""
"""In place of a room: every node."""


class NatsRelay(SendingRelay):
    """Implements `chat.ports.Relay` over NATS servers. It comes back by itself, whatever happens to them."""

    def __init__(self, address: str, standing_s: float = 5.0) -> None:
        """`address` is what `parse_relay_address` reads; a connection counts after `standing_s`.

        Raises OSError, ssl.SSLError for files of certificates.
        """
        super().__init__()
        self._shown = without_secret(address)
        self._address = parse_relay_address(address)
        self._tls = _tls(self._address)
        self._secret = b""
        self._changed: set[str] = set()  # rooms that were subscribed to or unsubscribed from
        self._subscriptions: dict[str, Subscription] = {}
        self._is_away, self._standing_s = False, standing_s

    def start(self, secret: bytes) -> None:
        """See `Relay.start`."""
        self._secret = blake2b(secret, digest_size=16, person=b"parlour relay").digest()
        self._task = asyncio.get_running_loop().create_task(self._run())

    def subscribe(self, room: str) -> None:
        """See `Relay.subscribe`."""
        super().subscribe(room)
        self._changed.add(room)
        self._has_work.set()

    def unsubscribe(self, room: str) -> None:
        """See `Relay.unsubscribe`."""
        super().unsubscribe(room)
        self._changed.add(room)
        self._has_work.set()

    def _subject(self, room: str) -> str:
        """That of a room, or of all nodes (""): other deployments have others."""
        return f"parlour.{blake2b(room.encode(), digest_size=16, key=self._secret).hexdigest()}"

    async def _run(self) -> None:
        attempts = 0
        while True:
            client = _Client(self._address.is_encrypted)
            standing: asyncio.TimerHandle | None = None
            try:
                await self._connect(client)
                standing = asyncio.get_running_loop().call_later(self._standing_s, self._stands)
                await self._serve(client)
            except (Error, OSError, ValueError) as error:  # ValueError: of a file with credentials
                self._lost(error)
            except Exception as error:
                _log.exception("the relay failed by a mistake of ours")
                self._lost(error)
            finally:
                if standing is not None:
                    standing.cancel()
                self._outgoing.open(False)
                await client.close()
            attempts = attempts + 1 if self._is_away else 0
            self._is_away = True
            await asyncio.sleep(RETRY_S[min(attempts, len(RETRY_S) - 1)])

    def _stands(self) -> None:
        """The connection has stood for some time: one that breaks at once is none, and is not told of each time."""
        if self._is_away:
            log.event(_log, "relay_back", log.INFO, at=self._shown)
        self._is_away = False

    def _lost(self, error: BaseException) -> None:
        if not self._is_away:
            meaning = "what is written elsewhere is shown up to two seconds later"
            log.event(_log, "relay_away", log.WARNING, at=self._shown, reason=error, meaning=meaning)

    async def _connect(self, client: _Client) -> None:
        """Raises nats.errors.Error, OSError, and ValueError for a file of credentials that is none."""
        options: dict[str, Any] = {"user_credentials": self._address.creds} if self._address.creds else {}
        if self._tls is not None:
            options["tls"] = self._tls
        async with asyncio.timeout(CONNECT_S * (1 + len(self._address.servers))):
            await client.connect(
                list(self._address.servers),
                name="parlour",
                no_echo=True,
                allow_reconnect=False,  # `_run` does it
                max_reconnect_attempts=1,
                reconnect_time_wait=0,
                connect_timeout=CONNECT_S,
                ping_interval=CHECK_S,
                max_outstanding_pings=2,
                error_cb=client.failed,
                closed_cb=self._closed,
                **options,
            )

    async def _closed(self) -> None:
        self._has_work.set()

    async def _serve(self, client: Client) -> None:
        """Send and subscribe until the connection is lost. Raises what tells of that."""
        self._subscriptions, self._changed = {}, {EVERYBODY, *self.rooms}
        self._outgoing.open(True)
        self._has_work.set()
        while client.is_connected:
            await self._has_work.wait()
            self._has_work.clear()
            await self._follow_rooms(client)
            while taken := self._outgoing.take(LINES_BYTES):
                for room, line in taken:
                    await client.publish(self._subject(room), line.encode())
        raise client.last_error or ConnectionError("the connection ended")

    async def _follow_rooms(self, client: Client) -> None:
        """Have NATS send what this node wants to hear of, and nothing else."""
        while self._changed:
            room = self._changed.pop()
            is_wanted = room == EVERYBODY or room in self.rooms
            if is_wanted and room not in self._subscriptions:
                self._subscriptions[room] = await client.subscribe(self._subject(room), cb=self._heard, **PENDING)
            elif not is_wanted and room in self._subscriptions:
                await self._subscriptions.pop(room).unsubscribe()

    async def _heard(self, message: Msg) -> None:
        self.tell(message.data.decode(errors="replace"))


class _Client(Client):
    """A client that tells a server who it is only through TLS, if that was asked for.

    nats-py would go on in clear with a server that says it knows no TLS: so would somebody say who is in between.
    """

    def __init__(self, is_encrypted: bool) -> None:
        super().__init__()
        self._is_encrypted = is_encrypted

    async def failed(self, error: Exception) -> None:
        """Is told of each error; after an attempt to connect nats-py leaves the socket open."""
        _log.debug("NATS: %s", error)
        if not self.is_connected and self._transport is not None:
            self._transport.close()  # type: ignore[no-untyped-call]

    def _connect_command(self) -> bytes:
        if self._is_encrypted and not self._server_info.get("tls_required"):
            raise ConnectionError("the server offers no TLS, and tls:// was asked for")
        command: bytes = super()._connect_command()
        return command


def _tls(address: RelayAddress) -> ssl.SSLContext | None:
    """Raises OSError, ssl.SSLError."""
    if not address.is_encrypted:
        return None
    context = ssl.create_default_context(cafile=address.ca)
    if address.cert is not None:
        context.load_cert_chain(address.cert, address.key)
    return context
