"""Assets: what a page needs is there, under names that change with its content, and as small as it gets."""

from __future__ import annotations

import gzip
import json
import re
import shutil
import subprocess
from hashlib import sha256
from pathlib import Path

from parlour.core.errors import Refusal
from parlour.ui.assets import ASSETS, asset_url
from parlour.ui.page import render_error, template
from tests.support.ui import sample_page

ROOT = Path(__file__).parents[2]
_ADDRESS = re.compile(r"/static/([a-z-]+\.[a-z]+)\?v=([0-9a-f]{16})")


def _bundle(root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([root / "tools/bundle", *options], capture_output=True, text=True, check=False, timeout=100)


def test_page_when_rendered_names_only_assets_that_exist_at_their_version() -> None:
    values = {"here": "", "is_admin": False, "keeps_order": False, "open_reports": 0, "calls": 0, "is_quiet": False}
    settings = template("settings.html").render(title="Settings", prefix="", **values)
    found = _ADDRESS.findall(sample_page() + settings)
    assert {name for name, _ in found} == set(ASSETS)
    for name, version in found:
        assert ASSETS[name].version == version


def test_page_when_rendered_has_one_script_at_most_and_one_style() -> None:
    for document, scripts in ((sample_page(), 1), (render_error(Refusal("not_found")).decode(), 0)):
        names = {name for name, _ in _ADDRESS.findall(document)}
        assert [name for name in names if name.endswith(".css")] == ["room.css"]
        assert len([name for name in names if name.endswith(".js")]) == scripts


def test_asset_when_its_content_changes_changes_its_name() -> None:
    for name, asset in ASSETS.items():
        assert asset.version == sha256(asset.body).hexdigest()[:16]
        assert asset_url(name) == f"/static/{name}?v={asset.version}"


def test_asset_when_compressed_is_what_it_was() -> None:
    for name in ("room.js", "room.css"):
        asset = ASSETS[name]
        assert gzip.decompress(asset.encoded["gzip"]) == asset.body
        assert len(asset.encoded["br"]) < len(asset.encoded["gzip"]) < len(asset.body) / 2


def test_manifest_when_read_names_an_icon_that_exists() -> None:
    manifest = json.loads(ASSETS["manifest.webmanifest"].body)
    assert manifest["start_url"] == "../", "below /static/, so that it holds wherever the server is"
    assert manifest["icons"][0]["src"] == f"./icon.svg?v={ASSETS['icon.svg'].version}"


def test_bundle_is_made_from_the_modules() -> None:
    done = _bundle(ROOT, "--check")
    assert done.returncode == 0, done.stderr


def test_bundle_when_a_module_changes_is_found_stale_and_made_anew(tmp_path: Path) -> None:
    assert _bundle(ROOT, "--check").returncode == 0  # what it needs is installed
    for folder in ("tools", "src/parlour/ui"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"), symlinks=True)
    static, bundle = tmp_path / "src/parlour/ui/static", tmp_path / "src/parlour/ui/bundle"
    assert _bundle(tmp_path, "--check").returncode == 0
    before = (bundle / "room.js").read_bytes()
    (static / "app.js").write_text((static / "app.js").read_text() + '\nconsole.log("More of it");\n')
    (bundle / "room.css.gz").write_bytes(gzip.compress(b"another style"))
    (bundle / "of-an-older-page.js").write_text("")
    done = _bundle(tmp_path, "--check")
    assert done.returncode == 1
    for name in ("room.js", "room.js.br", "room.js.gz", "room.css.gz", "of-an-older-page.js"):
        assert name in done.stderr
    assert "Run tools/bundle" in done.stderr
    assert (bundle / "room.js").read_bytes() == before, "a check changes nothing"
    assert _bundle(tmp_path).returncode == 0
    assert b"More of it" in (bundle / "room.js").read_bytes()
    assert gzip.decompress((bundle / "room.js.gz").read_bytes()) == (bundle / "room.js").read_bytes()
    assert _bundle(tmp_path, "--check").returncode == 0
