"""The controls of second factors, as those of `controls.py`."""

from __future__ import annotations

from tests.people.control import Control

FACTORS = "tests/people/test_second_factor.py::"
PASSKEYS = "tests/people/test_passkeys.py::"

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
    Control(
        "a challenge is for one purpose and one account",
        "chat/passkeys.py",
        "if found[:2] != [purpose, account]:",
        'if found == [""]:',
        f"{PASSKEYS}test_a_challenge_is_for_one_purpose_and_one_account",
    ),
    Control(
        "a challenge counts once",
        "chat/passkeys.py",
        "used: list[str] = yield USE_CHALLENGE(hash_, now_ms + CHALLENGE_MS)",
        "used = [hash_]",
        f"{PASSKEYS}test_a_challenge_counts_once_and_for_five_minutes",
    ),
    Control(
        "what was signed at a false page opens nothing",
        "chat/passkeys.py",
        "expected_origin=place.origin,\n                credential_public_key",
        'expected_origin=json.loads(answer.client_data)["origin"],\n                credential_public_key',
        f"{PASSKEYS}test_what_was_signed_elsewhere_or_otherwise_opens_nothing",
    ),
    Control(
        "a passkey is for the host that it was made for",
        "chat/passkeys.py",
        "if not rows or rows[0].rp != place.rp or",
        "if not rows or",
        f"{PASSKEYS}test_a_passkey_of_another_name_of_this_server_opens_nothing_here",
    ),
    Control(
        "a passkey alone has to know its holder",
        "chat/passkeys.py",
        'require_user_verification=purpose != "second_step"',
        "require_user_verification=False",
        f"{PASSKEYS}test_a_passkey_alone_has_to_know_its_holder",
    ),
    Control(
        "a counter that goes back is a copy",
        "chat/passkeys.py",
        "if counter <= row.counter and (counter, row.counter) != (0, 0):",
        "if counter < 0:",
        f"{PASSKEYS}test_a_copy_of_a_key_is_refused_and_told_to_its_owner",
    ),
    Control(
        "a passkey is of the account in it",
        "chat/passkeys.py",
        "answer.user != row.account.encode()",
        'answer.user == b""',
        f"{PASSKEYS}test_what_was_signed_elsewhere_or_otherwise_opens_nothing",
    ),
    Control(
        "a second step takes the passkeys of its account",
        "chat/passkeys.py",
        "(account and rows[0].account != account)",
        '(account == "nobody")',
        f"{PASSKEYS}test_a_challenge_is_for_one_purpose_and_one_account",
    ),
    Control(
        "passkeys are taken away together with their account's id",
        "chat/tables/passkeys.py",
        "DELETE FROM passkeys WHERE id = ?1 AND account = ?2 RETURNING id",
        "DELETE FROM passkeys WHERE id = ?1 AND ?2 <> '' RETURNING id",
        f"{PASSKEYS}test_a_passkey_is_taken_away_by_its_owner_alone_and_with_the_account",
    ),
)
