"""E-mail addresses of accounts: verified by who can read their mail, private, one account's alone; and resets."""

from __future__ import annotations

import pytest

from parlour.chat.emails import RESET_EVERY_MS, RESET_MS, VERIFY_MS, Emails, EmailState
from parlour.chat.identities import RECENT_MS
from parlour.chat.profiles import ProfileChange
from parlour.chat.tables.invitations import INVITATIONS
from parlour.chat.tables.mails import MAILS_DUE, Mail
from parlour.core.actor import OPERATOR, Actor
from parlour.core.payloads import EmailChanged
from parlour.schema.json_line import encode
from tests.people.house import ADDRESS, PASSWORD, House, refused

ADA = "Ada@Example.org"
NEW = "a few quite different words"


async def mails(house: House) -> list[Mail]:
    return await house.store.query(MAILS_DUE(house.clock.ms, 100))


async def secret(house: House) -> str:
    """That of the newest mail."""
    return house.mails.secret_of((await mails(house))[-1].id)


async def with_email(house: House, name: str, address: str) -> Actor:
    actor = await house.signed_in(await house.person(name))
    await house.emails.ask(actor, address)
    await house.emails.verify(actor, await secret(house))
    return actor


async def test_an_address_is_that_of_an_account_once_its_link_was_used(house: House) -> None:
    actor = await house.signed_in(await house.person("ada"))
    assert actor.account is not None
    await house.emails.ask(actor, ADA)
    assert await house.emails.of(actor.account) == EmailState(None, "Ada@example.org")
    code = await secret(house)
    assert await house.emails.verify(actor, code) == "Ada@example.org"
    assert await house.emails.of(actor.account) == EmailState("Ada@example.org", None)
    await refused("link_gone", house.emails.verify(actor, code))
    assert [each.what for each in house.log if isinstance(each, EmailChanged)] == ["asked", "verified"]
    assert b"xample.org" not in encode(house.log)  # the log of the server never has an address


async def test_a_link_works_for_its_account_alone_and_for_a_day(house: House) -> None:
    ada, eve = await house.signed_in(await house.person("ada")), await house.signed_in(await house.person("eve"))
    await house.emails.ask(eve, ADA)
    code = await secret(house)
    await refused("link_gone", house.emails.verify(ada, code))  # a click of ada's does not make her mailbox eve's
    house.clock.ms += VERIFY_MS
    await refused("link_gone", house.emails.verify(eve, code))


async def test_asking_for_another_ends_the_link_before(house: House) -> None:
    actor = await house.signed_in(await house.person("ada"))
    await house.emails.ask(actor, ADA)
    first = await secret(house)
    await house.emails.ask(actor, "other@example.org")
    await refused("link_gone", house.emails.verify(actor, first))


async def test_an_address_is_one_account_s_and_others_do_not_learn_whose(house: House) -> None:
    await with_email(house, "ada", ADA)
    eve = await house.signed_in(await house.person("eve"))
    assert await house.emails.ask(eve, "ada@example.ORG") == "ada@example.org"  # as for any other
    assert [(mail.kind, mail.address) for mail in await mails(house)][-1] == ("email_taken", "ada@example.org")
    await refused("link_gone", house.emails.verify(eve, await secret(house)))


async def test_two_who_wait_for_one_address_the_first_to_verify_has_it(house: House) -> None:
    ada, eve = await house.signed_in(await house.person("ada")), await house.signed_in(await house.person("eve"))
    await house.emails.ask(eve, ADA)
    of_eve = await secret(house)
    await house.emails.ask(ada, ADA)
    await house.emails.verify(ada, house.mails.secret_of((await _newest_of(house, ada)).id))
    await refused("link_gone", house.emails.verify(eve, of_eve))


async def _newest_of(house: House, actor: Actor) -> Mail:
    return next(mail for mail in await mails(house) if actor.account and mail.account == actor.account.id)


async def test_changing_an_address_asks_for_the_password_again_and_tells_the_old_one(house: House) -> None:
    actor = await with_email(house, "ada", ADA)
    house.clock.ms += RECENT_MS + 1
    await refused("reauthentication_required", house.emails.ask(actor, "eve@example.org"))
    await refused("reauthentication_required", house.emails.remove(actor))
    actor = (await house.sign_ins.reauthenticate(actor, PASSWORD)).actor
    await house.emails.remove(actor)
    assert [(mail.kind, mail.address) for mail in await mails(house)][-1] == ("email_changed", "Ada@example.org")
    assert actor.account is not None
    assert await house.emails.of(actor.account) == EmailState(None, None)


async def test_a_deleted_account_leaves_no_address_and_no_mail(house: House) -> None:
    actor = await with_email(house, "ada", ADA)
    await house.deletions.delete_own(actor, PASSWORD, "keep")
    assert await mails(house) == []
    await with_email(house, "ada2", ADA)


async def found(house: House, who: str) -> Mail | None:
    """What becomes of a request for a new password."""
    await house.emails.forgotten(who, ADDRESS)
    (mail,) = [mail for mail in await mails(house) if mail.kind == "forgotten"]
    return await house.store.run(house.emails.find_out(mail, who))


@pytest.mark.parametrize("who", ["ada", "ADA", "ada@EXAMPLE.org"])
async def test_who_has_forgotten_a_password_sets_a_new_one_by_mail_once(house: House, who: str) -> None:
    await with_email(house, "ada", ADA)
    mail = await found(house, who)
    assert mail is not None
    assert (mail.kind, mail.address) == ("reset", "Ada@example.org")
    code = house.mails.secret_of(mail.id)
    await house.accounts.reset_password(code, NEW)
    await refused("link_gone", house.accounts.reset_password(code, NEW))
    await house.sign_ins.sign_in("ada", NEW, "Firefox", ADDRESS)


