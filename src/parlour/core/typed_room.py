"""The name of a room from what people type where one is asked for."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

from parlour.core.base_path import inside
from parlour.core.direct import is_direct, room_or_people
from parlour.core.errors import Refusal
from parlour.core.names import room_name

_SPACES = re.compile(r"\s+")
_MAX_CHARS = 2048


def room_as_typed(typed: str, site: str, prefix: str = "") -> str:
    """The room that is meant by `Class 7B`, `#dev`, `/dev`, `@alice` or the address of a room on this server.

    `site` is the origin of this server (`http://host:port`), `prefix` the path that it is reached below. Spaces become
    hyphens. Raises Refusal("bad_room_name", "reserved_name") where no room is meant.
    """
    text = typed[:_MAX_CHARS].strip()
    host = urlsplit(site).netloc
    for beginning in (site, host):
        if text.lower().startswith(f"{beginning.lower()}/"):
            path = text[len(beginning) :].partition("?")[0].partition("#")[0]
            below = inside(prefix, path.encode("utf-8", "replace")).decode()
            if prefix and below == path:
                detail = f"The rooms of this server are below {beginning}{prefix}/."
                raise Refusal("bad_room_name", detail, field="room")
            return room_or_people(unquote(below.lstrip("/").partition("/")[0]))
    if is_direct(text.lstrip("/")):
        return room_or_people(text.lstrip("/").rstrip("/"))
    return room_name(_SPACES.sub("-", text.lstrip("#/").rstrip("/").strip()))
