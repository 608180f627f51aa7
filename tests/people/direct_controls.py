"""The controls of direct conversations, as `controls.py` has the others."""

from __future__ import annotations

from tests.people.control import Control

DIRECT = "tests/people/test_direct.py::"

DIRECT_CONTROLS = (
    Control(
        "a block is looked at with the message",
        "chat/direct_messages.py",
        "if (yield from is_blocked_now(writer, other)):",
        "if (yield from is_blocked_now(writer, other)) is None:",
        f"{DIRECT}test_who_is_blocked_writes_no_more_not_even_what_is_on_its_way",
    ),
    Control(
        "the rule is looked at with the message",
        "chat/direct_messages.py",
        "rows[0].value if rows else ServerSettings().direct",
        "ServerSettings().direct",
        f"{DIRECT}test_who_may_write_to_whom_is_the_rule_of_the_server_at_the_moment_of_storing",
    ),
    Control(
        "bots are blocked with their owner",
        "chat/blocks.py",
        "BLOCKS_BETWEEN(by.id, by.owner or by.id, account.id, account.owner or account.id)",
        "BLOCKS_BETWEEN(by.id, by.id, account.id, account.id)",
        f"{DIRECT}test_bots_are_blocked_with_their_owner_and_their_owner_blocks_for_them",
    ),
    Control(
        "who is blocked adds nobody to a room",
        "chat/members.py",
        "if actor.account is not None and (yield from is_blocked_now(actor.account, account)):",
        "if actor.account is None:",
        f"{DIRECT}test_who_is_blocked_adds_nobody_to_a_room",
    ),
    Control(
        "nobody governs a direct conversation",
        "core/permissions.py",
        'if room_role is not None:\n                return Refusal("forbidden", FIXED)',
        "pass",
        f"{DIRECT}test_nobody_comes_or_goes_or_changes_what_it_is",
    ),
    Control(
        "nobody leaves a direct conversation",
        "chat/members.py",
        'if policy.access == "direct":',
        "if policy.access is None:",
        f"{DIRECT}test_nobody_comes_or_goes_or_changes_what_it_is",
    ),
    Control(
        "those who run the server are not in a direct conversation",
        "core/permissions.py",
        "            if who.account not in policy.members:",
        "            if not is_above and who.account not in policy.members:",
        f"{DIRECT}test_nobody_comes_or_goes_or_changes_what_it_is",
    ),
    Control(
        "lists of administration have no direct conversation",
        "api/governed_rooms.py",
        'if policy.access == "direct":',
        "if policy.access is None:",
        "tests/people/test_direct_rooms.py::test_nobody_else_sees_that_there_is_one",
    ),
    Control(
        "the name of a direct conversation is keyed",
        "chat/directs.py",
        'hmac.digest(secret, b"the names of direct rooms", hashlib.sha256)',
        'hmac.digest(b"", b"the names of direct rooms", hashlib.sha256)',
        f"{DIRECT}test_its_name_is_another_one_on_another_server",
    ),
    Control(
        "a token for some rooms learns no names",
        "chat/directs.py",
        "            if actor.rooms is not None:\n                raise Refusal",
        "            if actor.rooms is None:\n                raise Refusal",
        f"{DIRECT}test_a_token_for_some_rooms_reaches_no_other_conversation",
    ),
    Control(
        "new conversations are counted as new rooms",
        "chat/new_rooms.py",
        "if wait > 0.0:",
        "if wait > 1e9:",
        f"{DIRECT}test_a_conversation_has_at_most_twenty_people_and_new_ones_have_a_rate",
    ),
)
