"""What an authenticator app does: it keeps a secret, and shows codes."""

from __future__ import annotations

from base64 import b32decode
from collections.abc import Sequence

from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.totp import STEP_MS, code_at
from tests.people.house import House


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
    account = house.identities.account(actor.account.id if actor.account else "")
    assert account is not None
    return account, phone
