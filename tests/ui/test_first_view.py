"""What a page costs to open, counted by Chromium itself: requests, and bytes as they come over the wire."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from tests.support.browser import Person
from tests.ui.conftest import Visit

MESSAGES = 50
WORDS = "The quick brown fox jumps over the lazy dog while seventeen engineers argue about semicolons"


class Traffic:
    """What a page asks for, from now on. `bytes` are those on the wire, heads included; what the cache has is none."""

    def __init__(self, person: Person) -> None:
        self.asked: list[str] = []
        self.sockets: list[str] = []
        self.bytes = 0
        self._cached: set[str] = set()
        self._addresses: dict[str, str] = {}
        tools = person.context.new_cdp_session(person.page)
        tools.on("Network.requestWillBeSent", lambda event: self._sent(event["requestId"], event["request"]["url"]))
        tools.on("Network.requestServedFromCache", lambda event: self._cached.add(event["requestId"]))
        tools.on("Network.responseReceived", self._answered)
        tools.on("Network.loadingFinished", self._finished)
        tools.on("Network.webSocketCreated", lambda event: self.sockets.append(urlsplit(event["url"]).path))
        tools.send("Network.enable")

    def _sent(self, request: str, address: str) -> None:
        self._addresses[request] = urlsplit(address).path

    def _answered(self, event: dict[str, dict[str, bool]]) -> None:
        if event["response"].get("fromDiskCache"):
            self._cached.add(str(event["requestId"]))

    def _finished(self, event: dict[str, str | float]) -> None:
        request = str(event["requestId"])
        if request in self._addresses and request not in self._cached:
            self.asked.append(self._addresses[request])
            self.bytes += int(event["encodedDataLength"])


def test_first_view_is_few_requests_and_few_bytes_and_the_second_is_the_page_alone(
    visit: Visit, say: Callable[..., int], room: str
) -> None:
    for number in range(MESSAGES):
        words = [WORDS.split()[(number * 7 + step * step) % 15] for step in range(4 + number % 23)]
        say(room, " ".join(words), f"person {number % 5}")
    alice = visit("/healthz", live=False)
    first = Traffic(alice)
    alice.page.goto(f"/{room}")
    alice.wait_for_line("live")
    alice.page.wait_for_load_state("networkidle")
    assert len(first.asked) <= 4, first.asked
    assert f"/{room}" in first.asked
    assert first.sockets == [f"/{room}"]
    assert first.bytes <= 60_000
    alice.page.goto("/healthz")
    second = Traffic(alice)
    alice.page.goto(f"/{room}")
    alice.wait_for_line("live")
    alice.page.wait_for_load_state("networkidle")
    assert second.asked == [f"/{room}"]
    assert second.sockets == [f"/{room}"]


def test_error_page_is_no_more_than_itself_its_style_and_its_icon(visit: Visit) -> None:
    alice = visit("/healthz", live=False)
    traffic = Traffic(alice)
    alice.page.goto("/lobby.with/nothing")
    alice.page.wait_for_load_state("networkidle")
    assert len(traffic.asked) <= 3, traffic.asked
    alice.complaints.clear()  # Chromium says that the answer was 404
