"""Each control of docs/security.md, how it is taken out of the source, and a test that fails then."""

from __future__ import annotations

from tests.people.control import Control
from tests.people.controls_mail import MAIL_CONTROLS
from tests.people.controls_providers import PROVIDER_CONTROLS
from tests.people.direct_controls import DIRECT_CONTROLS
from tests.people.factor_controls import FACTOR_CONTROLS
from tests.people.token_controls import TOKEN_CONTROLS

T = "tests/people/"
THROTTLE = f"{T}test_throttle.py::"
PASSWORDS = f"{T}test_passwords.py::"
ATTACKS = f"{T}test_attacks.py::"
ESCALATION = f"{T}test_escalation.py::"
SIGN_IN = f"{T}test_sign_in.py::"
ACCOUNTS = f"{T}test_accounts.py::"
ROOMS = f"{T}test_rooms.py::"

CONTROLS = (
    # guessing, and telling who has an account
    Control(
        "delays after wrong passwords",
        "chat/sign_in_throttle.py",
        "if failures is not None and failures.until > now:",
        "if failures is not None and failures.until > now + 1e9:",
        f"{THROTTLE}test_the_delays_double_up_to_a_quarter_of_an_hour",
    ),
    Control(
        "a count over all addresses",
        "chat/sign_in_throttle.py",
        "[((name, address), FREE), ((name, None), STRANGERS)]",
        "[((name, address), FREE)]",
        f"{THROTTLE}test_from_all_addresses_together_a_name_is_guessed_no_faster",
    ),
    Control(
        "a device that has signed in is counted for itself",
        "chat/sign_in_throttle.py",
        "if device is not None:",
        "if device is not None and device != device:",
        f"{THROTTLE}test_strangers_lock_out_no_device_that_has_signed_in_before",
    ),
    Control(
        "the cookie of a device is sealed for its account",
        "chat/known_devices.py",
        "return device if hmac.compare_digest(seal, self._seal(account, device)) else None",
        "return device",
        f"{THROTTLE}test_a_device_is_known_by_its_cookie_for_its_account_alone",
    ),
    Control(
        "counts that other names do not push out",
        "chat/sign_in_throttle.py",
        "for key, each in self._failures.items() if each.until > now - LONGEST_S",
        "for key, each in self._failures.items() if each.until > now",
        f"{THROTTLE}test_what_one_is_counted_for_is_not_pushed_out_by_other_names",
    ),
    Control(
        "a name nobody has is counted by its canonical form",
        "chat/known_accounts.py",
        "return written or _as_shown(name)",
        "return name",
        f"{THROTTLE}test_a_name_nobody_has_is_counted_like_one_that_somebody_has",
    ),
    Control(
        "what can be no name is counted together",
        "chat/known_accounts.py",
        'return ""\n\n\ndef _place',
        "return name\n\n\ndef _place",
        f"{THROTTLE}test_what_can_be_no_name_takes_no_memory",
    ),
    Control(
        "a name nobody has costs a hash",
        "chat/passwords.py",
        "            await self._run(lambda: self._hash(password), address)\n            return False",
        "            return False",
        f"{PASSWORDS}test_an_unknown_name_costs_the_same_hash_as_a_known_one",
    ),
    Control(
        "a weak hash costs as much as any",
        "chat/hash_child.py",
        "        if kib > 0:",
        "        if kib < 0:",
        f"{PASSWORDS}test_a_wrong_password_for_a_weak_hash_is_not_answered_sooner",
    ),
    Control(
        "one answer for a wrong password and a name nobody has",
        "chat/identities.py",
        "self._throttle.check(name, address, device)",
        "assert account is not None",
        f"{SIGN_IN}test_an_unknown_name_is_answered_like_a_wrong_password",
    ),
    Control(
        "a bound of the hashes that wait",
        "chat/passwords.py",
        "if self._waiting >= THREADS + QUEUE:",
        "if self._waiting >= 10 * QUEUE:",
        f"{PASSWORDS}test_beyond_its_capacity_the_queue_of_hashes_refuses",
    ),
    Control(
        "a rate of hashes for each address",
        "chat/passwords.py",
        "if wait_s > 0.0:",
        "if wait_s > 1e9:",
        f"{PASSWORDS}test_no_address_takes_all_hashes",
    ),
    # pages of other sites
    Control(
        "a request with a session comes from our own page",
        "api/guard.py",
        "            return\n        _require_own_page(request, origin)",
        "            return",
        f"{SIGN_IN}test_a_page_of_another_site_does_nothing_in_the_name_of_its_visitor",
    ),
    Control(
        "a request with a session says where it comes from",
        "api/guard.py",
        'if origin is None and request.field(b"sec-fetch-site") is None:',
        'if origin == b"" and request.field(b"sec-fetch-site") is None:',
        f"{SIGN_IN}test_a_page_of_another_site_does_nothing_in_the_name_of_its_visitor",
    ),
    Control(
        "no page of another site signs anybody in",
        "api/sign_ins.py",
        "    require_own_page(request)\n",
        "",
        f"{ATTACKS}test_a_page_of_another_site_signs_nobody_in",
    ),
    Control(
        "no page that may ask acts by a password that the browser adds",
        "api/guard.py",
        'actor.credential in ("session", "password", "pass", "proxy")',
        'actor.credential in ("session", "pass")',
        f"{ATTACKS}test_a_site_that_may_ask_does_not_ask_as_its_visitor",
    ),
    Control(
        "the origin of a WebSocket is looked at",
        "api/guard.py",
        "if request.method not in SAFE_METHODS or request.head.upgrade is not None:",
        "if request.method not in SAFE_METHODS:",
        f"{ATTACKS}test_a_page_of_another_site_opens_no_websocket_as_its_visitor",
    ),
    Control(
        "no page frames ours",
        "ui/page.py",
        "frame-ancestors 'none';",
        "frame-ancestors *;",
        f"{ATTACKS}test_what_somebody_who_is_signed_in_is_shown_is_kept_nowhere",
    ),
    Control(
        "after signing in comes a page of this server",
        "api/forms.py",
        'is_local = text.startswith("/") and not text.startswith(("//", "/\\\\")) and not _UPWARD.search(text)',
        "is_local = True",
        f"{SIGN_IN}test_signing_in_leads_to_no_other_site",
    ),
    # credentials on their way, and where they stay
    Control(
        "no session over plain HTTP from elsewhere",
        "api/credentials.py",
        "secret = request.cookie(session_cookie(request.peer)) if may_have_session(request.peer) else None",
        "secret = request.cookie(session_cookie(request.peer))",
        f"{SIGN_IN}test_nobody_signs_in_over_plain_http_from_elsewhere",
    ),
    Control(
        "no password over plain HTTP from elsewhere",
        "api/credentials.py",
        'if credentials.kind == "password" and not may_have_session(request.peer):',
        'if credentials.kind == "none" and not may_have_session(request.peer):',
        f"{ATTACKS}test_no_password_is_taken_over_plain_http_from_elsewhere",
    ),
    Control(
        "a proxy names addresses only",
        "net/proxies.py",
        "            if address is None:\n                return peer\n",
        "            if address is None:\n                return hop\n",
        f"{ATTACKS}test_nobody_says_through_a_proxy_that_they_are_the_operator",
    ),
    Control(
        "a session has a new secret",
        "api/sign_ins.py",
        "session = set_cookie(request.peer, made.secret, SESSION_MS // 1000)",
        'session = set_cookie(request.peer, request.cookie("parlour_session") or made.secret, SESSION_MS // 1000)',
        f"{SIGN_IN}test_a_cookie_from_before_never_becomes_a_session",
    ),
    Control(
        "signing in ends the session before",
        "api/sign_ins.py",
        'if before.account is not None and before.credential == "session" and before.sign_in is not None:',
        'if before.account is not None and before.credential == "none" and before.sign_in is not None:',
        f"{ATTACKS}test_signing_in_again_ends_the_session_before",
    ),
    Control(
        "the database has the SHA-256 of a secret only",
        "core/secret.py",
        "return sha256(secret.encode()).hexdigest()",
        "return secret",
        f"{PASSWORDS}test_no_secret_is_in_the_database",
    ),
    Control(
        "links are cut in the log",
        "app.py",
        'shown = _SECRET_LINK.sub(r"\\1…", path)',
        "shown = path",
        f"{SIGN_IN}test_no_secret_is_in_a_log_of_the_server",
    ),
    Control(
        "heads with secrets are not remembered",
        "wire/http1_head.py",
        "        if _has_secret(parsed):",
        "        if not parsed.fields:",
        "tests/wire/test_secret_heads.py::test_a_head_with_a_secret_is_not_remembered",
    ),
    Control(
        "nothing is kept by caches",
        "http/response.py",
        'cache: bytes = b"no-store"',
        'cache: bytes = b"max-age=60"',
        f"{ATTACKS}test_what_somebody_who_is_signed_in_is_shown_is_kept_nowhere",
    ),
    # the end of what somebody is signed in with
    Control(
        "what has ended is forgotten",
        "chat/identities.py",
        "self._known.forget_of(account, lambda known: known.sign_in == sign_in)",
        "pass",
        f"{SIGN_IN}test_signing_out_ends_the_session",
    ),
    Control(
        "streams end with it",
        "chat/identities.py",
        "self._end(account, lambda by: by == sign_in, SIGNED_OUT[why])",
        "pass",
        f"{T}test_revocation.py::test_a_stream_ends_with_what_it_was_opened_with",
    ),
    Control(
        "long-polls end with it",
        "api/guard.py",
        "            refusals.append(refusal)\n            task.cancel()",
        "            pass",
        f"{T}test_revocation.py::test_a_long_poll_that_waits_is_refused",
    ),
    Control(
        "what is looked up while it ends is not found",
        "chat/identities.py",
        "if found.id in self._ended or not self._is_active(found.account):",
        "if not found.id:",
        f"{ACCOUNTS}test_what_ends_while_it_is_looked_up_is_not_found_afterwards",
    ),
    Control(
        "a request under way looks again for its session",
        "chat/recheck.py",
        "    if not sign_ins:",
        "    if sign_ins is None:",
        f"{ESCALATION}test_a_request_under_way_does_nothing_once_its_session_has_ended",
    ),
    Control(
        "and for its role",
        "chat/recheck.py",
        "if accounts[0].role != actor.account.role:",
        "if accounts[0].role == '':",
        f"{ESCALATION}test_a_request_under_way_does_nothing_with_a_role_that_has_been_taken_away",
    ),
    Control(
        "a new password replaces the one that was checked",
        "chat/profiles.py",
        "if (yield PASSWORD_OF(id_)) != [before]:",
        "if (yield PASSWORD_OF(id_)) == []:",
        f"{ESCALATION}test_an_old_password_does_not_undo_a_new_one",
    ),
    Control(
        "another hash of a password replaces the one that was checked",
        "chat/tables/accounts.py",
        "WHERE id = ?1 AND password = ?2 RETURNING id",
        "WHERE id = ?1 AND ?2 <> '' RETURNING id",
        f"{PASSWORDS}test_a_password_that_is_changed_while_it_is_hashed_again_lets_nobody_in",
    ),
    # invitations
    Control(
        "an invitation counts down",
        "chat/tables/invitations.py",
        "WHERE hash = ?1 AND uses_left > 0 AND expires_ms > ?2",
        "WHERE hash = ?1 AND expires_ms > ?2",
        f"{ESCALATION}test_the_last_place_of_an_invitation_is_for_one",
    ),
    Control(
        "links end with the role of their maker",
        "chat/accounts.py",
        "        yield from end_invitations(by(actor), END_ALL_BY(id_))\n",
        "",
        f"{ESCALATION}test_the_links_of_a_former_admin_end_with_the_role",
    ),
    Control(
        "links into a room end with the role of their maker",
        "chat/members.py",
        "        yield from end_invitations(by(actor), END_INVITATIONS_TO_BY(room, account.id))\n",
        "        pass\n",
        f"{ESCALATION}test_the_links_of_a_former_moderator_of_a_room_end",
    ),
    # more than one has
    Control(
        "only an owner makes an owner",
        "chat/invitations.py",
        'if actor.account is not None and not actor.account.has_role("owner"):',
        'if actor.account is not None and not actor.account.has_role("admin"):',
        f"{ACCOUNTS}test_only_an_owner_makes_an_owner",
    ),
    Control(
        "a bot has no role",
        "chat/accounts.py",
        'if account.kind == "bot":\n            raise Refusal("forbidden", "A bot has no role',
        'if account.kind == "none":\n            raise Refusal("forbidden", "A bot has no role',
        f"{ESCALATION}test_a_bot_has_no_role_on_the_server",
    ),
    Control(
        "bots are disabled with their owner",
        "chat/accounts.py",
        "        for bot in bots:\n",
        "        for bot in bots[:0]:\n",
        f"{ACCOUNTS}test_the_bots_of_a_disabled_account_are_disabled_with_it",
    ),
    Control(
        "bots leave a room with their owner",
        "chat/members.py",
        "leaving = [account.id, *(bot for bot in bots if bot in policy.members)]",
        "leaving = [account.id]",
        f"{ESCALATION}test_bots_leave_a_room_with_whom_they_belong_to",
    ),
    Control(
        "the scopes of a token",
        "core/permissions.py",
        'if who.scopes is not None and SCOPES_FOR[right] not in who.scopes and "admin" not in who.scopes:',
        "if who.scopes == frozenset():",
        f"{SIGN_IN}test_a_token_does_what_its_scopes_say_until_it_ends",
    ),
    Control(
        "the rooms of a token",
        "chat/policies.py",
        'if actor.rooms is not None and room not in actor.rooms:\n            raise Refusal("forbidden", WRONG_ROOM)',
        "pass",
        f"{ROOMS}test_a_token_for_one_room",
    ),
    Control(
        "a token makes none that lasts longer",
        "chat/sign_ins.py",
        "row.expires_ms > by_what.expires_ms",
        "row.expires_ms < 0",
        f"{ESCALATION}test_a_token_makes_none_that_lasts_longer",
    ),
    Control(
        "sessions and tokens are found together with their account",
        "chat/tables/sign_ins.py",
        "DELETE FROM sign_ins WHERE id = ?1 AND account = ?2 RETURNING id",
        "DELETE FROM sign_ins WHERE id = ?1 AND ?2 <> '' RETURNING id",
        f"{SIGN_IN}test_one_ends_no_session_of_somebody_else",
    ),
    Control(
        "fields that are not known are refused",
        "schema/people.py",
        "class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):",
        "class _Body(msgspec.Struct, frozen=True):",
        f"{ATTACKS}test_nobody_gets_more_by_fields_that_are_not_theirs",
    ),
    Control(
        "a private room answers like none",
        "core/permissions.py",
        'return Refusal("not_found", _NO_ROOM)',
        'return Refusal("not_found" if policy.seq == 0 else "forbidden", _NO_ROOM)',
        f"{ROOMS}test_who_is_not_in_a_private_room_cannot_tell_whether_there_is_one",
    ),
    # names
    Control(
        "names are compared by what they look like",
        "core/accounts.py",
        "return skeletons(name.casefold())",
        "return frozenset((name,))",
        f"{ACCOUNTS}test_names_that_look_alike_are_one_name",
    ),
    Control(
        "by all that they look like",
        "core/accounts.py",
        "return skeletons(name.casefold())",
        "return frozenset((min(skeletons(name.casefold())),))",
        f"{ESCALATION}test_a_name_that_can_be_read_in_two_ways_is_like_both",
    ),
    Control(
        "names show their characters in one order",
        "core/accounts.py",
        "if not has_one_order(name):",
        "if name == '':",
        "tests/core/test_precis.py::test_names_are_what_rfc_8265_makes_of_them",
    ),
    *TOKEN_CONTROLS,
    *FACTOR_CONTROLS,
    *MAIL_CONTROLS,
    *PROVIDER_CONTROLS,
    *DIRECT_CONTROLS,
)
