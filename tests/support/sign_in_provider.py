"""Real sign-in providers as processes of their own (`oidc/`), and a browser that goes through their pages."""

from __future__ import annotations

import fcntl
import shutil
import subprocess
import venv
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html.parser import HTMLParser
from pathlib import Path
from typing import Literal
from urllib.parse import urljoin

import httpx

from tests.support.server import ROOT
from tests.support.timeout import TIMEOUT_S

FOLDER = Path(__file__).with_name("oidc")
PYTHON, ENVIRONMENT = FOLDER / "python", ROOT / ".venv-providers"
CLIENT, SECRET = "parlour", "a secret of: the client"
PUBLIC = "parlour-public"
"""A client that has no secret; only the providers in Python know it."""

NAMES, ANSWERS = ("login", "username"), {"password": "any", "answer": "accept"}
"""Fields in forms of providers: those for a name, and what is typed or pressed at others."""


def _install(lock: Path, stamp: Path, install: Callable[[], None]) -> None:
    """Have installed what a lock says, once for each lock; whoever else wants that now waits."""
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        wanted = held.read()
        if not stamp.is_file() or stamp.read_bytes() != wanted:
            install()
            stamp.write_bytes(wanted)


def _npm() -> None:
    subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER, check=True)


def _pip() -> None:
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    venv.create(ENVIRONMENT, with_pip=True, symlinks=True)
    pip = [str(ENVIRONMENT / "bin/python"), "-I", "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes"]
    subprocess.run([*pip, "--requirement", "requirements.txt"], cwd=PYTHON, check=True)


@contextmanager
def sign_in_provider(redirect_uris: Sequence[str]) -> Iterator[str]:
    """Run one for a client with these addresses to come back to: its issuer."""
    _install(FOLDER / "package-lock.json", FOLDER / "node_modules" / "stamp", _npm)
    with _running("node", str(FOLDER / "provider.mjs"), CLIENT, SECRET, *redirect_uris) as issuer:
        yield issuer


@contextmanager
def python_provider(which: Literal["canaille", "toolkit"], redirect_uri: str) -> Iterator[str]:
    """Run another one, with the same client and one more that has no secret, both with this address: its issuer.

    It has an environment of its own, which is made when it is first asked for, and that takes a minute.
    """
    _install(PYTHON / "requirements.txt", ENVIRONMENT / "stamp", _pip)
    program = str(PYTHON / f"{which}_provider.py")
    with _running(str(ENVIRONMENT / "bin/python"), "-I", program, CLIENT, SECRET, PUBLIC, redirect_uri) as issuer:
        yield issuer


@contextmanager
def _running(*command: str) -> Iterator[str]:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            issuer = process.stdout.readline().strip()
            assert issuer, "it has ended"
            yield issuer
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


class _Form(HTMLParser):
    """The last form of a page, filled in as `name`: `action`, and `fields`, which are those that are sent."""

    def __init__(self, page: str, name: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self._name = name
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keep what is sent: of buttons those alone that say yes."""
        given = {key: value or "" for key, value in attrs}
        if tag == "form":
            self.action, self.fields = given.get("action", ""), {}
        elif tag in ("input", "button") and "name" in given:
            field, is_button = given["name"], tag == "button" or given.get("type") == "submit"
            answer = self._name if field in NAMES else ANSWERS.get(field, given.get("value", ""))
            if not is_button or field == "allow" or given.get("value") == answer:
                self.fields[field] = answer


MOST_PAGES = 20
"""A provider that shows more on the way has turned in a circle."""


def at_the_provider(address: str, name: str, browser: httpx.Client | None = None) -> str:
    """Sign in there as somebody, and consent, in forms: where the browser is sent then."""
    if browser is None:
        with httpx.Client(timeout=TIMEOUT_S) as new:
            return at_the_provider(address, name, new)
    answer = browser.get(address)
    for _ in range(MOST_PAGES):
        if answer.is_redirect:
            place = urljoin(str(answer.url), answer.headers["Location"])
            if httpx.URL(place).port != httpx.URL(address).port:
                return place
            answer = browser.get(place)
            continue
        assert answer.status_code == 200, answer.text
        form = _Form(answer.text, name)
        assert form.action is not None, answer.text
        answer = browser.post(urljoin(str(answer.url), form.action), data=form.fields)
    raise AssertionError(f"it asks again and again: {answer.url}")


def providers_file(directory: Path, *rows: tuple[str, str, bool]) -> Path:
    """A file that names these providers: id, issuer, and whether they make accounts."""
    (directory / "client.secret").write_text(f"{SECRET}\n", encoding="utf-8")
    text = "".join(
        f'[[provider]]\nid = "{id_}"\nname = "{id_.title()}"\nissuer = "{issuer}"\nclient_id = "{CLIENT}"\n'
        f'client_secret_file = "client.secret"\nmakes_accounts = {str(makes).lower()}\n\n'
        for id_, issuer, makes in rows
    )
    file = directory / "providers.toml"
    file.write_text(text, encoding="utf-8")
    return file