async def test_a_request_in_somebody_s_name_costs_them_nothing(house: House) -> None:
    """Their password stays, no link before it ends, and no second mail comes within minutes."""
    await with_email(house, "ada", ADA)
    first = await found(house, "ada")
    assert first is not None
    assert await found(house, "ada") is None
    house.clock.ms += RESET_EVERY_MS
    second = await found(house, "ada")
    assert second is not None
    await house.sign_ins.sign_in("ada", PASSWORD, "Firefox", ADDRESS)
    await house.accounts.reset_password(house.mails.secret_of(first.id), NEW)
    await refused("link_gone", house.accounts.reset_password(house.mails.secret_of(second.id), NEW))


async def test_the_link_of_a_forgotten_password_works_for_an_hour(house: House) -> None:
    await with_email(house, "ada", ADA)
    mail = await found(house, "ada")
    assert mail is not None
    house.clock.ms += RESET_MS
    await refused("link_gone", house.accounts.reset_password(house.mails.secret_of(mail.id), NEW))


@pytest.mark.parametrize("now", ["", "other@example.org"])
async def test_a_link_for_a_new_password_ends_with_the_address_that_it_was_sent_to(house: House, now: str) -> None:
    actor = await with_email(house, "ada", ADA)
    mail = await found(house, "ada")
    assert mail is not None
    if now:
        await house.emails.ask(actor, now)
        await house.emails.verify(actor, await secret(house))
    else:
        await house.emails.remove(actor)
    await refused("link_gone", house.accounts.reset_password(house.mails.secret_of(mail.id), NEW))


@pytest.mark.parametrize("who", ["nobody", "eve", "gone", "eve@example.org", "a\nb", "", "x" * 5000])
async def test_who_has_no_address_here_gets_the_same_answer_and_no_mail(house: House, who: str) -> None:
    """What is put down at the answer is one row, whoever it is: the answer comes before anybody is looked for."""
    await house.person("eve")
    gone = await with_email(house, "gone", "gone@example.org")
    await house.accounts.set_active(OPERATOR, gone.account, is_active=False)  # type: ignore[arg-type]
    before = len(await mails(house))
    assert await found(house, who) is None
    assert len(await mails(house)) == before
    assert [row for row in await house.store.query(INVITATIONS(house.clock.ms)) if row.account] == []


async def test_people_are_told_of_new_devices_and_of_a_new_password(house: House) -> None:
    actor = await with_email(house, "ada", ADA)
    assert actor.account is not None
    cookie = house.identities.devices.sealed(actor.account.id, "device")
    for known, told in ((cookie, 0), (None, 1)):
        before = len(await mails(house))
        await house.sign_ins.sign_in("ada", PASSWORD, "Mozilla/5.0 Firefox/140.0", ADDRESS, known)
        assert len(await mails(house)) - before == told
    assert (await mails(house))[-1].kind == "signed_in"
    house.clock.ms += 1
    await house.accounts.change_password(actor, PASSWORD, NEW)
    assert (await mails(house))[-1].kind == "password"
    await house.accounts.change(actor, ProfileChange(status="Here"))
    assert (await mails(house))[-1].kind == "password"


async def test_an_invitation_by_mail_is_shown_to_nobody_and_makes_one_account(house: House) -> None:
    owner = await house.signed_in(await house.person("olga", "owner"))
    invitation = await house.invitations.send(owner, "moderator", 7, "bob@example.org")
    (mail,) = await mails(house)
    assert (mail.kind, mail.address) == ("invitation", "bob@example.org")
    code = house.mails.secret_of(mail.id)
    account = await house.accounts.register(code, "bob", "", PASSWORD)
    assert account.role == "moderator"
    await refused("link_gone", house.accounts.register(code, "bob2", "", PASSWORD))
    assert invitation.uses_left == 1
    member = await house.signed_in(await house.person("mia"))
    await refused("forbidden", house.invitations.send(member, "member", 7, "x@example.org"))
    await refused("forbidden", house.invitations.send(owner, "owner", 7, "x@example.org"))
    await refused("bad_email", house.invitations.send(owner, "member", 7, "x@example.org\nBcc: y@example.org"))


async def test_who_asks_for_many_mails_has_to_wait(house: House) -> None:
    limited = Emails(house.store, house.clock, house.ids, house.policies, house.identities, house.mails)
    actor = await house.signed_in(await house.person("ada"))
    for number in range(5):
        await limited.ask(actor, f"ada{number}@example.org")
    await refused("rate_limited", limited.ask(actor, ADA))
    for _ in range(10):
        await limited.forgotten("nobody", ADDRESS)
    await refused("rate_limited", limited.forgotten("ada", ADDRESS))


async def test_no_secret_of_a_link_is_in_the_outbox(house: House) -> None:
    actor = await house.signed_in(await house.person("ada"))
    await house.emails.ask(actor, ADA)
    (mail,) = await mails(house)
    assert await secret(house) not in " ".join(map(str, mail))


async def test_nobody_is_told_of_a_test_mail_that_is_not_sent(house: House) -> None:
    await refused("bad_email", house.emails.send_test(await house.signed_in(await house.person("eve"))))
    actor = await with_email(house, "ada", ADA)
    await house.emails.send_test(actor)
    assert (await mails(house))[-1].kind == "test"
    house.mails.is_on = False
    await refused("not_found", house.emails.send_test(actor))
