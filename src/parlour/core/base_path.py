"""The path under which a server is reached, where a proxy has it below a directory: `/chat`, or nothing."""

from __future__ import annotations

import re

MAX_CHARS = 128

_SEGMENT = r"/(?!\.{1,2}(?:/|$))[A-Za-z0-9._~-]+"
_PATH = re.compile(rf"(?:{_SEGMENT})+", re.ASCII)


def base_path(text: str) -> str:
    """`/chat` of `/chat` and `/chat/`; nothing of `/` and of nothing.

    Raises ValueError for what could be read in two ways in an address or a header field: a path that does not begin
    with one slash, empty, `.` and `..` segments, percent-encoding, and anything but unreserved characters of RFC 3986.
    """
    path = text.removesuffix("/")
    if path and (len(path) > MAX_CHARS or not _PATH.fullmatch(path)):
        raise ValueError("not a plain path such as /chat")
    return path


def inside(base: str, path: bytes) -> bytes:
    """A path without the base that it begins with; other paths as they are."""
    start = base.encode()
    if not base or not path.startswith(start):
        return path
    rest = path[len(start) :]
    return rest or b"/" if rest[:1] in (b"/", b"") else path
