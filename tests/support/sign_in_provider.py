"""A real sign-in provider as a process of its own (`oidc/provider.mjs`), and a browser that goes through its pages."""

from __future__ import annotations

import fcntl
import html
import re
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urljoin

import httpx

from tests.support.timeout import TIMEOUT_S

FOLDER = Path(__file__).with_name("oidc")
CLIENT, SECRET = "parlour", "a secret of: the client"


def _install() -> None:
    """Have npm install what the lock says, once for each lock; whoever else wants that now waits."""
    stamp = FOLDER / "node_modules" / "stamp"
    with (FOLDER / "package-lock.json").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        wanted = lock.read()
        if not stamp.is_file() or stamp.read_bytes() != wanted:
            subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=FOLDER, check=True)
            stamp.write_bytes(wanted)


@contextmanager
def sign_in_provider(redirect_uris: Sequence[str]) -> Iterator[str]:
    """Run one for a client with these addresses to come back to: its issuer."""
    _install()
    command = ["node", str(FOLDER / "provider.mjs"), CLIENT, SECRET, *redirect_uris]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.terminate()
            process.wait(TIMEOUT_S)


def at_the_provider(address: str, name: str, browser: httpx.Client | None = None) -> str:
    """Sign in there as somebody, and consent, in forms: where the browser is sent then."""
    if browser is None:
        with httpx.Client(timeout=TIMEOUT_S) as new:
            return at_the_provider(address, name, new)
    answer = browser.get(address)
    while True:
        while answer.is_redirect:
            place = urljoin(str(answer.url), answer.headers["Location"])
            if httpx.URL(place).port != httpx.URL(address).port:
                return place
            answer = browser.get(place)
        assert answer.status_code == 200, answer.text
        form = re.search(r'<form[^>]*action="([^"]+)"', answer.text)
        assert form is not None, answer.text
        fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', answer.text))
        if 'name="login"' in answer.text:
            fields |= {"login": name, "password": "any"}
        answer = browser.post(urljoin(str(answer.url), html.unescape(form[1])), data=fields)


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
