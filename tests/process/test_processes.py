"""Several nodes on one port under one supervisor: `--processes`."""

from __future__ import annotations

import json
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from tests.process.test_exit import check_refused, serve
from tests.process.test_listening import AS_A_SERVICE, started, stopped, to_unix
from tests.process.test_signals import trusting, wait_for_log
from tests.support import raw
from tests.support.certificates import make_certificate
from tests.support.postgres import Databases, PostgresProcess
from tests.support.processes import FOLLOW, Processes
from tests.support.server import ServerProcess
from tests.support.talk import Client
from tests.support.terminal import Terminal, parlour_command
from tests.support.timeout import wait_until

GET = raw.head("GET", "/healthz")


ALL = {1, 2}


@pytest.fixture
def server(tmp_path: Path, database: str) -> Iterator[Processes]:
    with Processes(tmp_path / "data", database) as processes:
        yield processes


def post(server: ServerProcess, text: str) -> None:
    """Send a message over a connection of its own."""
    answer = raw.exchange(server.port, raw.post("/lobby", text.encode(), "Connection: close"))
    assert raw.status(answer) == 201, answer


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"


def read_to(reader: Client, seq: int) -> list[tuple[int, str]]:
    """The messages of a stream up to one."""
    data = reader.read_until(b'"seq":%d,' % seq) + reader.read_until(b"\n")
    lines = [json.loads(line) for line in data.splitlines() if line.startswith(b"{")]
    return [(item["seq"], item["text"]) for item in lines if item["type"] == "message"]


def test_what_is_posted_over_any_connection_is_read_on_all_nodes_in_one_order(
    tmp_path: Path, empty_database: str
) -> None:
    with Processes(tmp_path / "data", empty_database, count=3) as server, ExitStack() as stack:
        readers = server.on_each(stack)
        writers = server.on_each(stack, GET, b"ok")
        for number in range(10):
            for client in writers.values():
                client.send(raw.post("/lobby", b"n%d" % number)).read_until(b"201 Created")
        one, *others = [read_to(reader, 30) for reader in readers.values()]
        assert [seq for seq, _ in one] == list(range(1, 31))
        assert others == [one, one]


def test_a_killed_node_is_replaced_and_the_others_go_on(server: Processes) -> None:
    with ExitStack() as stack:
        readers = server.on_each(stack)
        server.kill_node(2)
        post(server, "one was killed")
        del readers[2]
        for reader in readers.values():
            reader.read_until(b"one was killed")
        assert server.on_each(stack, FOLLOW, b"one was killed").keys() == ALL
        server.kill_node(2)  # now it is waited for a little
    assert server.stop() == 0
    (first, second) = [line for line in server.log.splitlines() if " node_ended node=2 " in line]
    assert first.endswith('reason="killed by signal 9" again_s=0.0')
    assert second.endswith("again_s=1.0")


@pytest.mark.long
def test_a_node_that_is_told_to_end_sends_its_people_to_the_others(server: Processes) -> None:
    with ExitStack() as stack:
        readers = server.on_each(stack)
        os.kill(server.nodes()[1], signal.SIGTERM)
        assert b'"type":"bye"' in readers[1].rest()
        server.await_start(1, 2)
        post(server, "one was told to end")
        readers[2].read_until(b"one was told to end")
    with server.operator() as operator:
        assert operator.get("/healthz").status_code == 200, "its end takes no socket from the others"
    assert 'INFO    node_ended node=1 reason="told to end" again_s=0.0' in server.log


def test_nobody_else_gets_the_port_while_all_nodes_are_gone(server: Processes) -> None:
    os.kill(server.pid, signal.SIGSTOP)  # or they would be back
    try:
        nodes = server.nodes().values()
        for pid in nodes:
            os.kill(pid, signal.SIGKILL)
        wait_until(lambda: all(is_gone(pid) for pid in nodes))
        with pytest.raises(OSError, match="already in use"):
            socket.create_server(("127.0.0.1", server.port))
    finally:
        os.kill(server.pid, signal.SIGCONT)
    for number in ALL:
        server.await_start(number, 2)
    post(server, "all are back")


def test_no_other_server_gets_its_port_or_its_directory(server: Processes, tmp_path: Path, database: str) -> None:
    taken = f"Another program listens on 127.0.0.1:{server.port} already"
    store = ("--store", database)
    for more in (("--store", "memory"), store, (*store, "--processes", "2")):
        check_refused(serve("--port", str(server.port), "--data", tmp_path / "other", *more), taken)
    for more in (store, (*store, "--processes", "2")):
        check_refused(serve("--port", "0", "--data", server.data, *more), f"process {server.pid}", str(server.data))
    post(server, "undisturbed")


