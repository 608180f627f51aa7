"""The digest: off by default, once a day if there is something new, and ended by a link in it without signing in."""

from __future__ import annotations

from email.message import EmailMessage

from parlour.chat.digests import Digests
from parlour.chat.inbox import Inbox
from parlour.core.actor import Actor
from parlour.core.durations import DAY_MS
from parlour.work.mailing import From, Mailing
from tests.people.house import House, refused
from tests.people.test_emails import mails, with_email
from tests.support.stores import append, draft


def digests(house: House) -> Digests:
    inbox = Inbox(house.store, house.policies)
    return Digests(house.store, house.clock, house.policies, house.identities, house.directs, inbox, house.mails)


class Sent:
    """A mail server and its line, which keep what they are given."""

    def __init__(self) -> None:
        self.messages: list[EmailMessage] = []

    async def open(self) -> Sent:
        return self

    async def send(self, message: EmailMessage, address: str) -> None:
        self.messages.append(message)

    async def close(self) -> None:
        pass


async def reader(house: House, name: str) -> Actor:
    """Somebody with an address who has opened the lobby, in which something was said."""
    actor = await with_email(house, name, f"{name}@example.org")
    await append(house.store, draft("first", "lobby"))
    await Inbox(house.store, house.policies).notify(actor, "lobby", "all", favourite=False)
    return actor


async def waiting(house: House) -> list[str]:
    return [each.details for each in await mails(house) if each.kind == "digest"]


async def test_a_digest_comes_once_a_day_to_who_wants_it_if_there_is_something_new(house: House) -> None:
    ada, of = await reader(house, "ada"), digests(house)
    await reader(house, "bob")  # wants none
    assert ada.account is not None
    assert await of.of(ada.account) == "none"
    await of.want(ada, "daily")
    await append(house.store, draft("second", "lobby"))
    await of.make_due()
    assert await waiting(house) == []
    house.clock.ms += DAY_MS
    await append(house.store, draft("third", "lobby"))
    await of.make_due()
    await of.make_due()
    (only,) = await waiting(house)
    assert "/lobby: 3" in only
    assert "second" not in only, "what was said is not in it"
    house.clock.ms += DAY_MS
    await of.make_due()
    assert len(await waiting(house)) == 1, "nothing is new"


async def test_a_digest_has_a_link_that_ends_it_without_signing_in(house: House) -> None:
    ada, of, sent = await reader(house, "ada"), digests(house), Sent()
    assert ada.account is not None
    await of.want(ada, "daily")
    house.clock.ms += DAY_MS
    await append(house.store, draft("news", "lobby"))
    await of.make_due()
    sender = From.read("chat@example.org")
    await Mailing(house.store, house.clock, house.mails, house.emails, of, sent, "https://c.example", sender).round()
    message = next(each for each in sent.messages if each["List-Unsubscribe"])
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = str(message["List-Unsubscribe"]).strip("<>")
    body = message.get_body(("plain",))
    assert body is not None
    assert link in body.get_content()
    await of.end(link.rpartition("/")[2])
    assert await of.of(ada.account) == "none"
    await refused("link_gone", _async(of, f"{link.rpartition('/')[2]}x"))


async def _async(of: Digests, secret: str) -> None:
    await of.end(secret)


async def test_who_has_no_address_gets_none(house: House) -> None:
    actor = await house.signed_in(await house.person("ada"))
    await refused("bad_email", digests(house).want(actor, "daily"))
