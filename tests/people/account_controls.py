"""The controls of accounts: their names, sessions, passwords and their end; as `controls.py` has the others."""

from __future__ import annotations

from tests.people.control import Control

T = "tests/people/"
AGAIN = f"{T}test_reauthentication.py::"
REGISTRATION = f"{T}test_registration.py::"
SHOWN_ONCE = f"{T}test_shown_once.py::"
DELETION = f"{T}test_deletion.py::"
ATTACKS = f"{T}test_attacks.py::"

ACCOUNT_CONTROLS = (
    # who gets in
    Control(
        "signing in needs the password",
        "chat/identities.py",
        "if not await self._passwords.verify(rows[0] if rows else None, password, address):",
        "if await self._passwords.verify(rows[0] if rows else None, password, address) is None:",
        f"{T}test_accounts.py::test_signing_in_needs_the_password",
    ),
    Control(
        "rates of making accounts",
        "chat/registrations.py",
        "if (wait := buckets.wait(name, now)) > 0.0:",
        "if (wait := buckets.wait(name, now)) > 1e9:",
        f"{REGISTRATION}test_the_rates_count_a_site_of_ipv6_as_one_and_all_addresses_together",
    ),
    Control(
        "they are asked before a password is hashed",
        "chat/accounts.py",
        "self._rates.take(address, self._clock.monotonic())\n"
        "        hashed = await self._passwords.hash(password, address)",
        "hashed = await self._passwords.hash(password, address)\n"
        "            self._rates.take(address, self._clock.monotonic())\n"
        "        hashed = await self._passwords.hash(password, address)",
        f"{REGISTRATION}test_the_rates_are_asked_before_a_password_is_hashed",
    ),
    # sessions
    Control(
        "what is dangerous needs a password that was given lately",
        "chat/identities.py",
        'if actor.credential == "session" and self._clock.now_ms() - actor.authenticated_ms > RECENT_MS:',
        'if actor.credential == "none" and self._clock.now_ms() - actor.authenticated_ms > RECENT_MS:',
        f"{AGAIN}test_what_is_dangerous_needs_a_password_that_was_given_lately",
    ),
    Control(
        "with the password a session gets another secret",
        "chat/tables/sign_ins.py",
        "SET hash = ?3, authenticated_ms = ?4",
        "SET hash = hash, authenticated_ms = ?4 + 0 * length(?3)",
        f"{AGAIN}test_with_the_password_a_session_gets_a_new_secret_and_its_streams_go_on",
    ),
    Control(
        "sessions of those who run the server end sooner",
        "chat/identities.py",
        'return (ADMIN_SESSION_MS, ADMIN_IDLE_MS) if account.has_role("admin") else (SESSION_MS, IDLE_MS)',
        "return (SESSION_MS, IDLE_MS)",
        f"{AGAIN}test_sessions_of_those_who_run_the_server_end_sooner",
    ),
    Control(
        "with another role all sessions end",
        "chat/accounts.py",
        'ended: list[str] = yield END_SESSIONS_BUT(id_, "")  # a session has',
        "ended: list[str] = []  # a session has",
        f"{AGAIN}test_another_role_ends_the_sessions_of_an_account_and_no_tokens",
    ),
    Control(
        "what has run out is ended, with what is open by it",
        "work/expiry.py",
        "due = [row for row in rows if row.expires_ms <= now_ms]",
        "due = [row for row in rows if row.expires_ms <= 0]",
        f"{T}test_expiry.py::test_a_token_ends_with_its_last_day_and_its_streams_with_it",
    ),
    # secrets
    Control(
        "a new link or token is shown to the session that has made it",
        "api/shown_once.py",
        'if kept is None or request.method != "GET" or kept.session != request.actor.sign_in:',
        'if kept is None or request.method != "GET":',
        f"{SHOWN_ONCE}test_a_reload_shows_it_no_more_and_makes_no_other_one",
    ),
    Control(
        "and once",
        "api/shown_once.py",
        "        del self._kept[number]\n        return kept.value",
        "        return kept.value",
        f"{SHOWN_ONCE}test_a_reload_shows_it_no_more_and_makes_no_other_one",
    ),
    Control(
        "the log has no queries",
        "net/server.py",
        'path = head.target.partition(b"?")[0].decode("latin-1")',
        'path = head.target.decode("latin-1")',
        f"{ATTACKS}test_no_password_in_an_address_signs_in_or_is_kept",
    ),
    Control(
        "no option of a command is a secret",
        "cli/login.py",
        '@click.option("--name", help="The name of your account, instead of asking for it.")',
        '@click.option("--name", help="The name of your account, instead of asking for it.")\n'
        '@click.option("--password", help="Its password.")',
        "tests/cli/test_secrets_in_arguments.py::test_no_option_and_no_argument_is_a_secret",
    ),
    Control(
        "pages escape what they show",
        "ui/page.py",
        "autoescape=True,",
        "autoescape=False,",
        f"{ATTACKS}test_what_a_browser_calls_itself_breaks_out_of_nothing",
    ),
    # names, and what is left of an account
    Control(
        "names stay with whoever had them",
        "chat/profiles.py",
        "    yield ADD_FORMER_NAME(account.name, skeleton(account.name), account.id)\n",
        "",
        f"{T}test_profiles.py::test_names_stay_with_whoever_had_them",
    ),
    Control(
        "nobody is shown under a name that can be read as that of another account",
        "core/accounts.py",
        "return skeletons(name.casefold())",
        "return frozenset((name.casefold(),))",
        f"{T}test_escalation.py::test_nobody_is_shown_under_the_name_of_another_account",
    ),
    Control(
        "the names of a deleted account stay taken while an event has them",
        "chat/identities.py",
        'if change.what == "erased":',
        'if change.what in ("erased", "deleted"):',
        f"{DELETION}test_a_name_is_free_once_no_event_has_it",
    ),
    Control(
        "nobody is called like a deleted account",
        "core/impersonation.py",
        "webmaster deletedaccount",
        "webmaster",
        f"{DELETION}test_nobody_is_called_like_a_deleted_account",
    ),
    Control(
        "deleting one's account asks for the password",
        "chat/deletions.py",
        "hashed = await self._identities.password_is(account, password, account.name, address, actor.sign_in)",
        "hashed = None",
        f"{DELETION}test_who_may_delete_whom",
    ),
    Control(
        "an account that was deleted is taken out of the events that name it",
        "chat/deletions.py",
        "yield Erase(accounts, position, CHANGES_PER_STEP - changed)",
        "yield Erase({}, position, CHANGES_PER_STEP - changed)",
        f"{DELETION}test_no_event_names_an_account_that_was_deleted",
    ),
)
