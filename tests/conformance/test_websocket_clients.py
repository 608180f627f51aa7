"""WebSocket clients that others wrote: what they offer, how they close, and that they hear what they say."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Protocol, TypeAlias

import pytest
import websocket

from tests.conformance.hostile_texts import HOSTILE
from tests.conformance.npm_packages import NPM, install
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

Heard: TypeAlias = tuple[str, str | int]
"""`("message", data)`, `("pong", data)`, or, at the end, `("close", code)`."""


class Talker(Protocol):
    """A client with an open WebSocket."""

    def say(self, line: str) -> None:
        """Send a message; `ping` and `close` are what they say."""

    def hear(self) -> Heard:
        """Wait for the next."""


class Npm:
    """npm's ws, in Node; it offers permessage-deflate."""

    def __init__(self, node: subprocess.Popen[str]) -> None:
        assert node.stdin is not None
        assert node.stdout is not None
        self._input, self._output = node.stdin, node.stdout

    def say(self, line: str) -> None:
        self._input.write(line + "\n")
        self._input.flush()

    def hear(self) -> Heard:
        kind, what = json.loads(self._output.readline())
        return kind, what


@contextmanager
def npm_ws(url: str) -> Iterator[Talker]:
    install()
    pipe = subprocess.PIPE
    with subprocess.Popen(["node", "talk.mjs", url], cwd=NPM, stdin=pipe, stdout=pipe, text=True) as node:
        yield Npm(node)


class Pypi:
    """PyPI's websocket-client."""

    def __init__(self, connection: websocket.WebSocket) -> None:
        self._connection = connection

    def say(self, line: str) -> None:
        if line == "ping":
            self._connection.ping("are you there?")
        elif line == "close":
            self._connection.send_close(1000)
        else:
            self._connection.send(line)

    def hear(self) -> Heard:
        opcode, frame = self._connection.recv_data_frame(control_frame=True)
        if opcode == websocket.ABNF.OPCODE_CLOSE:
            return "close", int.from_bytes(frame.data[:2], "big")
        if opcode == websocket.ABNF.OPCODE_PING:
            return self.hear()
        return ("pong" if opcode == websocket.ABNF.OPCODE_PONG else "message"), frame.data.decode()


@contextmanager
def websocket_client(url: str) -> Iterator[Talker]:
    connection = websocket.create_connection(url, timeout=TIMEOUT_S)
    try:
        yield Pypi(connection)
    finally:
        connection.shutdown()  # type: ignore[no-untyped-call]


def items(talker: Talker, kind: str, count: int) -> list[dict[str, object]]:
    """The next so many items of one type; the others are dropped."""
    found: list[dict[str, object]] = []
    while len(found) < count:
        what, data = talker.hear()
        assert what == "message", (what, data)
        item = json.loads(str(data))
        found += [item] if item["type"] == kind else []
    return found


@pytest.mark.parametrize("client", [npm_ws, websocket_client])
def test_a_client_hears_what_it_says_pings_and_closes_in_good_order(
    client: Callable[[str], AbstractContextManager[Talker]], tmp_path: Path
) -> None:
    with ServerProcess(tmp_path / "data") as server, client(f"ws://127.0.0.1:{server.port}/talk") as talker:
        items(talker, "caught_up", 1)
        for number, text in enumerate(HOSTILE):
            talker.say(json.dumps({"op": "send", "text": text, "key": f"key-{number:04}"}))
        assert [item["text"] for item in items(talker, "message", len(HOSTILE))] == list(HOSTILE)
        talker.say("ping")
        while (heard := talker.hear())[0] == "message":
            pass
        assert heard == ("pong", "are you there?")
        talker.say("close")
        while (heard := talker.hear())[0] == "message":
            pass
        assert heard == ("close", 1000)
