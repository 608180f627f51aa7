"""Assets: what a page needs is there, under names that change with its content."""

from __future__ import annotations

import json
import re
from hashlib import sha256

from parlour.ui.assets import ASSETS, asset_url
from tests.support.ui import parse, sample_page

_ADDRESS = re.compile(r"/static/([a-z-]+\.[a-z]+)\?v=([0-9a-f]{16})")


def test_page_when_rendered_names_only_assets_that_exist_at_their_version() -> None:
    found = _ADDRESS.findall(sample_page())
    assert {name for name, _ in found} == set(ASSETS)
    for name, version in found:
        assert ASSETS[name].etag == version


def test_module_when_it_imports_names_the_version_that_the_page_preloads() -> None:
    preloaded = {
        attributes["href"] for tag, attributes in parse(sample_page()) if attributes.get("rel") == "modulepreload"
    }
    imported = set()
    for name, asset in ASSETS.items():
        if name.endswith(".js"):
            for target in re.findall(r'from "([^"]+)"', asset.body.decode()):
                assert target.startswith("./")
                imported.add("/static/" + target.removeprefix("./"))
    assert imported == preloaded, "a module loaded under two addresses would be two modules"


def test_asset_when_its_content_changes_changes_its_name() -> None:
    for name, asset in ASSETS.items():
        assert asset.etag == sha256(asset.body).hexdigest()[:16]
        assert asset_url(name) == f"/static/{name}?v={asset.etag}"


def test_manifest_when_read_names_an_icon_that_exists() -> None:
    manifest = json.loads(ASSETS["manifest.webmanifest"].body)
    assert manifest["start_url"] == "/"
    assert manifest["icons"][0]["src"] == f"./icon.svg?v={ASSETS['icon.svg'].etag}"
