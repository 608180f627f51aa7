"""The largest message, of everything that is hard to carry: unchanged through JSON, harmless through text and HTML."""

from __future__ import annotations

import json
from html.parser import HTMLParser

import httpx

from parlour.core.text import MAX_TEXT_BYTES, MAX_TEXT_LINES
from tests.support import raw
from tests.support.server import ServerProcess

PIECES = (
    "Grüße, ",
    "здравствуйте 😀👩‍👩‍👧‍👦🏳️‍🌈 ",
    "مرحبا \u202eevil\u202c ",
    "नमस्ते ",
    "你好，世界 ",
    "\u2066isolated\u2069\u200f\u200e ",
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \x08\x7f ",
    "<script>alert(1)</script> &amp; <img src=x onerror=alert(1)> ",
    "\u2028line\u2029paragraph\u0085next ",
    "data: id: event:\r\n\r",
    "2026-11-22T06:41:23Z admin: forged\n",
    "z̸̢a̴͜l̵g̶o ",
    "\ufeff\u200b\u00ad ",
    '"quotes" \\ \\u0000 ',
)
TEXT = ""
while len((TEXT + "".join(PIECES)).encode()) <= MAX_TEXT_BYTES:
    TEXT += "".join(PIECES)
TEXT += "x" * (MAX_TEXT_BYTES - len(TEXT.encode()))


class Texts(HTMLParser):
    """What a page loads and runs, and its text."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.sources: list[str] = []
        self.handlers: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.sources += [value or "" for name, value in attrs if name == "src"]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_largest_message_of_hostile_text(server: ServerProcess, http: httpx.Client) -> None:
    room = "hostile-text"
    assert len(TEXT.encode()) == MAX_TEXT_BYTES
    assert TEXT.count("\n") + TEXT.count("\r") < MAX_TEXT_LINES
    sent = http.post(f"/{room}", json={"text": TEXT})
    assert sent.status_code == 201, sent.text
    assert sent.json()["text"] == TEXT
    assert http.get(f"/{room}?format=json").json()["events"][0]["text"] == TEXT
    assert json.loads(http.get(f"/{room}?format=ndjson").content)["text"] == TEXT
    for transport in raw.TRANSPORTS[:3]:
        with raw.connected(server.port) as sock:
            sock.sendall(raw.ask(transport, room, 0, ""))
            stream = raw.read_until(sock, raw.is_caught_up(transport))
        assert [json.loads(event)["text"] for event in raw.events(transport, stream)] == [TEXT], transport.name

    plain = http.get(f"/{room}").content.decode()
    first, *others = plain.removesuffix("\n").split("\n")
    assert first.startswith("2")
    assert all(line.startswith("  ") for line in others), "a line of the message poses as another message"
    assert not [char for char in plain if ord(char) < 32 and char != "\n"], "control characters reach the terminal"
    assert not [char for char in plain if 0x7F <= ord(char) < 0xA0]
    assert not [char for char in plain if char in "\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u2028\u2029"]

    page = http.get(f"/{room}?format=html")
    parsed = Texts()
    parsed.feed(page.text)
    assert [source for source in parsed.sources if not source.startswith("/static/")] == [f"/rooms/{room}/qr"]
    assert parsed.handlers == []
    assert page.text.count("<script") == 1  # our own
    assert "<script>alert(1)</script> &amp; <img src=x onerror=alert(1)>" in parsed.text
