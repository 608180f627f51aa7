"""The controls of second factors, as those of `controls.py`."""

from __future__ import annotations

from tests.people.control import Control

FACTORS = "tests/people/test_second_factor.py::"

FACTOR_CONTROLS = (
    Control(
        "a password in each request needs a code",
        "chat/identities.py",
        "            if account.factors:\n                return await self._with_code(",
        "            if account.factors < 0:\n                return await self._with_code(",
        f"{FACTORS}test_no_way_in_is_open_to_a_password_alone",
    ),
    Control(
        "the transaction that begins a session asks for it too",
        "chat/sign_ins.py",
        "elif hashed is not None and now[0].factors:",
        "elif hashed is None and now[0].factors:",
        f"{FACTORS}test_a_factor_that_is_set_up_while_a_password_is_hashed_is_asked_for",
    ),
    Control(
        "a code of an app counts once",
        "chat/tables/factors.py",
        "AND secret = ?2 AND step < ?3 RETURNING",
        "AND secret = ?2 AND ?3 > 0 RETURNING",
        f"{FACTORS}test_a_code_counts_once",
    ),
    Control(
        "a recovery code counts once",
        "chat/tables/factors.py",
        "DELETE FROM recovery_codes WHERE hash = ?1 AND account = ?2 RETURNING account",
        "SELECT account FROM recovery_codes WHERE hash = ?1 AND account = ?2",
        f"{FACTORS}test_a_recovery_code_lets_in_once",
    ),
    Control(
        "wrong codes are counted",
        "chat/codes.py",
        "self._throttle.failed(counted, address, device)",
        "pass",
        f"{FACTORS}test_guessing_codes_is_slowed_down_also_for_who_has_the_password",
    ),
    Control(
        "a right password does not end the count of wrong codes",
        "chat/codes.py",
        'counted = f"{account.id} code"',
        "counted = account.name",
        f"{FACTORS}test_guessing_codes_is_slowed_down_also_for_who_has_the_password",
    ),
    Control(
        "the half of a sign-in is signed",
        "chat/signed_values.py",
        "len(seal) != _SEAL_CHARS or not hmac.compare_digest(seal, self._seal(body))",
        "len(seal) < _SEAL_CHARS - 1",
        f"{FACTORS}test_half_of_a_sign_in_ends_by_itself_and_with_the_password",
    ),
    Control(
        "it ends with the password",
        "chat/sign_ins.py",
        'not now or digest(now[0] or "") != hashed',
        'not now or digest(now[0] or "") == ""',
        f"{FACTORS}test_half_of_a_sign_in_ends_by_itself_and_with_the_password",
    ),
    Control(
        "what sets up an app is for one account",
        "chat/factors.py",
        "if whose != account.id:",
        "if not whose:",
        f"{FACTORS}test_what_sets_up_an_app_is_for_one_account_and_a_while",
    ),
    Control(
        "second factors are changed with a password that was given lately",
        "chat/factors.py",
        "account = self._own(actor)\n        self._identities.require_recent(actor)",
        "account = self._own(actor)",
        f"{FACTORS}test_a_change_of_factors_needs_a_password_that_was_given_lately_and_no_token",
    ),
    Control(
        "no token changes them",
        "core/permissions.py",
        'if who.scopes is not None and right == "factor":',
        'if who.scopes == frozenset() and right == "factor":',
        f"{FACTORS}test_a_change_of_factors_needs_a_password_that_was_given_lately_and_no_token",
    ),
    Control(
        "a password that was right before ends with the first factor",
        "chat/identities.py",
        'change.what in ("state", "password", "profile", "factors")',
        'change.what in ("state", "password", "profile")',
        f"{FACTORS}test_a_password_that_was_right_before_ends_with_the_first_factor",
    ),
    Control(
        "who lacks a factor that is demanded may do nothing else",
        "core/permissions.py",
        'if who.lacks_factor and right != "factor":',
        'if who.lacks_factor and right == "administer":',
        f"{FACTORS}test_who_lacks_a_factor_that_is_demanded_may_set_it_up_and_nothing_else",
    ),
    Control(
        "what is open ends when one is demanded",
        "chat/server_settings.py",
        "lambda account: not account.factors and lacks(account)",
        "lambda account: account.factors < 0",
        f"{FACTORS}test_what_is_open_ends_when_a_factor_is_demanded_that_is_not_there",
    ),
    Control(
        "sessions end with factors that others take away",
        "chat/factors.py",
        'ended: list[str] = yield END_SESSIONS_BUT(id_, "")',
        "ended: list[str] = []",
        f"{FACTORS}test_who_has_lost_everything_is_helped_by_an_owner_and_signed_out",
    ),
)
