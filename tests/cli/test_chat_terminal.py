"""`parlour chat` as people use it: real processes on real pseudo-terminals, and a server that crashes under them."""

from __future__ import annotations

import re
import signal
import socket
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest

from parlour.client import Client
from tests.support.peer import Peer, answer, nobody, stream
from tests.support.server import ServerProcess
from tests.support.terminal import Terminal, parlour_command
from tests.support.timeout import TIMEOUT_S


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("chat") / "data") as process:
        yield process


def chat(server: ServerProcess, room: str, name: str | None = None, *options: str, **environment: str) -> Terminal:
    who = () if name is None else ("--name", name)
    return Terminal(parlour_command("chat", f"{server.url}/{room}", *who, *options), environment)


def said(terminal: Terminal) -> list[str]:
    """What the screen shows as messages, without the time: `alice: hello`."""
    return [line[6:] for line in terminal.lines if line[2:3] == ":" and line[5:6] == " "]


def texts_of(terminal: Terminal) -> list[str]:
    return [line.partition(": ")[2] for line in said(terminal)]


def ready(*terminals: Terminal) -> None:
    """Wait until they have shown the room and are live."""
    for terminal in terminals:
        terminal.wait_for("/help for help")
        wait_for_prompt(terminal, "> ")


def wait_for_messages(terminal: Terminal, count: int) -> None:
    terminal.wait_for(lambda: len(said(terminal)) >= count)


def wait_for_prompt(terminal: Terminal, text: str) -> None:
    terminal.wait_for(lambda: text.rstrip() in prompt(terminal))


def prompt(terminal: Terminal) -> str:
    return terminal.lines[-1] if terminal.lines else ""


def test_two_people_talk_and_see_every_line_once(server: ServerProcess) -> None:
    with chat(server, "two", "alice") as alice, chat(server, "two", "bob") as bob:
        ready(alice, bob)
        alice.type("hello bob\r")
        bob.wait_for("alice: hello bob")
        bob.type("grüße, 日本 👋\r")
        alice.wait_for("bob: grüße")
        bob.wait_for("bob: grüße")
        for terminal in (alice, bob):
            assert [line.split(":")[0] for line in said(terminal)] == ["alice", "bob"]
        assert b"\x1b[2m" in alice.output
        alice.type("\x04")
        bob.type("/quit\r")
        assert [alice.wait_for_end(), bob.wait_for_end()] == [0, 0]
        assert alice.is_as_found()
        assert bob.is_as_found()
        assert alice.output.rindex(b"\x1b[?2004l") > alice.output.rindex(b"\x1b[?2004h")


def test_message_that_arrives_does_not_disturb_the_line_being_typed(server: ServerProcess) -> None:
    with chat(server, "typing", "alice") as alice, Client(f"{server.url}/typing", name="bob") as bob:
        ready(alice)
        alice.type("half a li")
        alice.wait_for(lambda: prompt(alice) == "alice> half a li")
        bob.send("interrupting\nwith two lines")
        alice.wait_for(lambda: alice.lines[-2:] == ["  with two lines", "alice> half a li"])
        assert said(alice) == ["bob: interrupting"]
        alice.type("ne\x7fn\x17\x17whole\r")
        alice.wait_for("alice: half whole")


def test_crash_of_the_server_loses_and_repeats_nothing(tmp_path: Path) -> None:
    """Promises 1, 3 and 4 of docs/guarantees.md, seen by people."""
    with (
        ServerProcess(tmp_path / "data") as server,
        chat(server, "lobby", "alice") as alice,
        chat(server, "lobby", "bob") as bob,
    ):
        ready(alice, bob)
        expected = []
        for round_ in range(2):
            for number in range(5):
                alice.type(f"alice {round_}.{number}\r")
                bob.type(f"bob {round_}.{number}\r")
            server.kill()
            for number in range(5, 10):
                alice.type(f"alice {round_}.{number}\r")
                bob.type(f"bob {round_}.{number}\r")
            for terminal in (alice, bob):
                wait_for_prompt(terminal, "waiting")
            server.start()
            expected += [f"{name} {round_}.{number}" for name in ("alice", "bob") for number in range(10)]
            for terminal in (alice, bob):
                wait_for_messages(terminal, len(expected))
        for terminal in (alice, bob):
            texts = texts_of(terminal)
            assert sorted(texts) == sorted(expected)
            for name in ("alice", "bob"):
                assert [text for text in texts if text.startswith(name)] == [
                    text for text in expected if text.startswith(name)
                ]
            remarks = [line for line in terminal.lines if line.startswith("— ")]
            assert [line for line in remarks if "on http" not in line and not re.search(r" \d{4}$", line)] == [
                "— reconnecting…",
                "— back, nothing missed",
            ] * 2
        assert texts_of(alice) == texts_of(bob)


