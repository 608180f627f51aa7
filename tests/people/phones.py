"""What an authenticator app does: it keeps a secret, and shows codes."""

from __future__ import annotations

import re
import time
from base64 import b32decode
from collections.abc import Sequence

import httpx

from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.totp import STEP_MS, code_at
from tests.people.house import House
from tests.people.server import page_after


def code_of(secret: str, now_ms: int, later: int = 0) -> str:
    """What an app shows for a secret in base32, so many steps later."""
    return code_at(b32decode(secret.replace(" ", "")), now_ms // STEP_MS + later)


class Phone:
    """An app with the secret of an account of a house."""

    def __init__(self, house: House, secret: bytes) -> None:
        self._house = house
        self._secret = secret
        self.recovery: Sequence[str] = ()

    def code(self, later: int = 0) -> str:
        """What it shows now, or so many steps later."""
        return code_at(self._secret, self._house.clock.ms // STEP_MS + later)

    def next_code(self) -> str:
        """The code that it shows once another one has been used."""
        self._house.clock.ms += STEP_MS
        return self.code()


async def set_up(house: House, actor: Actor) -> Phone:
    """An app that has been set up by somebody."""
    begun = house.factors.begin_app(actor)
    phone = Phone(house, begun.secret)
    phone.recovery = await house.factors.add_app(actor, begun.setup, phone.code())
    return phone


async def person_with_app(house: House, name: str, role: str = "member") -> tuple[Account, Phone]:
    """Somebody who has an app."""
    actor = await house.signed_in(await house.person(name, role))  # type: ignore[arg-type]
    phone = await set_up(house, actor)
    account = house.identities.accounts.get(actor.account.id if actor.account else "")
    assert account is not None
    return account, phone


def code(secret: str, later: int = 0) -> str:
    return code_of(secret, time.time_ns() // 1_000_000, later)


def hidden(page: httpx.Response, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', page.text)
    assert found is not None, page.text
    return found[1]


def set_up_page(browser: httpx.Client) -> tuple[str, list[str]]:
    """Set up an app on its page, with a code of the step before: the next is free. The secret and the codes."""
    page = browser.post("/account/second-factor", data={"do": "begin"})
    assert '<svg role="img"' in page.text
    found = re.search(r'<pre class="secret" data-copy>([A-Z2-7 ]+)</pre>', page.text)
    assert found is not None
    form = {"do": "add", "setup": hidden(page, "setup"), "code": code(found[1], -1)}
    wrong = browser.post("/account/second-factor", data={**form, "code": "000000"})
    assert (wrong.status_code, hidden(wrong, "setup"), found[1] in wrong.text) == (401, form["setup"], True)
    shown = page_after(browser, "/account/second-factor", form)
    codes = re.search(r"<pre[^>]*data-save[^>]*>([^<]+)</pre>", shown.text)
    assert codes is not None, shown.text
    assert len(codes[1].split()) == 10
    return found[1], codes[1].split()
