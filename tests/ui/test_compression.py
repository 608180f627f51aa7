"""The page in a browser whose WebSocket is compressed: both directions, by Chromium's own inflating and deflating."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.server import ServerProcess
from tests.ui.conftest import Visit

LONG = "A long message, whose words come again and again. " * 200


@pytest.fixture(scope="module")
def compressing(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("compressing") / "data", "--websocket-compression", "on") as running:
        yield running


def test_two_people_talk_over_compressed_lines(compressing: ServerProcess, room: str, visit: Visit) -> None:
    alice, bob = visit(f"/{room}", at=compressing), visit("/help", at=compressing, live=False)
    tools = bob.context.new_cdp_session(bob.page)
    answers: list[str] = []
    tools.on(
        "Network.webSocketHandshakeResponseReceived",
        lambda answer: answers.append(answer["response"]["headers"]["Sec-WebSocket-Extensions"]),
    )
    tools.send("Network.enable")
    bob.page.goto(f"/{room}")
    bob.wait_for_line("live")
    assert answers == ["permessage-deflate; server_no_context_takeover; client_no_context_takeover"]
    for person, other, text in ((alice, bob, "Hello, Bob"), (bob, alice, LONG.strip()), (alice, bob, "Bye 🜁 κόσμε")):
        person.write(text)
        for page in (person.page, other.page):
            page.wait_for_function("text => document.querySelector('main').innerText.includes(text)", arg=text)