def test_graceful_restart_asks_for_time_but_a_line_typed_ends_it(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server, chat(server, "lobby", "alice") as alice:
        ready(alice)
        alice.type("one\r")
        alice.wait_for("alice: one")
        server.restart()
        alice.wait_for("— reconnecting…")
        alice.type("two\r")
        alice.wait_for("— back, nothing missed")
        alice.wait_for("alice: two")
        assert said(alice) == ["alice: one", "alice: two"]


def test_hostile_message_does_nothing_to_the_terminal(server: ServerProcess) -> None:
    hostile = "\x1b[2J\x1b]0;owned\x07\x9b31mred\x1b[?1049h\u202edrow\r\x08\x08\x1b7\x1bc"
    with chat(server, "hostile", "alice") as alice, Client(f"{server.url}/hostile", name="mallory") as mallory:
        ready(alice)
        mallory.send("before")
        alice.wait_for("mallory: before")
        mallory.send(hostile)
        mallory.send("\x1b[2J" * 1990 + "x" * 40)
        mallory.send("日" * 5000)
        mallory.send("after")
        alice.wait_for("mallory: after")
        alice.wait_for(lambda: prompt(alice) == "alice>")
        assert said(alice)[0] == "mallory: before"
        assert alice.screen.title == ""
        for sequence in (
            b"\x1b[2J",
            b"\x1b]0",
            b"\x9b31m",
            b"\x1b[?1049h",
            b"\x1bc",
            "\u202e".encode(),
            "\x9b".encode(),
        ):
            assert sequence not in alice.output


def test_room_is_shown_from_its_last_messages(server: ServerProcess) -> None:
    with Client(f"{server.url}/history", name="bob") as bob:
        for number in range(5):
            bob.send(f"line {number}")
    with chat(server, "history", None, "-n", "3") as terminal:
        terminal.wait_for("line 4")
        terminal.wait_for(lambda: prompt(terminal) == ">")
        assert texts_of(terminal) == ["line 2", "line 3", "line 4"]


def test_pasted_lines_are_one_message_where_the_terminal_marks_them_and_several_where_not(
    server: ServerProcess,
) -> None:
    with chat(server, "paste", "alice") as alice:
        ready(alice)
        alice.type("one\rtwo\rthree\r")
        alice.wait_for("alice: three")
        alice.type("\x1b[200~four\rfive\r\x1b[201~")
        alice.wait_for(lambda: alice.lines[-2:] == ["alice> four", "  five"])
        alice.type("\r")
        wait_for_messages(alice, 4)
        assert said(alice) == ["alice: one", "alice: two", "alice: three", "alice: four"]


def test_commands(server: ServerProcess) -> None:
    with chat(server, "commands", "alice") as alice:
        ready(alice)
        alice.type("/help\r/name system\r/name carol\r/frob\r   \r//quit is a command\r")
        alice.wait_for("carol: /quit is a command")
        for remark in ("Alt-Enter", "taken for the server", "you are carol now", "there is no /frob"):
            alice.wait_for(remark)
        alice.wait_for(lambda: prompt(alice) == "carol>")
        assert said(alice) == ["carol: /quit is a command"]


def test_refused_line_is_reported_and_the_next_ones_are_sent(server: ServerProcess) -> None:
    with chat(server, "refused", "alice") as alice:
        ready(alice)
        alice.type("\u200b\u200b\rfine\r")
        alice.wait_for("alice: fine")
        alice.wait_for("not sent, refused")
        assert said(alice) == ["alice: fine"]


def test_window_may_change_its_size(server: ServerProcess) -> None:
    with chat(server, "resize", "alice") as alice:
        ready(alice)
        alice.type("0123456789" * 6)
        alice.wait_for(lambda: prompt(alice).endswith("0123456789" * 6))
        alice.resize(40)
        alice.type("!")
        alice.wait_for(
            lambda: (
                alice.lines[-2:] == ["alice> " + "0123456789" * 3 + "012", "  " + "3456789" + "0123456789" * 2 + "!"]
            )
        )


@pytest.mark.parametrize(
    ("number", "code"),
    [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)],
    ids=lambda value: str(value),
)
def test_signal_leaves_the_terminal_as_it_was(server: ServerProcess, number: signal.Signals, code: int) -> None:
    with chat(server, "signals", "alice") as alice:
        ready(alice)
        assert not alice.is_as_found()
        if number is signal.SIGINT:
            alice.type("\x03")
        else:
            alice.signal(number)
        assert alice.wait_for_end() == code
        assert alice.is_as_found()
        assert b"Traceback" not in alice.output


