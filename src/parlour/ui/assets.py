"""The files a page is made of, loaded once and named by their content, so that a browser may keep them for ever."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from urllib.parse import quote

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_REFERENCE = re.compile(r'((?:\bfrom |\bimport |"src": )")(?:\./)?([a-z-]+\.(?:js|svg))"')
"""Where one file names another: an import in a module (our own style: double quotes), an icon in the manifest."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is sent. `etag` is an opaque name of the content, without the quotes of the header field."""

    body: bytes
    content_type: str
    etag: str


def _load() -> Mapping[str, Asset]:
    """All files of `static`; references between them carry the version of what they refer to."""
    sources = {item.name: item.read_text("utf-8") for item in (files(__package__) / "static").iterdir()}
    done: dict[str, Asset] = {}

    def load(name: str) -> Asset:
        if name not in done:
            body = _REFERENCE.sub(lambda ref: f'{ref[1]}./{ref[2]}?v={load(ref[2]).etag}"', sources[name]).encode()
            etag = hashlib.sha256(body).hexdigest()[:16]
            done[name] = Asset(body, _TYPES[name[name.rindex(".") :]], etag)
        return done[name]

    for name in sorted(sources):
        load(name)
    return done


ASSETS: Mapping[str, Asset] = _load()
"""File name to file. Served at `/static/<name>`; with `?v=<etag>` the answer never changes."""


def asset_url(name: str) -> str:
    """The address of a file at its present version: `/static/app.js?v=…`. Raises KeyError for an unknown name."""
    return f"/static/{quote(name)}?v={ASSETS[name].etag}"
