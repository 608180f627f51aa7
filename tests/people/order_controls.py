"""The controls of docs/security.md that keep order, how each is taken out of the source, and a test that fails then."""

from __future__ import annotations

from tests.people.control import Control

T = "tests/people/"
RESTRICTIONS = f"{T}test_restrictions.py::"
AUDIT = f"{T}test_audit.py::"
BANS = f"{T}test_bans.py::"
REPORTS = f"{T}test_reports.py::"
RULES = f"{T}test_room_rules.py::"

ORDER_CONTROLS = (
    Control(
        "a banned address makes no account by a sign-in provider",
        "chat/provider_links.py",
        "if (refusal := self._accounts.refused_address(address)) is not None:",
        'if (refusal := self._accounts.refused_address("")) is not None:',
        "tests/people/test_bans.py::test_who_comes_from_elsewhere_makes_no_account_at_a_banned_address",
    ),
    Control(
        "no link brings back who is banned from its room",
        "chat/invitations.py",
        "        self._require_not_banned(account, log.policy)\n",
        "",
        "tests/people/test_restrictions.py::test_no_link_brings_back_who_is_banned",
    ),
    Control(
        "nor who is banned from the server",
        "chat/invitations.py",
        '        self._policies.require(actor, "read", None)\n',
        "",
        "tests/people/test_restrictions.py::test_no_link_brings_back_who_is_banned",
    ),
    Control(
        "a ban from the server ends what a role on it gives",
        "chat/policies.py",
        "return refusal is None and (self._kept_out is None or self._kept_out(actor, right) is None)",
        "return refusal is None",
        "tests/people/test_reports.py::test_a_moderator_who_is_banned_from_the_server_sees_no_reports",
    ),
    Control(
        "who is muted or banned does not have the right",
        "chat/policies.py",
        "self._held(actor, right, policy) if refusal is None and policy.restrictions else refusal",
        "self._held(actor, right, policy) if refusal is None and policy is None else refusal",
        f"{RESTRICTIONS}test_who_is_banned_is_out_at_that_event_and_is_no_member_any_more",
    ),
    Control(
        "a message on its way is judged by the restriction before it",
        "chat/policies.py",
        "refusal = self.judge(actor, right, policy)\n",
        "refusal = self._rule_of(actor, right)(policy)\n",
        f"{RESTRICTIONS}test_no_message_is_stored_after_the_event_that_mutes_its_author",
    ),
    Control(
        "a guest is held under any name",
        "chat/guest_marks.py",
        "elif restriction.mark == mark:",
        "elif restriction.mark == author:",
        f"{RESTRICTIONS}test_without_newcomers_only_the_guest_is_held",
    ),
    Control(
        "newcomers from the address of a banned guest are held",
        "chat/guest_marks.py",
        "return came is None or came > (restriction.since_ms or 0)",
        "return False",
        f"{RESTRICTIONS}test_a_guest_is_known_under_another_name_and_behind_the_same_address",
    ),
    Control(
        "a guest whom nobody remembers is found by the name",
        "chat/guest_marks.py",
        "return author in {",
        "return not author and author in {",
        f"{RESTRICTIONS}test_it_is_in_force_after_a_restart",
    ),
    Control(
        "digests of a guest are salted for the room",
        "chat/guest_marks.py",
        'self._digest(f"{salt}\\0{id_}")',
        "self._digest(id_)",
        f"{RESTRICTIONS}test_a_digest_of_a_guest_says_nothing_in_another_room",
    ),
    Control(
        "a moderator of the server has no say in private rooms",
        "core/permissions.py",
        'who.has_role("admin" if policy.access == "private" else INSTEAD[right])',
        "who.has_role(INSTEAD[right])",
        f"{RESTRICTIONS}test_a_moderator_of_the_server_keeps_order_in_public_rooms_alone",
    ),
    Control(
        "who is banned is added by nobody",
        "chat/members.py",
        'if held is not None and held.what == "banned":',
        'if held is not None and held.what == "nothing":',
        f"{RESTRICTIONS}test_who_is_banned_is_out_at_that_event_and_is_no_member_any_more",
    ),
    Control(
        "in slow mode an author waits",
        "chat/slow_mode.py",
        "if wait_ms > 0:",
        "if wait_ms > 1e12:",
        f"{RULES}test_slow_mode_is_exact_in_one_batch_and_ends_with_the_time",
    ),
    Control(
        "a guest under another name is the same author in slow mode",
        "chat/posting.py",
        "self._marks.of(draft.room, actor.id, None)[0] if actor.account is None",
        "draft.author.id if actor.account is None",
        f"{RULES}test_slow_mode_holds_an_author_under_any_name_and_no_moderator",
    ),
    Control(
        "no message slips past slow mode while it is switched on",
        "chat/posting.py",
        "self._judge_at_once = policies.judge_at_once",
        "self._judge_at_once = policies.judge",
        f"{RULES}test_no_message_slips_past_slow_mode_while_it_is_switched_on",
    ),
    Control(
        "words are compared by what they look like",
        "core/text_rules.py",
        "for reading in text_skeletons(text) | text_skeletons(text.casefold()):",
        "for reading in {text.casefold()}:",
        f"{RULES}test_a_word_is_compared_whole_and_by_what_it_looks_like",
    ),
    Control(
        "an event of the server's log has a hash of the one before",
        "chat/audit_chain.py",
        "{'' if before is None else before.hash}",
        "",
        f"{AUDIT}test_owners_alone_read_it_and_the_page_shows_it",
    ),
    Control(
        "the bytes of every event are compared with its link",
        "chat/audit.py",
        "if digest != linked:",
        "if linked is None:",
        f"{AUDIT}test_what_was_changed_behind_the_back_of_the_server_is_found",
    ),
    Control(
        "owners alone read the log of the server",
        "core/permissions.py",
        '"audit": "owner", "order"',
        '"audit": "admin", "order"',
        f"{AUDIT}test_owners_alone_read_it_and_the_page_shows_it",
    ),
    Control(
        "who is kept out of the server does not have the right",
        "chat/policies.py",
        "        refusal = rule(policy)\n        if refusal is None and self._kept_out is not None:",
        "        refusal = rule(policy)\n        if refusal is None and self._kept_out is None:",
        f"{BANS}test_a_banned_account_can_sign_in_and_see_why_and_nothing_else",
    ),
    Control(
        "what is open ends with a ban",
        "chat/bans.py",
        'if payload.what == "made":\n            self.on_change()',
        'if payload.what == "lifted":\n            self.on_change()',
        f"{BANS}test_a_banned_account_can_sign_in_and_see_why_and_nothing_else",
    ),
    Control(
        "nobody makes an account from a banned address",
        "chat/people.py",
        "accounts.refused_address = bans.address_kept_out",
        "bans.address_kept_out",
        f"{BANS}test_a_banned_address_has_no_guests_and_makes_no_accounts",
    ),
    Control(
        "in a raid no new guests come in",
        "chat/bans.py",
        "came is None or came > since_ms",
        "came == since_ms",
        f"{BANS}test_in_a_raid_no_new_guests_come_and_all_rooms_are_slow",
    ),
    Control(
        "a new account waits where that is set",
        "chat/accounts.py",
        "if rows and rows[0].value in rules:",
        "if not rows:",
        f"{BANS}test_a_new_account_waits_until_it_is_approved",
    ),
    Control(
        "reports are seen by who moderates",
        "chat/reports.py",
        "if self.may_see(actor, each)",
        "if each.id",
        f"{REPORTS}test_a_report_has_its_message_until_that_is_deleted",
    ),
    Control(
        "nobody changes a report of a room that they do not moderate",
        "chat/reports.py",
        "if not found or not self.may_see(actor, found[0]):",
        "if not found:",
        f"{REPORTS}test_who_moderates_nothing_there_finds_no_report",
    ),
    Control(
        "one person fills no queue",
        "chat/reports.py",
        "if len(own) >= MAX_OWN or",
        "if",
        f"{REPORTS}test_one_person_fills_no_queue",
    ),
)