def test_stopped_chat_gives_the_shell_its_terminal_and_comes_back(server: ServerProcess) -> None:
    with Terminal(["bash", "--norc", "--noprofile", "-i"], {"PS1": "shell$ "}) as shell:
        shell.wait_for("shell$")
        shell.type(" ".join(parlour_command("chat", f"{server.url}/stop", "--name", "alice")) + "\r")
        ready(shell)
        shell.type("half")
        shell.wait_for(lambda: prompt(shell) == "alice> half")
        shell.type("\x1a")
        shell.wait_for("Stopped")
        shell.type("stty -a; echo MODES\r")
        shell.wait_for(lambda: "MODES" in shell.lines or any(line == "MODES" for line in shell.lines))
        modes = "\n".join(shell.lines)
        assert " -icanon" not in modes
        assert " -echo " not in modes
        with Client(f"{server.url}/stop", name="bob") as bob:
            bob.send("meanwhile")
        shell.type("fg\r")
        shell.wait_for("bob: meanwhile")
        shell.wait_for(lambda: prompt(shell) == "alice> half")
        shell.type(" and half\r")
        shell.wait_for("alice: half and half")
        shell.type("\x04")
        shell.wait_for(lambda: prompt(shell) == "shell$")
        shell.type("exit\r")
        shell.wait_for_end()