def test_a_stop_says_goodbye_on_all_nodes_and_leaves_nothing_behind(server: Processes) -> None:
    with ExitStack() as stack:
        readers = server.on_each(stack)
        nodes = server.nodes().values()
        os.kill(server.pid, signal.SIGTERM)
        for reader in readers.values():
            assert b'"type":"bye"' in reader.rest()
    assert server.wait() == 0
    assert all(is_gone(pid) for pid in nodes)
    assert server.log.count(" stopped node=") == 2
    assert not (server.data / "operator.sock").exists()
    with socket.create_server(("127.0.0.1", server.port)):
        pass


@pytest.mark.long
def test_a_second_signal_cuts_off_who_is_left_on_all_nodes(server: Processes) -> None:
    with ExitStack() as stack:
        for client in server.on_each(stack, GET, b"ok").values():
            client.send(raw.head("POST", "/lobby", "Content-Length: 100", "Expect: 100-continue"))
            client.read_until(b" 100 Continue")  # the node has read that there is more to come
        os.kill(server.pid, signal.SIGTERM)
        wait_for_log(server, " stopping node=", 2)
        os.kill(server.pid, signal.SIGTERM)
        assert server.wait() == 0
    assert server.log.count("cut_off=") == 2
    assert "cut_off=0" not in server.log


@pytest.mark.long
def test_a_node_that_stands_still_is_killed_at_the_stop(tmp_path: Path, database: str) -> None:
    """After ten seconds."""
    with Processes(tmp_path / "data", database, "--drain-seconds", "0") as server:
        os.kill(server.nodes()[2], signal.SIGSTOP)
    assert "node_killed node=2" in server.log


def test_nodes_end_with_a_supervisor_that_is_killed_and_it_can_be_started_again(server: Processes) -> None:
    with ExitStack() as stack:
        readers = server.on_each(stack)
        nodes = server.nodes().values()
        server.kill()
        for reader in readers.values():
            assert b'"type":"bye"' in reader.rest()
        server.start()  # on the same port and directory
        post(server, "again")
    wait_until(lambda: all(is_gone(pid) for pid in nodes))
    assert server.log.count("supervisor_gone node=") == 2
    assert "no_operator_socket" not in server.log


def test_the_start_says_once_where_it_listens_and_its_owners_link_works_on_all_nodes(server: Processes) -> None:
    assert server.process is not None
    output = server.process.stdout
    assert output is not None
    line = output.readline()
    assert line.startswith("To make this server yours, open http://127.0.0.1:")
    path = line.partition("/join/")[2].split()[0]
    with ExitStack() as stack:
        for client in server.on_each(
            stack, raw.head("GET", f"/join/{path}", "Accept: text/html"), b"\r\n\r\n"
        ).values():
            assert b"link_gone" not in client.buffer
            assert b"owner" in client.buffer
    os.kill(server.pid, signal.SIGTERM)
    assert output.read() == ""
    assert server.wait() == 0
    assert server.log.count(" started node=") == 2


def test_the_operators_socket_is_answered_also_when_a_node_was_killed(server: Processes) -> None:
    with server.operator() as operator:
        for number in ALL:
            assert operator.patch("/api/v1/rooms/lobby", json={"access": "members"}).status_code in (200, 201)
            server.kill_node(number)
            with server.client() as guest:
                assert guest.get("/lobby").status_code == 401
            assert operator.patch("/api/v1/rooms/lobby", json={"access": "open"}).status_code == 200


def test_signals_reach_all_nodes(tmp_path: Path, database: str) -> None:
    one, two = make_certificate(tmp_path, "one"), make_certificate(tmp_path, "two")
    cert, key = tmp_path / "live.pem", tmp_path / "live.key"
    for live, first in zip((cert, key), one, strict=True):
        live.write_bytes(first.read_bytes())
    with Processes(tmp_path / "data", database, "--tls-cert", str(cert), "--tls-key", str(key)) as server:
        for live, second in zip((cert, key), two, strict=True):
            live.write_bytes(second.read_bytes())
        os.kill(server.pid, signal.SIGHUP)
        wait_for_log(server, "tls_reloaded node=", 2)
        with Client.to(server.port, trusting(two[0])) as client:
            assert client.send(GET).answer().status == 200
        os.kill(server.pid, signal.SIGUSR1)
        wait_for_log(server, " sizes node=", 2)
        os.kill(server.nodes()[2], signal.SIGUSR1)
        wait_for_log(server, " sizes node=2 ", 2)


