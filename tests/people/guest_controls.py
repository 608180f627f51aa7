"""The controls of guest links, in the form of `tests/people/controls.py`."""

from __future__ import annotations

from tests.people.control import Control

GUESTS = "tests/people/test_guest_links.py::"
PASSES = "tests/people/test_passes.py::"

GUEST_CONTROLS = (
    Control(
        "a pass opens the rooms that say so alone",
        "core/permissions.py",
        "if guest not in policy.guests:",
        'if guest == "":',
        f"{GUESTS}test_a_pass_opens_the_rooms_of_its_link_and_nothing_else",
    ),
    Control(
        "names of guests are compared by what they look like",
        "chat/passes.py",
        "if any(not own.isdisjoint(likenesses(name)) for name in names):",
        "if guest.name in names:",
        f"{GUESTS}test_no_name_can_be_mistaken_for_that_of_a_member_or_another_guest",
    ),
    Control(
        "and with those of members",
        "chat/passes.py",
        "if self._is_taken(name):",
        'if name == "":',
        f"{GUESTS}test_no_name_can_be_mistaken_for_that_of_a_member_or_another_guest",
    ),
    Control(
        "nobody else in a room takes the name of a guest",
        "chat/posting.py",
        "elif name is not None and actor.account is None and self._policies.is_name_of_guest(room, name):",
        'elif name == "":',
        f"{PASSES}test_nobody_else_in_an_open_room_takes_the_name_of_a_guest",
    ),
    Control(
        "two guests at once do not get one name",
        "chat/passes.py",
        "        yield from _require_free(link, guest)\n        yield ADD_PASS(",
        "        yield ADD_PASS(",
        f"{PASSES}test_two_at_once_do_not_get_one_name",
    ),
    Control(
        "a guest link counts its people",
        "chat/passes.py",
        "if counts[0] >= link.people:",
        "if counts[0] > 1000 * link.people:",
        f"{PASSES}test_the_last_place_of_a_link_is_for_one",
    ),
    Control(
        "a removed guest does not come back by the same browser",
        "chat/passes.py",
        "if actor.guest_pass is not None and actor.guest_pass.link == link.id:",
        'if actor.guest_pass is not None and actor.guest_pass.link == "":',
        f"{GUESTS}test_who_was_removed_is_out_and_does_not_come_back_by_reloading",
    ),
    Control(
        "whoever came by a link that has ended is told so of its rooms alone",
        "core/gone_guests.py",
        "if ended is not None and room in ended.rooms:",
        "if ended is not None:",
        f"{GUESTS}test_the_end_of_a_link_is_the_end_of_its_guests",
    ),
    Control(
        "and whoever was removed of the rooms of their link",
        "core/gone_guests.py",
        'guest.state == "removed" and guest.was_in and room in guest.rooms:',
        'guest.state == "removed" and guest.was_in:',
        f"{GUESTS}test_who_was_removed_is_out_and_does_not_come_back_by_reloading",
    ),
    Control(
        "who was never in a room is not told of it when they are refused",
        "core/gone_guests.py",
        "guest.was_in and ",
        "",
        f"{PASSES}test_who_only_waited_is_told_nothing_of_the_rooms",
    ),
    Control(
        "nor when the link to it has ended",
        "chat/tables/passes.py",
        " AND p.was_in = 1",
        "",
        f"{PASSES}test_who_only_waited_is_told_nothing_of_the_rooms",
    ),
    Control(
        "after a removal others of the address wait",
        "chat/passes.py",
        'waits = link.newcomers == "ask" or (wait_ms > 0 and link.newcomers == "ask_after_removal")',
        'waits = link.newcomers == "ask"',
        f"{GUESTS}test_after_a_removal_newcomers_of_that_address_wait_for_the_host",
    ),
    Control(
        "and after a mute together with newcomers",
        "chat/passes.py",
        "if any(is_held(log.policy, other.id, row.made_ms) for other in others):",
        "if others == []:",
        f"{GUESTS}test_who_was_banned_does_not_come_back_by_a_private_window",
    ),
    Control(
        "also if they leave",
        "chat/passes.py",
        "        if is_kept:",
        '        if id_ == "":',
        f"{GUESTS}test_who_was_banned_does_not_come_back_by_leaving",
    ),
    Control(
        "and no link lets in who is banned without a pass",
        "chat/passes.py",
        "refusal = refusal or self._policies.refused_guest(browser, room)",
        "refusal = refusal or None",
        "tests/people/test_bans.py::test_no_link_lets_in_who_is_banned_from_its_open_room",
    ),
    Control(
        "a pass that has changed is read again",
        "chat/known_passes.py",
        "self._forget(payload.link, payload.guest)",
        "pass",
        f"{GUESTS}test_who_was_removed_is_out_and_does_not_come_back_by_reloading",
    ),
    Control(
        "a pass ends with the time of its link",
        "chat/known_passes.py",
        "if known is None or known.guest is None or known.expires_ms <= self._clock.now_ms():\n            return None",
        "if known is None or known.guest is None:\n            return None",
        f"{PASSES}test_a_link_ends_when_its_time_is_over",
    ),
    Control(
        "a link is looked at without using it up",
        "api/guest_door.py",
        "link = await context.people.passes.link(code, request.peer.key)",
        'link = (await context.people.passes.come_in(request.actor, code, "Scanner", request.peer.key)).link',
        f"{GUESTS}test_looking_at_a_link_uses_nothing_up",
    ),
    Control(
        "guest links end with the right of their maker",
        "chat/members.py",
        "    yield from end_guest_links_by(by(actor), account, room)\n",
        "",
        f"{GUESTS}test_a_link_ends_with_the_right_of_who_made_it",
    ),
    Control(
        "codes of guest links are counted",
        "chat/passes.py",
        "self._wrong.spend(address, now)",
        "pass",
        f"{GUESTS}test_codes_are_not_tried_out_without_end",
    ),
    Control(
        "no page that may ask acts by the pass of its visitor",
        "api/guard.py",
        'actor.credential in ("session", "password", "pass", "proxy")',
        'actor.credential in ("session", "password", "proxy")',
        f"{GUESTS}test_a_page_of_another_site_does_nothing_as_a_guest",
    ),
    Control(
        "no page of another site brings its visitor in",
        "api/guest_links.py",
        "        require_own_page(request)\n",
        "",
        f"{GUESTS}test_a_page_of_another_site_does_nothing_as_a_guest",
    ),
    Control(
        "spaces and signs make no other name of a guest",
        "core/accounts.py",
        "return plain | {letters(each) for each in plain if letters(each)}",
        "return plain",
        f"{GUESTS}test_no_name_can_be_mistaken_for_that_of_a_member_or_another_guest",
    ),
    Control(
        "the cookie of a guest is one that the server has made",
        "chat/guest_cookies.py",
        "return token if cookie.isascii() and hmac.compare_digest(seal, self._seal(token)) else None",
        "return token",
        "tests/api/test_guard.py::test_only_a_cookie_that_the_server_made_makes_a_guest",
    ),
)
