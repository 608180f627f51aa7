"""The controls of e-mail addresses and mail."""

from __future__ import annotations

from tests.people.control import Control

T = "tests/people/"
EMAILS = f"{T}test_emails.py::"
PAGES = f"{T}test_mail_pages.py::"
MAILING = "tests/followers/test_mailing.py::"

MAIL_CONTROLS = (
    Control(
        "no line ends in an e-mail address",
        "core/email_address.py",
        "if not _LOCAL.fullmatch(local) or len(local) > MAX_LOCAL_CHARS:",
        "if len(local) > MAX_LOCAL_CHARS:",
        "tests/core/test_email_address.py::test_what_is_no_single_address_is_refused",
    ),
    Control(
        "an address is an account's once its link was used with it",
        "chat/emails.py",
        "rows[0].account != account.id or",
        "",
        f"{EMAILS}test_a_link_works_for_its_account_alone_and_for_a_day",
    ),
    Control(
        "an address is one account's",
        "chat/emails.py",
        "if (yield ACCOUNT_WITH(link.folded)) not in ([], [account.id]):",
        "if (yield ACCOUNT_WITH(link.folded)) == [link.folded]:",
        f"{EMAILS}test_two_who_wait_for_one_address_the_first_to_verify_has_it",
    ),
    Control(
        "an address asks for the password again",
        "chat/emails.py",
        "        self._mails.require()\n        self._identities.require_recent(actor)\n",
        "        self._mails.require()\n",
        f"{EMAILS}test_changing_an_address_asks_for_the_password_again_and_tells_the_old_one",
    ),
    Control(
        "a request in somebody's name sends one mail in five minutes",
        "chat/emails.py",
        "(yield RESETS_ASKED_FOR(holders[0], now_ms - RESET_EVERY_MS))",
        "(yield RESETS_ASKED_FOR(holders[0], now_ms))",
        f"{EMAILS}test_a_request_in_somebody_s_name_costs_them_nothing",
    ),
    Control(
        "one link for a new password ends the others",
        "chat/accounts.py",
        "        yield from end_invitations(SYSTEM, END_RESETS_OF(id_))\n",
        "",
        f"{EMAILS}test_a_request_in_somebody_s_name_costs_them_nothing",
    ),
    Control(
        "a rate of requests for new passwords",
        "chat/emails.py",
        "    if wait_s > 0.0:\n",
        "    if wait_s > 1e9:\n",
        f"{EMAILS}test_who_asks_for_many_mails_has_to_wait",
    ),
    Control(
        "who it is that has forgotten a password is found out behind the answer",
        "chat/emails.py",
        '        typed = "".join',
        "        if not self._identities.accounts.named(who):\n"
        '            raise Refusal("gone")\n        typed = "".join',
        f"{PAGES}test_the_answer_is_the_same_bytes_for_whoever_it_is",
    ),
    Control(
        "links in mail begin with the public URL",
        "work/mailing.py",
        "words = letter(mail.kind, details, self._base_url,",
        'words = letter(mail.kind, details, "http://localhost",',
        f"{PAGES}test_links_begin_with_the_public_url_whatever_a_request_calls_the_server",
    ),
    Control(
        "a GET of a link changes nothing",
        "api/email_pages.py",
        "link = await self.context.people.emails.find(request.actor, options.code)",
        "link = await self.context.people.emails.find(request.actor, options.code)\n"
        "            await self.context.people.emails.verify(request.actor, options.code)",
        f"{PAGES}test_a_link_that_verifies_an_address_leads_who_is_not_signed_in_to_sign_in_first",
    ),
    Control(
        "no secret of a link waits in the database",
        "chat/mails.py",
        'hmac.digest(key, id_.encode(), hashlib.sha256)).rstrip(b"=").decode()',
        'id_.encode()).rstrip(b"=").decode()[:0] + id_',
        f"{EMAILS}test_no_secret_of_a_link_is_in_the_outbox",
    ),
    Control(
        "mail goes encrypted to another machine, or not at all",
        "work/smtp.py",
        "start_tls=True if server.needs_tls else None if not server.is_tls else False,",
        "start_tls=None if not server.is_tls else False,",
        f"{MAILING}test_nothing_is_said_in_clear_to_another_machine",
    ),
    Control(
        "the certificate of the mail server is looked at",
        "work/smtp.py",
        "self._tls = ssl.create_default_context(cafile=server.ca)",
        "self._tls = ssl._create_unverified_context(cafile=server.ca)",
        f"{MAILING}test_no_mail_goes_to_a_server_with_a_certificate_of_somebody_else",
    ),
    Control(
        "a new device is told of",
        "chat/sign_ins.py",
        "        if is_new_device:\n            details",
        "        if is_new_device and hashed is None:\n            details",
        f"{EMAILS}test_people_are_told_of_new_devices_and_of_a_new_password",
    ),
    Control(
        "the link that ends a digest is signed",
        "chat/digests.py",
        'account = self._identities.accounts.get(self._links.read(secret, self._clock.now_ms()) or "")',
        "account = next(iter(self._identities.accounts.all()), None)",
        "tests/people/test_digests.py::test_a_digest_has_a_link_that_ends_it_without_signing_in",
    ),
    Control(
        "a GET of it changes nothing",
        "api/email_pages.py",
        "    def digest(self, request: Request, options: LinkOptions) -> Response:\n"
        '        """One button: opening a link changes nothing."""\n',
        "    async def digest(self, request: Request, options: LinkOptions) -> Response:\n"
        "        await self.context.digests.end(options.code)\n",
        f"{PAGES}test_a_mailbox_that_unsubscribes_needs_no_session_and_a_get_changes_nothing",
    ),
    Control(
        "a GET of a link for a new password does not use it up",
        "api/sign_in_pages.py",
        "        return await self._reset(request, options.code)\n",
        "        answer = await self._reset(request, options.code)\n"
        '        await self.context.people.accounts.reset_password(options.code, "it looks at links", "")\n'
        "        return answer\n",
        f"{PAGES}test_who_has_forgotten_a_password_comes_back_by_mail",
    ),
    Control(
        "nor one of an invitation",
        "api/sign_in_pages.py",
        '        return await self._join(request, options.code, {"name": "", "display": ""})\n',
        '        answer = await self._join(request, options.code, {"name": "", "display": ""})\n'
        '        await self.context.people.accounts.register(options.code, "program", "", "it looks at links", "")\n'
        "        return answer\n",
        f"{T}test_sign_in.py::test_an_invitation_makes_an_account_once_and_signs_in",
    ),
    Control(
        "a link for a new password ends with the address that it was sent to",
        "chat/emails.py",
        "            yield from end_invitations(author_of(account), END_RESETS_ASKED_FOR(account.id))\n",
        "",
        f"{EMAILS}test_a_link_for_a_new_password_ends_with_the_address_that_it_was_sent_to",
    ),
)
