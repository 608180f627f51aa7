"""What people's tools say arrives as it was written, or is refused with the way to send it: no word is lost unsaid."""

from __future__ import annotations

import itertools
import json
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlencode

import httpx
import pytest

from tests.support.server import ServerProcess

_ROOMS = itertools.count(1)
FORM = "application/x-www-form-urlencoded"

TEXTS = {
    "a word": "Hello",
    "words": "Hello World",
    "ampersand": "Tom & Jerry at 5+5",
    "plus": "5+5",
    "percent": "100% of 50%",
    "what looks like an escape": "a%20b %41 %E2%82",
    "quotes": "\"double\" 'single' `back`",
    "lines": "one\ntwo\n\nthree",
    "address with a query": "see https://ci.example/?a=1&text=foo&message=bar",
    "emoji": "🙂 👩\u200d🚀 🏴",
    "scripts": "Grüße, 你好, שלום, हिन्दी",
    "at": "@home",
    "what looks like a field": "message=no&name=no",
    "what looks like JSON": '{"text":"a & b"}',
    "backslashes": r"a\nb \\ \u0041",
    "equals": "a=b==",
    "16 KiB": "long & " * 2340,
}


class Room:
    """A room that nobody has spoken in."""

    def __init__(self, http: httpx.Client, url: str) -> None:
        self.http = http
        self.name = f"tools-{next(_ROOMS)}"
        self.url = f"{url}/{self.name}"

    def said(self) -> list[str]:
        """The texts in it."""
        events = self.http.get(f"/{self.name}?format=json&since=0").json()["events"]
        return [event["text"] for event in events]


@pytest.fixture
def room(server: ServerProcess, http: httpx.Client) -> Room:
    return Room(http, server.url)


def run(*command: str, text: str = "") -> str:
    """Run a program that says a text, on its standard input too; gives what it printed."""
    done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=60, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


def curl(*arguments: str, text: str = "") -> str:
    return run("curl", "-sS", *arguments, text=text)


def by_dotnet(room: Room, text: str) -> str:
    """As `Invoke-WebRequest -Body @{message = …}` writes it: `!()*-._` stay, a space is a plus sign."""
    return room.http.post(
        room.url, content=urlencode({"message": text}, safe="!()*"), headers={"Content-Type": FORM}
    ).text


Send = Callable[[Room, str], str]
ENCODED: dict[str, Send] = {
    "curl --data-urlencode": lambda room, text: curl("--data-urlencode", "message@-", room.url, text=text),
    "curl with a typed name": lambda room, text: curl(
        "--data-urlencode", "message@-", "-d", "name=Bob Smith", room.url, text=text
    ),
    "curl -F": lambda room, text: curl("-F", "message=<-", room.url, text=text),
    "curl --json": lambda room, text: curl("--json", json.dumps({"text": text}), room.url),
    "curl -T": lambda room, text: curl("-T", "-", room.url, text=text),
    "curl of plain text": lambda room, text: curl(
        "-H", "Content-Type: text/plain", "--data-binary", "@-", room.url, text=text
    ),
    "httpx, a form": lambda room, text: room.http.post(room.url, data={"message": text}).text,
    "httpx, parts": lambda room, text: room.http.post(room.url, files={"message": (None, text)}).text,
    "urllib and requests": lambda room, text: (
        room.http.post(
            room.url, content=urlencode({"name": "zoë +", "message": text}), headers={"Content-Type": FORM}
        ).text
    ),
    "PowerShell, a form": by_dotnet,
}


@pytest.mark.parametrize("send", ENCODED.values(), ids=ENCODED)
def test_what_encodes_says_every_text(room: Room, send: Send) -> None:
    answers = [send(room, text) for text in TEXTS.values()]
    assert room.said() == list(TEXTS.values()), answers


@pytest.mark.parametrize(
    "body",
    [
        "new URLSearchParams({message: text})",
        "text",
        "new URLSearchParams('message=' + encodeURIComponent(text))",
        "JSON.stringify({text}), headers: {'Content-Type': 'application/json'}",
    ],
)
def test_a_script_says_every_text(room: Room, body: str) -> None:
    script = f"""
    (async () => {{
      for (const text of JSON.parse(require("fs").readFileSync(0, "utf8")))
        console.log(await (await fetch({room.url!r}, {{ method: "POST", body: {body} }})).text());
    }})();"""
    answer = run("node", "-e", script, text=json.dumps(list(TEXTS.values())))
    assert room.said() == list(TEXTS.values()), answer


STORED = None
"""As it was typed."""

