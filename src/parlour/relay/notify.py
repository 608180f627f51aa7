"""The relay over PostgreSQL: `NOTIFY` on one channel, many lines in each, through a connection of its own."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

import asyncpg

from parlour import log
from parlour.core.store_address import without_password
from parlour.relay.sending import SendingRelay

_log = logging.getLogger("parlour.relay")

CHANNEL = "parlour"
_NOTIFY = "SELECT pg_notify('parlour', $1)"

PAYLOAD_BYTES = 7900
"""What one NOTIFY takes: PostgreSQL says less than 8000."""

SETTINGS = {"application_name": "parlour relay", "synchronous_commit": "off", "tcp_user_timeout": "10000"}
"""Of the connection: what it says may be lost, so it waits for no disk."""

TIMEOUT_S = 10.0
"""The line stands still if something takes longer."""

CHECK_S = 5.0
"""How often a line that is silent is asked whether it stands."""

RETRY_S = (0.1, 0.2, 0.5, 1.0)
"""The pauses between two attempts to connect; the last one stays."""

GONE = (OSError, asyncpg.InterfaceError, asyncpg.PostgresError, asyncpg.InternalClientError)


class NotifyRelay(SendingRelay):
    """Implements `chat.ports.Relay` over the database that all nodes have."""

    def __init__(self, url: str, node: str) -> None:
        """`node` is what no other node is called: PostgreSQL brings everybody also what they said themselves."""
        super().__init__()
        self._url, self._node = url, node

    def start(self, secret: bytes) -> None:
        """See `Relay.start`."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def _run(self) -> None:
        attempts = 0
        while True:
            try:
                connection = await asyncpg.connect(
                    self._url, timeout=TIMEOUT_S, command_timeout=TIMEOUT_S, server_settings=SETTINGS
                )
                try:
                    await connection.add_listener(CHANNEL, self._heard)
                    attempts = 0
                    await self._send(connection)
                finally:
                    self._outgoing.open(False)
                    connection.terminate()
            except GONE as error:
                log.event(_log, "relay_away", log.DEBUG, at=without_password(self._url), reason=error)
            except Exception:
                _log.exception("the relay failed by a mistake of ours")
            await asyncio.sleep(RETRY_S[min(attempts, len(RETRY_S) - 1)])
            attempts += 1

    async def _send(self, connection: asyncpg.Connection[Any]) -> None:
        """Send what waits, until the connection is lost. Raises what is in `GONE`, TimeoutError."""
        self._outgoing.open(True)
        while True:
            try:
                async with asyncio.timeout(CHECK_S):
                    await self._has_work.wait()
            except TimeoutError:
                await connection.execute("SELECT 1")
            self._has_work.clear()
            while taken := self._outgoing.take(PAYLOAD_BYTES - len(self._node)):
                await connection.execute(_NOTIFY, "\n".join([self._node, *(line for _, line in taken)]))

    def _heard(self, _connection: object, _pid: int, _channel: str, payload: object) -> None:
        node, *lines = str(payload).split("\n")
        if node != self._node:
            for line in lines:
                self.tell(line)