def test_leaving_waits_for_what_is_on_its_way(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        with chat(server, "lobby", "alice") as alice:
            ready(alice)
            server.kill()
            alice.wait_for("reconnecting")
            alice.type("last words\r\x04")
            alice.wait_for("1 line still to be sent")
            server.start()
            assert alice.wait_for_end() == 0
        with Client(f"{server.url}/lobby") as client:
            assert [event.text for event in client.history().events] == ["last words"]


def test_leaving_without_the_server_says_what_was_not_sent(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        # As long as the first connection may take, and then the last line.
        with chat(server, "lobby", "alice", "--timeout", "4") as alice:
            ready(alice)
            server.kill()
            alice.wait_for("reconnecting")
            alice.type("last words\r\x04")
            assert alice.wait_for_end() == 4
            assert any("perhaps not sent, key" in line and line.endswith("last words") for line in alice.lines)
            assert alice.is_as_found()
        server.start()


def test_chat_without_a_server_ends_with_a_reason() -> None:
    with nobody() as place, Terminal(parlour_command("chat", f"{place}/lobby", "--timeout", "0.2")) as terminal:
        assert terminal.wait_for_end() == 3
        assert any("cannot reach the room" in line for line in terminal.lines)
        assert terminal.is_as_found()


@pytest.mark.parametrize("environment", [{"TERM": "dumb"}, {}])
def test_plain_terminal_is_only_printed_to(server: ServerProcess, environment: dict[str, str]) -> None:
    options = () if environment else ("--plain",)
    with chat(server, "plain", "alice", *options, NO_COLOR="1", **environment) as alice:
        with Client(f"{server.url}/plain", name="bob") as bob:
            bob.send("hello")
            alice.wait_for("bob: hello")
            alice.type("typed\r")
            bob.send("bye")
            alice.wait_for("bob: bye")
            alice.type("\x04")
            assert alice.wait_for_end() == 0
        assert b"\x1b" not in alice.output
        assert sum("typed" in line for line in alice.lines if "alice:" not in line) == 1


def test_no_color_is_honoured(server: ServerProcess) -> None:
    with chat(server, "colour", "alice", NO_COLOR="1") as alice:
        ready(alice)
        alice.type("hello\r")
        alice.wait_for("alice: hello")
        assert not re.search(rb"\x1b\[(2|3\d)m", alice.output)


def test_up_brings_back_what_was_sent_and_down_the_unfinished_line(server: ServerProcess) -> None:
    with chat(server, "up", "alice") as alice:
        ready(alice)
        alice.type("one\rtwo\r")
        wait_for_messages(alice, 2)
        alice.type("half\x1b[A\x10")
        wait_for_prompt(alice, "alice> one")
        alice.type("\x0e\x1b[B")
        wait_for_prompt(alice, "alice> half")


def test_line_being_typed_shows_what_would_act_on_the_terminal(server: ServerProcess) -> None:
    with chat(server, "pasted", "alice") as alice:
        ready(alice)
        alice.type("\x1b[200~\u202eevil\x9b31m\tx\x1b[201~")
        wait_for_prompt(alice, "alice> �evil�31m�x")
        assert not [char for char in ("\u202e", "\x9b") if char.encode() in alice.output]


def test_line_with_emoji_of_several_characters_is_drawn_whole(server: ServerProcess) -> None:
    """Terminals and prompt_toolkit count their columns differently."""
    with chat(server, "emoji", "alice") as alice:
        ready(alice)
        alice.type("👍🏽 👩\u200d🚀")
        alice.wait_for(
            lambda: "\ralice> 👍🏽 👩\u200d🚀".encode() in re.sub(rb"\x1b\[[0-9;?]*[A-Za-z]", b"", alice.output)
        )
        alice.type("\x7f\x7f\x7f")
        alice.wait_for(lambda: prompt(alice) == "alice>")


def test_closed_window_ends_it(server: ServerProcess) -> None:
    with chat(server, "closed", "alice") as alice:
        ready(alice)
        alice.close_window()
        assert alice.process.wait(TIMEOUT_S) in (0, 129)  # what came first: the end of the input, or SIGHUP


def test_chat_that_was_stopped_unseen_takes_the_terminal_again(server: ServerProcess) -> None:
    with chat(server, "unseen", "alice") as alice:
        ready(alice)
        alice.signal(signal.SIGSTOP)
        termios.tcsetattr(alice.device, termios.TCSANOW, alice.modes)  # as a shell does meanwhile
        alice.signal(signal.SIGCONT)
        alice.wait_for(lambda: not alice.is_as_found())
        alice.type("back\r")
        alice.wait_for("alice: back")


def test_text_that_is_too_long_stays_to_be_mended(server: ServerProcess) -> None:
    with chat(server, "mend", "alice") as alice:
        ready(alice)
        alice.type("\x1b[200~" + "\r".join(f"line {number}" for number in range(450)) + "\x1b[201~")
        alice.wait_for(lambda: prompt(alice).endswith("line 449"))
        alice.type("\r")
        alice.wait_for("not sent")
        alice.wait_for(lambda: prompt(alice).endswith("line 449"))
        alice.type("\x15short\r")
        alice.wait_for("alice: short")
        assert said(alice) == ["alice: short"]


def test_text_that_the_server_refuses_comes_back_to_be_mended() -> None:
    refusal = answer(400, b'{"code":"bad_text","detail":"No.","stored":false}')
    begun = stream(b'{"type":"caught_up","room":"lobby","cursor":"k.0"}')

    def by_method(connection: socket.socket) -> None:
        connection.sendall(refusal if peer.asked[-1].line.startswith("POST") else begun)

    with Peer(*[by_method] * 1000) as peer, Terminal(parlour_command("chat", f"{peer.url}/lobby")) as alice:
        alice.wait_for("/help for help")
        alice.type("carefully written\r")
        alice.wait_for("bad_text")
        alice.wait_for(lambda: prompt(alice).endswith("> carefully written"))


def test_lines_break_at_spaces_and_go_on_below_the_text(server: ServerProcess) -> None:
    long = "https://example.org/" + "a" * 30
    with Terminal(parlour_command("chat", f"{server.url}/narrow", "--name", "alice"), columns=40) as terminal:
        terminal.wait_for("narrow on")
        wait_for_prompt(terminal, "alice> ")
        for text in ("The second migration is over, and nobody has noticed", f"see {long} there"):
            with Client(f"{server.url}/narrow", name="bob") as bob:
                bob.send(text)
        terminal.wait_for(lambda: any("there" in row for row in terminal.lines))
        rows = [row.rstrip() for row in terminal.lines]
        first = next(at for at, row in enumerate(rows) if "bob: The" in row)
        assert [row[6:] if row[2:3] == ":" else row for row in rows[first : first + 4]] == [
            "bob: The second migration is over,",
            "  and nobody has noticed",
            "bob: see https://example.org/aaaaa",
            "aaaaaaaaaaaaaaaaaaaaaaaaa there",
        ]