TYPED: list[tuple[str, str | None]] = [
    ("Hello", STORED),
    ("Hello World", STORED),
    ("Tom & Jerry at 5+5", "bad_form"),
    ("what is 5+5", "bad_form"),
    ("C++", "bad_form"),
    ("(a+b)", "bad_form"),
    ("5+5!", "bad_form"),
    ("+1", "bad_form"),
    ("+", "bad_form"),
    ("AT&T rocks", "bad_form"),
    ("100%", STORED),
    ("100% of 50%", STORED),
    ("50%20or so", "bad_form"),
    ("\"double\" 'single' `back`", STORED),
    ("it's", STORED),
    ("one\ntwo", STORED),
    ("https://ci.example/?a=1", STORED),
    ("see https://ci.example/?a=1&text=foo", "bad_form"),
    ("see https://ci.example/?a=1&name=foo", "bad_form"),
    ("🙂 👩\u200d🚀", STORED),
    ("Grüße, 你好", STORED),
    ("@home", STORED),
    ("a=b==", STORED),
    ("", "blank_text"),
    ("long " * 3276, STORED),
]
"""The first command of the README with a text in it: what is stored, or why it is refused."""


@pytest.mark.parametrize(("text", "code"), TYPED)
@pytest.mark.parametrize("tool", ["curl", "wget"])
def test_what_is_typed_behind_message_is_kept_or_refused(
    server: ServerProcess, room: Room, tool: str, text: str, code: str | None
) -> None:
    body = f"room={room.name}&message={text}"
    if tool == "curl":
        answer = curl("-X", "POST", f"{server.url}/send", "-d", body)
    else:
        answer = run("wget", "-q", "--content-on-error", "-O", "-", "--post-data", body, f"{server.url}/send")
    assert room.said() == ([text] if code is STORED else [])
    assert (f"({code}: " in answer) is (code is not STORED), answer
    if code == "bad_form":
        assert "curl --data-urlencode 'message=…'" in answer


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("message=AT&T rocks", "`&` separates fields, so this text would be cut at `&T rocks`. To send"),
        ("message=https://x.org/?a=1&b=2", "`&` separates fields, so this text would be cut at `&b=2`. To send"),
        ("message=x & name=bob", 'There is no field " name" here'),
        ("message=C++", "Whether `+` means a plus or a space cannot be told. To send"),
        ("message=50%20or so", "Whether `%20` is encoded or meant as it stands cannot be told. To send"),
        (f"message=a=b&{'x' * 99}", f"cut at `&{'x' * 24}…`. To send"),
    ],
)
def test_a_refusal_names_what_is_in_the_way(room: Room, body: str, sentence: str) -> None:
    assert sentence in curl("-d", body, room.url)
    assert room.said() == []


def test_wget_encodes_nothing_and_curl_writes_a_space_as_a_plus(room: Room) -> None:
    assert "(bad_form: message)" in run(
        "wget", "-q", "--content-on-error", "-O", "-", "--post-data", "message=5+5", room.url
    )
    curl("--data-urlencode", "message=5 5", room.url)
    assert room.said() == ["5 5"]


def test_a_plus_of_other_clients_is_a_space_by_the_standard(room: Room) -> None:
    for agent in ("Mozilla/5.0", "python-httpx/1", "mycurl/1"):
        room.http.post(room.url, content="message=a+b", headers={"Content-Type": FORM, "User-Agent": agent})
    assert room.said() == ["a b"] * 3


WHOLE = [text for text in TEXTS.values() if not text.startswith("message=")]


def test_what_is_typed_without_a_field_is_the_text(room: Room) -> None:
    answers = [curl("--data-raw", text, room.url) for text in WHOLE]
    assert room.said() == WHOLE, answers


def test_latin_1_is_refused_and_not_guessed(room: Room) -> None:
    for body, code in ((b"caf\xe9", "bad_utf8"), (b"message=caf\xe9", "bad_form"), (b"message=caf%E9", "bad_form")):
        answer = room.http.post(room.url, content=body, headers={"Content-Type": FORM, "Accept": "application/json"})
        assert answer.json()["code"] == code
    assert room.said() == []


def test_the_advice_of_a_refusal_helps(room: Room) -> None:
    text = "Tom & Jerry at 5+5"
    answer = curl("-d", f"message={text}", room.url)
    advice = answer.partition("curl ")[2].partition("'message=…'")[0]
    curl(*shlex.split(advice), f"message={text}", room.url)
    assert room.said() == [text]


@pytest.mark.parametrize(
    ("body", "field"),
    [({"message": "hi", "title": "Alarm"}, "title"), ({"csrf": "x", "message": "hi"}, "csrf")],
)
def test_a_field_that_is_not_known_is_named(room: Room, body: dict[str, str], field: str) -> None:
    for answer in (
        room.http.post(room.url, data=body, headers={"Accept": "application/json"}),
        room.http.post(room.url, files={n: (None, v) for n, v in body.items()}, headers={"Accept": "application/json"}),
    ):
        assert (answer.json()["code"], answer.json()["field"]) == ("bad_form", field)
    assert room.said() == []


def test_the_line_break_at_the_end_of_a_file_is_not_said(room: Room, tmp_path: Path) -> None:
    (tmp_path / "form.txt").write_text("name=bob&message=Tom%20%26%20Jerry\n")
    curl("--data-binary", f"@{tmp_path / 'form.txt'}", room.url)
    run("wget", "-q", "-O", "-", "--post-file", str(tmp_path / "form.txt"), room.url)
    assert room.said() == ["Tom & Jerry", "Tom & Jerry"]
