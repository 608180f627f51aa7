"""Mail from the outbox to a real mail server: at least once under one Message-ID, again later, or given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from parlour.core.actor import Actor
from parlour.core.mail_server_address import parse_mail_server
from parlour.store.memory import MemoryStore
from parlour.work.mailing import From, Mailing, Undelivered
from parlour.work.smtp import Smtp
from tests.people.house import House
from tests.people.test_digests import digests
from tests.support.certificates import make_certificate
from tests.support.smtp import MailServer, mail_server
from tests.support.stores import CountedIds, HandClock

URL = "https://chat.example.org"
SENDER = From.read("Example Chat <chat@example.org>")
ADA = "ada@example.org"


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MailServer]:
    with mail_server(tmp_path_factory.mktemp("mail")) as server:
        yield server


@pytest.fixture
async def house() -> AsyncIterator[House]:
    clock = HandClock()
    store = MemoryStore(clock, CountedIds())
    made = House(store, clock=clock)
    yield made
    await store.close()
    made.passwords.close()


def mailing(house: House, address: str) -> Mailing:
    post = Smtp(parse_mail_server(address), "chat.example.org")
    of = digests(house)
    return Mailing(house.store, house.clock, house.mails, house.emails, of, post, URL, SENDER, retry_s=(60, 300))


async def ada(house: House) -> Actor:
    return await house.signed_in(await house.person("ada"))


async def test_a_mail_says_who_and_what_and_is_sent_once(house: House, plain: MailServer) -> None:
    await house.emails.ask(await ada(house), ADA)
    sending = mailing(house, f"smtp://127.0.0.1:{plain.port}")
    await sending.round()
    mail = plain.next(ADA)
    message = mail.message
    assert str(message["From"]) == "Example Chat <chat@example.org>"
    assert str(message["To"]) == ADA
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Message-ID"].endswith("@chat.example.org>")
    assert message["Date"].datetime.timestamp() == house.clock.ms // 1000
    assert mail.link.startswith(f"{URL}/account/email/")
    assert mail.link in mail.html
    await sending.round()
    assert plain.taken() == []
    assert (await house.mails.state()).waiting.mails == 0


async def test_a_mail_whose_answer_is_lost_comes_again_under_the_same_id_with_the_same_link(
    house: House, plain: MailServer
) -> None:
    await house.emails.ask(await ada(house), ADA)
    sending = mailing(house, f"smtp://127.0.0.1:{plain.port}")
    plain.say("cut", "")
    await sending.round()
    plain.say("cut", None)
    first = plain.next(ADA)
    house.clock.ms += 60_000
    await sending.round()
    again = plain.next(ADA)
    assert first.message["Message-ID"] == again.message["Message-ID"]
    assert first.link == again.link


async def test_what_is_refused_for_now_comes_later_and_ends(house: House, plain: MailServer) -> None:
    await house.emails.ask(await ada(house), ADA)
    sending = mailing(house, f"smtp://127.0.0.1:{plain.port}")
    plain.say("answer", "451 later")
    for wait_s in (60, 300, 0):
        await sending.round()
        await sending.round()  # it is not its turn
        house.clock.ms += wait_s * 1000
    plain.say("answer", None)
    await sending.round()
    assert plain.taken() == []
    state = await house.mails.state()
    assert state.waiting.mails == 0
    assert [(mail.kind, mail.attempts, mail.error) for mail in state.failed] == [
        ("verify", 3, "the mail server does not take the mail (451)")
    ]
    assert await house.mails.repeat_failed() == 1
    await sending.round()
    assert plain.next(ADA)


async def test_what_is_refused_for_good_is_given_up_and_holds_up_nothing(house: House, plain: MailServer) -> None:
    actor, bob = await ada(house), await house.signed_in(await house.person("bob"))
    await house.emails.ask(actor, "nobody@example.org")
    sending = mailing(house, f"smtp://127.0.0.1:{plain.port}")
    plain.say("recipient", "550 no such user")
    await sending.round()
    plain.say("recipient", None)
    await house.emails.ask(bob, "bob@example.org")
    await sending.round()
    plain.next("bob@example.org")
    failed = (await house.mails.state()).failed
    assert [(mail.attempts, mail.error) for mail in failed] == [(1, "the mail server does not take the address (550)")]
    assert "nobody@" not in failed[0].error


async def test_a_server_that_cannot_be_reached_puts_off_all_of_them(house: House) -> None:
    for name in ("ada", "bob", "cleo"):
        await house.emails.ask(await house.signed_in(await house.person(name)), f"{name}@example.org")
    with_no_server = mailing(house, "smtp://127.0.0.1:1")
    await with_no_server.round()
    state = await house.mails.state()
    assert (state.waiting.mails, state.failed) == (3, [])
    await with_no_server.round()
    assert (await house.mails.state()).waiting.mails == 3


async def test_a_link_that_has_ended_is_not_sent(house: House, plain: MailServer) -> None:
    actor = await ada(house)
    await house.emails.ask(actor, ADA)
    await house.emails.remove(actor)
    await mailing(house, f"smtp://127.0.0.1:{plain.port}").round()
    assert plain.taken() == []
    assert (await house.mails.state()).waiting.mails == 0


async def test_the_follower_sends_what_is_put_down_while_it_waits(house: House, plain: MailServer) -> None:
    task = asyncio.create_task(mailing(house, f"smtp://127.0.0.1:{plain.port}").run())
    await asyncio.sleep(0)
    await house.emails.ask(await ada(house), ADA)
    await asyncio.to_thread(plain.next, ADA)
    task.cancel()


@asynccontextmanager
async def encrypted(directory: Path, *options: str) -> AsyncIterator[tuple[MailServer, Path]]:
    certificate, key = make_certificate(directory, "localhost")
    with mail_server(directory / "mail", "--tls", str(certificate), str(key), *options) as server:
        yield server, certificate


@pytest.mark.parametrize("is_tls", [False, True], ids=["STARTTLS", "TLS"])
async def test_mail_goes_encrypted_with_a_password(house: House, tmp_path: Path, is_tls: bool) -> None:
    await house.emails.ask(await ada(house), ADA)
    more = ("--smtps",) if is_tls else ()
    async with encrypted(tmp_path, *more, "--auth", "chat", "s3cret@") as (server, certificate):
        scheme = "smtps" if is_tls else "smtp"
        place = f"localhost:{server.port}?ca={certificate}"
        wrong = mailing(house, f"{scheme}://chat:wrong@{place}")
        await wrong.round()
        assert server.taken() == []
        assert (await house.mails.state()).waiting.mails == 1  # whoever runs it can mend the password
        house.clock.ms += 60_000
        await mailing(house, f"{scheme}://chat:s3cret%40@{place}").round()
        assert server.next(ADA)


async def test_no_mail_goes_to_a_server_with_a_certificate_of_somebody_else(house: House, tmp_path: Path) -> None:
    await house.emails.ask(await ada(house), ADA)
    async with encrypted(tmp_path) as (server, _):
        await mailing(house, f"smtp://localhost:{server.port}").round()
        assert server.taken() == []


async def test_nothing_is_said_in_clear_to_another_machine(plain: MailServer) -> None:
    needing = parse_mail_server(f"smtp://127.0.0.1:{plain.port}")._replace(needs_tls=True)
    with pytest.raises(Undelivered):
        await Smtp(needing, "chat.example.org").open()
