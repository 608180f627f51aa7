"""The controls of what needs somebody: who is told of what, and whose list it is; as `controls.py` has the others."""

from __future__ import annotations

from tests.people.control import Control

INBOX = "tests/people/test_inbox.py::"
FOLLOWED = "tests/people/test_inbox_followed.py::"

INBOX_CONTROLS = (
    Control(
        "who may not read a room is not called there",
        "chat/mentions.py",
        'account.state == "active" and account.id != author.id and self._policies.account_may(account, "read", room)',
        'account.state == "active" and account.id != author.id',
        f"{INBOX}test_who_is_not_in_a_private_room_is_not_called_there",
    ),
    Control(
        "nor told of a message that was on its way when they were removed",
        "chat/mentions.py",
        "(log.policy.access in MEMBERS_ALONE and not is_member)",
        "(log.policy.access in MEMBERS_ALONE and is_member is None)",
        f"{INBOX}test_who_is_removed_is_not_told_of_what_is_on_its_way",
    ),
    Control(
        "what was for somebody is not shown to who has left and come back",
        "chat/inbox.py",
        "and mention.seq >= first_seq",
        "and first_seq > 0",
        f"{INBOX}test_what_was_for_somebody_is_shown_to_who_may_read_it_now",
    ),
    Control(
        "who has blocked the author is not told",
        "chat/mentions.py",
        "and not self._is_blocked(author.id, by=account.id)",
        "",
        f"{INBOX}test_who_is_blocked_does_not_see_that_in_what_they_say",
    ),
    Control(
        "and who is blocked does not see that",
        "chat/mentions.py",
        "names = tuple(named)\n",
        "names = tuple(id_ for id_, each in named.items() if self._is_for(each, author, room))\n",
        f"{INBOX}test_who_is_blocked_does_not_see_that_in_what_they_say",
    ),
    Control(
        "guests do not call everybody at once",
        "chat/mentions.py",
        'if author.kind != "guest":',
        'if author.kind != "":',
        f"{INBOX}test_what_is_for_somebody",
    ),
    Control(
        "nobody learns what words others watch for",
        "chat/mentions.py",
        "return Named(accounts, names or None, everyone)",
        "return Named(accounts, tuple(accounts) or None, everyone)",
        f"{INBOX}test_words_are_watched_for_in_rooms_one_is_in_and_told_to_nobody",
    ),
    Control(
        "a word is looked for in so much of a message alone",
        "core/mentions.py",
        "words.update(_parts(match[0][:left]))",
        "words.update(_parts(match[0]))",
        "tests/core/test_mentions.py::test_what_is_looked_at_is_bounded_where_one_sign_stands_for_several",
    ),
    Control(
        "the log of an account is no room",
        "core/names.py",
        "if not _is_letter_or_digit(name[begins]):",
        "if not name[begins]:",
        f"{FOLLOWED}test_nobody_follows_what_is_not_theirs",
    ),
    Control(
        "and opens to nobody else",
        "hub/door.py",
        "if actor.account is None or room != log_of_account(actor.account.id):",
        'if actor.account is None or room == "":',
        f"{INBOX}test_the_log_of_an_account_opens_to_nobody_else",
    ),
    Control(
        "read positions are those of whoever has read",
        "store/sqlite/unread.py",
        "my_rooms.account = wanted.account AND my_rooms.room = wanted.name",
        "my_rooms.room = wanted.name",
        f"{INBOX}test_a_position_goes_forward_and_back_only_when_told",
    ),
    Control(
        "who forgets a room forgets it for themselves",
        "chat/tables/inbox.py",
        '"DELETE FROM my_rooms WHERE account = ?1 AND room = ?2"',
        "\"DELETE FROM my_rooms WHERE ?1 <> '' AND room = ?2\"",
        f"{INBOX}test_a_name_brings_a_room_into_the_list_until_it_is_forgotten",
    ),
    Control(
        "a token for some rooms sees no list",
        "chat/policies.py",
        "is_elsewhere = actor.rooms is not None and right not in _IN_ROOMS",
        "is_elsewhere = False",
        f"{INBOX}test_a_token_for_some_rooms_sees_no_list",
    ),
    Control(
        "a list ends with its account",
        "chat/deletions.py",
        "for drop in (DROP_MY_ROOMS, DROP_MENTIONS_OF, DROP_INBOX_SETTINGS):",
        "for drop in (DROP_MY_ROOMS, DROP_INBOX_SETTINGS):",
        f"{INBOX}test_nothing_of_a_list_is_left_of_an_account_that_was_deleted",
    ),
)