@pytest.mark.long
def test_at_a_terminal_it_is_one_program(tmp_path: Path, database: str) -> None:
    """Ctrl-C and the end of the terminal reach every process of it, and count once."""
    command = parlour_command("serve", "--port", "0", "--data", str(tmp_path), "--store", database, "--processes", "2")
    for end in (lambda terminal: terminal.type("\x03"), Terminal.close_window):
        with Terminal(command) as terminal:
            terminal.wait_for("Listening on ")
            (line,) = [line for line in terminal.lines if "Listening on " in line]
            with Client.to(int(line.rsplit(":", 1)[1])).send(FOLLOW) as stream:
                stream.read_until(b"caught_up")
                end(terminal)
                assert b'"type":"bye"' in stream.rest()
            assert terminal.wait_for_end() == 0


def test_a_unix_socket_is_shared_and_removed_at_the_end(tmp_path: Path, database: str) -> None:
    path = tmp_path / "p.sock"
    more = ("--host", "none", "--unix-socket", path, "--data", tmp_path / "data", "--store", database)
    process, address = started("-m", "parlour", "serve", *more, "--processes", "2")
    assert address == f"unix:{path}"
    for _ in range(8):
        with to_unix(path) as client:
            assert client.send(raw.post("/lobby", b"hello")).answer().status == 201
    stopped(process)
    assert not path.exists()


@pytest.mark.long
def test_a_socket_of_a_service_manager_is_shared(tmp_path: Path, database: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
        more = ("--data", tmp_path / "data", "--store", database, "--processes", "2")
        process, address = started("-c", AS_A_SERVICE, str(listening.fileno()), *more, inherit=listening)
        assert address == f"http://127.0.0.1:{port}"
        with Client.to(port) as client:
            assert client.send(raw.post("/lobby", b"one")).answer().status == 201
        stopped(process)
        with Client.to(port) as waiting:
            waiting.send(raw.post("/lobby", b"two"))
            process, _ = started("-c", AS_A_SERVICE, str(listening.fileno()), *more, inherit=listening)
            assert waiting.answer().status == 201
        stopped(process)


@pytest.mark.parametrize("store", ["sqlite", "memory"])
def test_several_processes_need_a_database_that_they_can_share(store: str, tmp_path: Path) -> None:
    done = serve("--port", "0", "--data", tmp_path / "data", "--store", store, "--processes", "2")
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        f"--processes: 2 processes need a PostgreSQL database (--store postgresql://…); store = {store}" in done.stderr
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.long
def test_what_keeps_all_nodes_from_starting_is_said_once(tmp_path: Path, postgres: Databases) -> None:
    common = ("--port", "0", "--data", tmp_path / "data", "--processes", "3")
    no_database = serve(*common, "--store", postgres.address("absent"))
    cert, key = make_certificate(tmp_path, "one")
    cert.write_text("hello")
    bad_certificate = serve(*common, "--store", postgres.address("absent"), "--tls-cert", cert, "--tls-key", key)
    no_directory = serve(*common, "--store", postgres.address("absent"), "--data", "/dev/null/data")
    for done, reason in (
        (no_database, "There is no such database"),
        (bad_certificate, f"{cert}"),
        (no_directory, "/dev/null/data cannot be used"),
    ):
        assert (done.returncode, done.stdout) == (3, ""), done.stderr
        (line,) = [line for line in done.stderr.splitlines() if line.startswith("parlour: ")]
        assert reason in line


@pytest.mark.long
def test_a_node_that_cannot_start_again_is_tried_for_ever_while_others_serve(tmp_path: Path) -> None:
    own = PostgresProcess().start()
    try:
        with Processes(tmp_path / "data", own.url()) as server:
            own.stop()
            os.kill(server.nodes()[1], signal.SIGKILL)
            wait_for_log(server, 'node_ended node=1 reason="PostgreSQL at .* cannot be reached.*again_s=1.0')
            assert httpx.get(f"{server.url}/healthz").status_code == 200
            own.start()
            server.await_start(1, 2)
    finally:
        own.remove()
