"""The locks: complete, pinned, hashed, and without an address in them."""

from __future__ import annotations

import re
import tomllib

import pytest

from tests.meta.test_source import MODULES, ROOT, TEXTS

PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def names(requirements: list[str]) -> set[str]:
    return {re.sub(r"[-_.]+", "-", match[0]).lower() for text in requirements if (match := _NAME.match(text))}


def read_lock(file: str) -> dict[str, str]:
    """Name to version of every pin."""
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8").replace("\\\n", " ")
    pins = {}
    for line in text.splitlines():
        match = re.fullmatch(r"([a-z0-9-]+)==([0-9][0-9a-z.]*)(?: ; [^#]*?)?((?: +--hash=sha256:[0-9a-f]{64})+)", line)
        assert match, f"not a pin with hashes: {line[:100]}"
        pins[match[1]] = match[2]
    return pins


@pytest.mark.parametrize("file", ["server.txt", "dev.txt"])
def test_a_lock_holds_pins_with_hashes_and_nothing_else(file: str) -> None:
    assert read_lock(file)
    text = (ROOT / "requirements" / file).read_text(encoding="utf-8")
    assert "://" not in text
    assert " @ " not in text


def test_what_the_project_asks_for_is_locked() -> None:
    wanted = names(PROJECT["project"]["dependencies"])
    assert wanted <= read_lock("server.txt").keys(), "run tools/lock"
    assert wanted | names(PROJECT["dependency-groups"]["dev"]) <= read_lock("dev.txt").keys(), "run tools/lock"


def test_every_dependency_has_its_word_in_the_decision_about_them() -> None:
    decision = (ROOT / "docs/decisions/0001-dependencies.md").read_text(encoding="utf-8")
    wanted = names(PROJECT["project"]["dependencies"])
    assert set(re.findall(r"^### ([a-z0-9-]+)$", decision, re.MULTILINE)) == wanted
    assert names(PROJECT["dependency-groups"]["dev"]) <= set(re.findall(r"`([a-z0-9-]+)`", decision))


def test_a_dependency_is_imported_only_where_the_decision_says() -> None:
    decision = (ROOT / "docs/decisions/0001-dependencies.md").read_text(encoding="utf-8")
    wanted = names(PROJECT["project"]["dependencies"])
    elsewhere = []
    for section in decision.split("\n### ")[1:]:
        name = section.partition("\n")[0]
        if name not in wanted:
            continue
        told = re.search(r"(?:[Bb]ehind|Used in)((?:[^`.;]|`[^`]+`)*)", section)
        assert told, f"{name} has no place"
        places = [f"src/parlour/{place}" for place in re.findall(r"`([^`]+)`", told[1])]
        brings_in = re.compile(rf"^ *(?:import|from) {name.replace('-', '_')}\b", re.MULTILINE)
        elsewhere += [
            f"{name}: {path}"
            for path in MODULES
            if brings_in.search(TEXTS[path]) and not any(f"{path}/".startswith(f"{place}/") for place in places)
        ]
    assert elsewhere == []


def test_tests_run_with_the_versions_the_server_runs_with() -> None:
    server, dev = read_lock("server.txt"), read_lock("dev.txt")
    assert {name: dev.get(name) for name in server} == server
