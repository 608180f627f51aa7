"""Pumped inputs: a beginning, a part repeated as often as there is room for, and an end that lets the match fail.

A parser that goes back (a regular expression, a search from each of many places, a buffer that is read again with every
piece) shows it on such inputs alone. Which parts matter is known for each parser: the characters that mean something to
it. They are tried alone with every beginning and every end, and with every other one: `ab` again and again, and all
`a`, then all `b`.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Pump(NamedTuple):
    """`head`, then `first` as often as `second` behind it, then `tail`."""

    head: bytes
    first: bytes
    second: bytes
    tail: bytes

    def of(self, size: int) -> bytes:
        """The input of so many bytes, or a little less."""
        room = size - len(self.head) - len(self.tail)
        count = max(room // (len(self.first) + len(self.second)), 1)
        return self.head + self.first * count + self.second * count + self.tail

    def __str__(self) -> str:
        return ascii((self.head, self.first, self.second, self.tail))


@dataclass(frozen=True)
class Grammar:
    """What means something to a parser, how its inputs begin, and how they end so that it has to give up."""

    tokens: Sequence[bytes]
    heads: Sequence[bytes] = (b"",)
    tails: Sequence[bytes] = (b"",)

    def singles(self) -> Iterator[Pump]:
        """Every token alone."""
        for head in self.heads:
            for token in self.tokens:
                for tail in self.tails:
                    yield Pump(head, token, b"", tail)

    def pairs(self) -> Iterator[Pump]:
        """Every two tokens, in turn and in two runs; the beginnings and ends go round."""
        around = itertools.cycle(itertools.product(self.heads, self.tails))
        for first, second in itertools.permutations(self.tokens, 2):
            head, tail = next(around)
            yield Pump(head, first + second, b"", tail)
            head, tail = next(around)
            yield Pump(head, first, second, tail)

    def sample(self, chance: random.Random, count: int) -> list[Pump]:
        """Half of the tokens, each once with one of the beginnings and ends, and so many pairs."""
        tokens = chance.sample(self.tokens, (len(self.tokens) + 1) // 2)
        singles = [Pump(chance.choice(self.heads), token, b"", chance.choice(self.tails)) for token in tokens]
        return singles + chance.sample(list(self.pairs()), count)

    def all(self) -> Iterator[Pump]:
        """Every one."""
        yield from self.singles()
        yield from self.pairs()


def utf8(*texts: str) -> tuple[bytes, ...]:
    """Tokens that are text."""
    return tuple([text.encode() for text in texts])


FIELD_VALUE = Grammar(
    (
        *utf8(",", ";", "=", ":", "/", "*", '"', "\\", '\\"', " ", "\t", "a", "9", ".", "-", "[", "(", "%", "%41", "@"),
        *utf8(";q=0.", ";q=", "*/*,", 'W/"', "://", "k.1"),
        *(b"\xff", b"\xc3\xbc"),
    ),
    tails=utf8("", "x", ",", "\\", '"'),
)
"""The value of any header field: what is read as a list, with weights, quotes, escapes, addresses or numbers."""

HEAD = Grammar(
    utf8("\r\n", "\n", "\r", "\r\n ", " ", "\t", ":", "a:b\r\n", "a: \r\n", "a", ",", "\0", "\x7f", "!", "\r\n\r\n"),
    heads=utf8("", "x: ", "Transfer-Encoding: a,", "Content-Length: 1"),
    tails=utf8("", "\r", " :", "\0"),
)
TARGET = Grammar(
    (
        *utf8(
            "/",
            ".",
            "../",
            "%",
            "%2",
            "%41",
            "%2f",
            "%e2",
            "%cc%80",
            "%00",
            "?",
            "&",
            "=",
            "#",
            ";",
            "a",
            "9",
            "[",
            " ",
        ),
        b"\xff",
    ),
    heads=utf8("", "a", "lobby/", "api/v1/rooms/", "static/"),
    tails=utf8("", "%", "%f", " ", "/"),
)
QUERY = Grammar(
    utf8("&", "=", "%", "%2", "%41", "%ff", "%00", "+", "a", "9", ".", ";", "since=", "&room=a", "limit=1&", "k.1;a=1;")
    + utf8("%cc%80", "?", "/", "name=", "%e2%80%8d"),
    heads=utf8("", "since=", "format=html&name=", "room=", "limit=", "before=", "format="),
    tails=utf8("", "%", "%f", "&", "="),
)
CURSORS = Grammar(
    utf8(";", "=", "a=1;", "a=", "1", "%41", "%", "%cc%80", ".", "k.1;", ",", " ", "=1"),
    heads=utf8("", "k", "k;", "k3f9;a=1;"),
    tails=utf8("", ";", "x", "%"),
)
FORM = Grammar(
    (
        *utf8(
            "&",
            "=",
            "%",
            "%4",
            "%41",
            "%zz",
            "+",
            " ",
            "a",
            "?",
            "\n",
            "\r\n",
            "message=",
            "&text=",
            "&a=1",
            "\x00",
            "/",
        ),
        b"\xff",
    ),
    heads=utf8("", "message=", "a=1&message=", "message=a&name=", "room=a&text="),
    tails=(*utf8("", "%", " ", "&", "=", "&name=b"), b"\xff"),
)
MULTIPART = Grammar(
    utf8("\r\n", "\n", "\r", "-", "--", "--cut", "\r\n--cut", "\r\n--cu", "--cut--\r\n", ";", '"', "\\", "a", ":", " ")
    + utf8('--cut\r\nContent-Disposition: form-data; name="a"\r\n\r\n'),
    heads=utf8(
        "",
        "--cut\r\n",
        '--cut\r\nContent-Disposition: form-data; name="message"\r\n\r\n',
        '--cut\r\nContent-Disposition: form-data; name="',
        "--cut\r\nContent-Disposition: form-data;",
    ),
    tails=utf8("", "\r\n--cut--\r\n", "\r\n--cut", "\r"),
)
JSON = Grammar(
    utf8('"', '\\"', "\\\\", "\\", "\\u", "\\u00", "\\u0041", "\\ud83d", "\\ude00", "\\ud83d\\ude00", "\\u0000", "\\q")
    + utf8("[", "]", "{", "}", "[]", "{}", ",", ":", "1", "-", ".", "e", "1e9,", '"a":', '"",', '"a":1,', "[1],", " ")
    + utf8("\n", "true,", "NaN", " - at `$", "`", "\u00e9", "\u2028", "\0"),
    heads=utf8(
        *("", '{"text":"', '{"text":', '{"', '{"text":"a","name":"', '{"op":"send","text":"', '{"op":"', '["'),
        *('{"op":"subscribe","room":"', '{"a":[', '{"seq":', '{"op":"read","seq":'),
    ),
    tails=(*utf8("", '"}', '\\q"}', '\\ud800"}', "\\", "}", "]}", '"'), b'\xff"}', b"\xff"),
)
TEXT = Grammar(
    utf8("a", " ", "\n", "\r", "\r\n", "\t", "\x1b", "\x1b[", "\x7f", "\x85", "\u2028", "\u00ad", "\u202e", "\u200b")
    + utf8("\u200c", "\u200d", "\u0300", "\u0628", "\u0915\u094d", "\ufe0f", "\U0001f469", "\U0001f469\u200d")
    + utf8("\U0001f3f4", "\U000e0067", "\U0001f3f4\U000e0067", "\U000e007f", "\U0001f1e6", "\ufdfa", "\u1100\u1161")
    + utf8("http://", "https://a.bc/", "www.", "WWW", "/", ".", ":", "@", "(", ")", "[", "]", "{", "'", "\u2019", '"')
    + utf8("?", "#", "&", "<", ">", "!", "\u4e00", "\u3002", "\uff08", "e\u0301", "http://a/'"),
    heads=utf8("", "http://a.bc/", "http://[", "www.a.bc/", "a", "x\n"),
    tails=utf8("", "x", ")", "@", "'"),
)
"""Texts of messages; what they do to names, links and pictures too."""

NAME = Grammar(
    utf8("a", " ", "\u3000", "\u0300", "\u200d", "\u200c", "\ufe0f", "\U0001f469\u200d", "\ufdfa", "\u0390", "\u1100")
    + utf8("\u0628", "\u0915\u094d", "\U000e0100", "-", "_", ".", ":", "admin", "guest-", "\u0430", "\u2100", "\ua4ee"),
    tails=utf8("", "x", " ", ":"),
)
FRAMES = Grammar(
    (
        *(b"\x81\x80\0\0\0\0", b"\x01\x80\0\0\0\0", b"\x00\x80\0\0\0\0", b"\x89\x80\0\0\0\0", b"\x8a\x80\0\0\0\0"),
        *(b"\x81\x82\0\0\0\0{}", b"\x01\x81\0\0\0\0{", b"\x00\x81\0\0\0\0 ", b"\x80\x80\0\0\0\0", b"\xc1\x80\0\0\0\0"),
        *(b"\x81\xfe\x00\x7e\0\0\0\0" + b" " * 126, b"\x81", b"\0", b"\xff", b"\x88\x80\0\0\0\0"),
    ),
    tails=(b"", b"\x81", b"\x81\xff", b"\xff"),
)
CHUNKS = Grammar(
    utf8(
        "1\r\na\r\n",
        "0",
        "0\r\n",
        "\r\n",
        "\n",
        "\r",
        ";",
        ";a=b",
        '"',
        "f",
        "1;a\r\na\r\n",
        " ",
        "00001\r\na\r\n",
        "-",
    ),
    heads=utf8("", "1", "1;", "5\r\nhello\r\n"),
    tails=utf8("", "0\r\n\r\n", "x", "\r"),
)
STREAM = Grammar(
    utf8("\n", "\r", "\r\n", "data:", "data: a\n", "id: 1\n", ":\n", "event", "retry: 9", "\0", "a", " ", "\u2028", "{")
    + utf8('{"seq":1}\n', '"', '\\"', "[", "\x00")
    + (b"\xef\xbb\xbf", b"\xff"),
    heads=utf8("", "data: ", "id: ", '{"type":"', '{"room":"a","seq":1,"type":"m","text":"'),
    tails=utf8("", "\n", "\n\n", '"}\n', "\r"),
)
"""What a server sends to our client."""

KEYS = Grammar(
    utf8("\x1b", "\x1b[", "\x1b[0", ";", "0", "9", " ", "/", "~", "\x1bO", "\x1b[200~", "\x1b[201~", "\r", "\n", "a")
    + utf8("\t", "\x7f", "\u0300", "\U0001f469\u200d", "\x00", "[", "?")
    + (b"\xe2", b"\xff"),
    heads=utf8("", "\x1b[", "\x1b[200~", "\x1b[0"),
    tails=utf8("", "\x1b", "~", "\x1b[201~", "\x7f"),
)
"""What a terminal sends."""
