"""The files a page is made of, loaded once and named by their content, so that a browser may keep them for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

_TYPES = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".webmanifest": "application/manifest+json",
}
_CODINGS = {"br": ".br", "gzip": ".gz"}
"""Content-Encoding to the end of the name of the file that has it."""


@dataclass(frozen=True, slots=True)
class Asset:
    """One file, as it is sent. `version` is an opaque name of the content; `encoded` has it by Content-Encoding."""

    body: bytes
    content_type: str
    version: str
    encoded: Mapping[str, bytes]


def _load() -> Mapping[str, Asset]:
    """Script and style as `tools/bundle` made them of the modules in `static`; icon and manifest as they are there."""
    own = files(__package__)
    bundle = {item.name: item.read_bytes() for item in (own / "bundle").iterdir()}
    loaded: dict[str, Asset] = {}

    def load(name: str, body: bytes) -> None:
        encoded = {coding: bundle[name + end] for coding, end in _CODINGS.items() if name + end in bundle}
        version = hashlib.sha256(body).hexdigest()[:16]
        loaded[name] = Asset(body, _TYPES[name[name.rindex(".") :]], version, encoded)

    for name in ("room.js", "pages.js", "room.css"):
        load(name, bundle[name])
    load("icon.svg", (own / "static" / "icon.svg").read_bytes())
    manifest = (own / "static" / "manifest.webmanifest").read_bytes()
    load("manifest.webmanifest", manifest.replace(b"icon.svg", b"icon.svg?v=" + loaded["icon.svg"].version.encode()))
    return loaded


ASSETS: Mapping[str, Asset] = _load()
"""File name to file. Served at `/static/<name>`; with `?v=<version>` the answer never changes."""


def asset_url(name: str) -> str:
    """The address of a file at its present version: `/static/room.js?v=…`. Raises KeyError for an unknown name."""
    return f"/static/{name}?v={ASSETS[name].version}"
