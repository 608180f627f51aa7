"""The rules for the text of a message, and a way to show others' text on a terminal without acting on it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from parlour.core.errors import Refusal
from parlour.core.joiners import JOINERS, may_stay
from parlour.core.marks import limit_marks

MAX_TEXT_BYTES = 16 * 1024
MAX_TEXT_LINES = 400
MAX_PICTURES = 100
"""Characters of a text that are shown by a picture each, such as `<U+202E>`; those after them are counted."""

_LINE_BREAK = re.compile("\r\n|[\n\r\v\f\x85\u2028\u2029]")
_BLANK = re.compile(
    r"[\s\x00-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0]*"
)


def check_text(text: str) -> str:
    """Give the text of a message back unchanged.

    Raises Refusal("text_too_long") over 16 KiB of UTF-8 or 400 lines; ("bad_text") for NUL or a
    lone surrogate, which no store and no reader could take; ("blank_text") if nothing in it can be seen.
    """
    if len(text) > MAX_TEXT_BYTES:
        raise _too_long(f"The text has {len(text)} characters; the limit is {MAX_TEXT_BYTES} bytes of UTF-8.")
    is_ascii = text.isascii()
    if not is_ascii:
        try:
            size_bytes = len(text.encode())
        except UnicodeEncodeError:
            raise Refusal("bad_text", "The text contains half of a surrogate pair.", field="text") from None
        if size_bytes > MAX_TEXT_BYTES:
            raise _too_long(f"The text has {size_bytes} bytes of UTF-8; the limit is {MAX_TEXT_BYTES}.")
    if "\0" in text:
        raise Refusal("bad_text", "The text contains U+0000.", field="text")
    if len(text) > MAX_TEXT_LINES:
        lines = sum(1 for _ in _LINE_BREAK.finditer(text.removesuffix("\n"))) + 1
        if lines > MAX_TEXT_LINES:
            raise _too_long(f"The text has {lines} lines; the limit is {MAX_TEXT_LINES}.")
    if not (is_ascii and text[:1].isalnum()) and _BLANK.fullmatch(text):
        raise Refusal("blank_text", "The text is empty or blank.", field="text")
    return text


def _too_long(detail: str) -> Refusal:
    return Refusal("text_too_long", detail, field="text")


def decode_text(data: bytes) -> str:
    """Decode a text that came as raw bytes. Raises Refusal("bad_utf8"); a byte order mark is kept as it is."""
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as exc:
        raise Refusal("bad_utf8", f"The text is not valid UTF-8 at byte {exc.start}.", field="text") from None


# Controls; formats that show nothing or turn the line around; letters that show nothing; lone surrogates.
_FLAG = "(\U0001f3f4[\U000e0030-\U000e0039\U000e0061-\U000e007a]{1,6}\U000e007f)"  # of a region, as one emoji
_UNSEEN = (
    "\x7f-\x9f\xad\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    "\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    "\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e00ff"
)
_HOSTILE = re.compile(f"{_FLAG}|[\0-\x1f{_UNSEEN}]++")
_HOSTILE_IN_LINES = re.compile(f"{_FLAG}|[\0-\x08\x0b-\x1f{_UNSEEN}]++")


def visible(text: str) -> str:
    """Show what would act on a terminal or lie to the eye instead of passing it on.

    C0 controls and DEL become control pictures (ESC is `␛`), everything else `<U+202E>`; marks beyond the fourth on one
    letter are counted (`<+2996 marks>`). Joiners stay inside emoji and after letters of scripts that are spelled with
    them; variation selectors always stay.
    """
    if text.isascii():
        return text if text.isprintable() else _HOSTILE.sub(_pictures, text)
    return _HOSTILE.sub(_pictures, limit_marks(text))


class Shown(NamedTuple):
    """A part of a text as it is shown, in order. `is_picture`: it stands for characters that cannot be seen."""

    text: str
    is_picture: bool


def shown(text: str) -> Iterator[Shown]:
    """Cut a text for a page: what is shown as it is, with its tabs and line breaks, and the pictures of `visible`.

    The first hundred hidden characters have pictures; the others are left out, and the last part says how many.
    """
    pictures = Pictures()
    yield from pictures.cut(text)
    if pictures.rest:
        yield Shown(pictures.rest, True)


class Pictures:
    """The pictures of one text, which may come in pieces; at most MAX_PICTURES, since each is an element of a page."""

    __slots__ = ("_left", "_more")

    def __init__(self) -> None:
        self._left = MAX_PICTURES
        self._more = 0

    def cut(self, text: str) -> Iterator[Shown]:
        """Cut the next piece of the text; no two parts that are no pictures follow each other."""
        seen: list[str] = []  # since the last picture
        done = 0
        for match in () if text.isascii() and text.isprintable() else _HOSTILE_IN_LINES.finditer(text):
            start = match.start() + _kept(match)
            if start == match.end():
                continue
            seen.append(text[done:start])
            done = match.end()
            pictures = self._draw(text[start:done])
            if pictures:
                before = "".join(seen)
                seen.clear()
                if before:
                    yield Shown(before, False)
                yield Shown(pictures, True)
        seen.append(text[done:])
        after = "".join(seen)
        if after:
            yield Shown(after, False)

    @property
    def rest(self) -> str:
        """The replacement for the characters that were left out, empty if there are none; to be asked at the end."""
        return f"<+{self._more} hidden character{'s' if self._more > 1 else ''}>" if self._more else ""

    def _draw(self, run: str) -> str:
        drawn = run[: self._left]
        self._left -= len(drawn)
        self._more += len(run) - len(drawn)
        return drawn.translate(_PICTURES)


def _pictures(match: re.Match[str]) -> str:
    """The pictures of a run of hostile characters."""
    run = match[0]
    if len(run) == 1 and run not in JOINERS:
        return _PICTURES[ord(run)]  # most are, and a text may have thousands of them
    kept = _kept(match)
    return run[:kept] + run[kept:].translate(_PICTURES)


def _kept(match: re.Match[str]) -> int:
    """How many characters of the run stay as they are: all of a flag, a joiner at the start where it joins."""
    if match[1] is not None:
        return len(match[1])
    return int(match[0][0] in JOINERS and may_stay(match.string, match.start()))


class _Pictures(dict[int, str]):
    """Code point to picture."""

    def __missing__(self, code: int) -> str:
        self[code] = f"<U+{code:04X}>"
        return self[code]


_PICTURES = _Pictures({0x7F: "\u2421"} | {code: chr(0x2400 + code) for code in range(0x20)})


def text_line(at: str, name: str, text: str) -> str:
    """Show a message as curl users read it: `2026-11-22T06:41:23Z alice: Hello`, without a newline at the end.

    `at` is the event's time (`2026-11-22T06:41:23.123Z`). Further lines of the text are indented by two spaces, so
    that none can pass for another message; tabs become four spaces; nothing left in it can move a cursor. What hides in
    the text is shown as `shown` shows it: the line is at most some eight hundred characters longer for it.
    """
    if not (text.isascii() and text.isprintable()):
        if "\t" in text:
            text = text.replace("\t", "    ")
        if not text.isascii():
            text = limit_marks(text)
        text = text.replace("\r\n", "\n")
        if _HOSTILE_IN_LINES.search(text):
            text = "".join([part.text for part in shown(text)])
        text = text.replace("\n", "\n  ")
    return f"{at[:19]}Z {visible(name)}: {text}"


def notice_line(at: str, name: str, text: str) -> str:
    """Show what somebody did as curl users read it: `2026-11-22T06:41:23Z * alice joined`.

    No message reads like that: its name is followed by a colon.
    """
    return f"{at[:19]}Z * {visible(name)} {visible(text)}"
