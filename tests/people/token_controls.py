"""The controls of tickets and tokens, stored ones too, in the form of `tests/people/controls.py`."""

from __future__ import annotations

from tests.people.control import Control

COMMANDS = "tests/cli/test_sign_ins.py::"
REVOCATION = "tests/people/test_revocation.py::"
STORED = "tests/client/test_stored_tokens.py::"
TICKETS = "tests/people/test_tickets.py::"

TOKEN_CONTROLS = (
    Control(
        "a ticket opens one stream",
        "chat/tables/tickets.py",
        'f"DELETE FROM tickets WHERE hash = ?1 AND expires_ms > ?2 RETURNING {_COLUMNS}"',
        'f"SELECT {_COLUMNS} FROM tickets WHERE hash = ?1 AND expires_ms > ?2"',
        f"{TICKETS}test_a_ticket_is_the_one_who_made_it_once",
    ),
    Control(
        "an equal head with a ticket is not let in again",
        "api/guard.py",
        "            self._judge(request, request.actor)\n            return",
        "            self._let_in(request, request.actor)\n            return",
        f"{TICKETS}test_an_equal_head_on_the_same_connection_is_refused_too",
    ),
    Control(
        "a ticket ends by itself",
        "chat/tickets.py",
        "made = Ticket(secret, now_ms + TICKET_S * 1000)",
        "made = Ticket(secret, now_ms + TICKET_S * 1_000_000)",
        f"{TICKETS}test_a_ticket_ends_after_thirty_seconds",
    ),
    Control(
        "a ticket ends with what made it",
        "chat/tickets.py",
        "return row if is_there else None",
        "return row",
        f"{TICKETS}test_a_ticket_ends_with_what_made_it_and_with_nothing_else",
    ),
    Control(
        "a stream ends with what made its ticket",
        "api/streams.py",
        "if request.actor.account is not None:",
        'if request.actor.account is not None and request.actor.credential != "ticket":',
        f"{TICKETS}test_a_stream_ends_with_what_made_its_ticket",
    ),
    Control(
        "a ticket opens nothing but streams",
        "api/history.py",
        'if self.ticket is not None and not (self.follow or self.format == "sse"):',
        'if self.ticket == "":',
        f"{TICKETS}test_a_ticket_does_nothing_but_open_streams",
    ),
    Control(
        "a token of few scopes ends itself alone",
        "chat/sign_ins.py",
        'if actor.scopes is not None and "admin" not in actor.scopes:\n            raise Refusal("not_found"',
        'if actor.scopes == frozenset():\n            raise Refusal("not_found"',
        f"{REVOCATION}test_a_token_ends_itself_and_no_other",
    ),
    Control(
        "a stored token is for its server",
        "client/stored_tokens.py",
        "stored = self.all().get(server_key(server))",
        "stored = next(iter(self.all().values()), None)",
        f"{COMMANDS}test_a_stored_token_goes_to_its_own_server_alone",
    ),
    Control(
        "a stored token is for its port",
        "client/stored_tokens.py",
        'netloc=f"localhost:{parts.port or _PORTS[parts.scheme]}"',
        'netloc="localhost"',
        f"{STORED}test_a_server_of_this_machine_is_found_by_its_other_names_at_the_same_port",
    ),
    Control(
        "commands follow no redirect",
        "client/transport.py",
        "            headers=headers,\n            cookies",
        "            headers=headers,\n            follow_redirects=True,\n            cookies",
        f"{COMMANDS}test_no_token_goes_where_a_redirect_leads",
    ),
    Control(
        "no password is sent over plain HTTP to another machine",
        "client/account.py",
        "if not is_on_this_machine(server):",
        'if server == "":',
        f"{COMMANDS}test_where_a_password_could_be_read_none_is_sent",
    ),
    Control(
        "nor through a proxy",
        "client/account.py",
        "if proxy is not None:",
        'if proxy is not None and server == "":',
        f"{COMMANDS}test_no_password_goes_through_a_proxy_in_plain_text",
    ),
    Control(
        "stored tokens that others can read are not used",
        "client/stored_tokens.py",
        "if stat.S_IMODE(state.st_mode) & 0o077:",
        "if state.st_mode < 0:",
        f"{STORED}test_a_file_that_others_can_read_is_refused",
    ),
    Control(
        "tokens are stored for their owner alone",
        "client/stored_tokens.py",
        "flags, 0o600",
        "flags, 0o666",
        f"{STORED}test_only_its_owner_can_read_the_file",
    ),
)
