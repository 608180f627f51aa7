"""Listening sockets against the real kernel: what is opened, what connections take over, what is refused."""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
import uvloop

from parlour.net import listener as listening
from parlour.net.listener import Listener, ListenError, accept_on, open_listeners
from tests.support.timeout import TIMEOUT_S

HERE = Path(__file__).parent


@contextmanager
def opened(*hosts: str, port: int = 0, unix: Path | None = None) -> Iterator[list[Listener]]:
    listeners = open_listeners(hosts, port, unix, environ={})
    try:
        yield listeners
    finally:
        for listener in listeners:
            listener.close()


def test_port_0_becomes_a_real_port_that_all_hosts_share() -> None:
    with opened("127.0.0.1", "::1") as (four, six):
        port = four.sock.getsockname()[1]
        assert port > 0
        assert four.address() == f"http://127.0.0.1:{port}"
        assert six.address("https") == f"https://[::1]:{port}"
        for address in ("127.0.0.1", "::1"):
            socket.create_connection((address, port), timeout=TIMEOUT_S).close()


def test_ipv4_and_ipv6_wildcards_stand_side_by_side() -> None:
    with opened("0.0.0.0", "::") as (four, six):
        assert four.sock.getsockname()[1] == six.sock.getsockname()[1]


def test_a_name_listens_on_all_addresses_it_has_here() -> None:
    with opened("localhost") as listeners:
        assert listeners
        for listener in listeners:
            socket.create_connection(listener.sock.getsockname()[:2], timeout=TIMEOUT_S).close()


def test_accepted_connections_take_over_the_options() -> None:
    with opened("127.0.0.1") as (listener,):
        assert listener.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)
        assert not listener.sock.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT)
        with closing(socket.create_connection(listener.sock.getsockname(), timeout=TIMEOUT_S)):
            listener.sock.setblocking(True)
            with closing(listener.sock.accept()[0]) as conn:
                assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
                assert conn.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
                assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == listening.KEEPALIVE_IDLE_S
                assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL) == listening.KEEPALIVE_INTERVAL_S
                assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT) == listening.KEEPALIVE_PROBES
                assert conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT) == 65536


def test_a_taken_port_is_explained_and_nothing_stays_open() -> None:
    with opened("127.0.0.1") as (first,):
        port = first.sock.getsockname()[1]
        with pytest.raises(ListenError, match=rf"Another program listens on 127\.0\.0\.1:{port} already"):
            open_listeners(["127.0.0.2", "127.0.0.1"], port, environ={})
        with opened("127.0.0.2", port=port):
            pass


@pytest.mark.parametrize(
    ("hosts", "reason"),
    [
        (["192.0.2.1"], r"This machine has no address 192\.0\.2\.1"),
        (["no-such-host.invalid"], r"no-such-host\.invalid cannot be resolved"),
        ([], "nothing to listen on"),
    ],
)
def test_what_cannot_be_listened_on_is_explained(hosts: list[str], reason: str) -> None:
    with pytest.raises(ListenError, match=reason):
        open_listeners(hosts, 0, environ={})


def test_a_port_that_is_not_permitted_is_explained() -> None:
    error = PermissionError(13, "Permission denied")
    assert "127.0.0.1:80 is not permitted: choose a port from 1024 up" in listening._explain(error, "127.0.0.1", 80)


def test_a_unix_socket_has_mode_0660_and_goes_away_with_the_server(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    with opened(unix=path) as (listener,):
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert listener.address() == f"unix:{path}"
        with pytest.raises(ListenError, match="Another program listens"):
            open_listeners([], 0, path, environ={})
        assert path.exists()
    assert not path.exists()


def test_only_a_dead_socket_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    with closing(socket.socket(socket.AF_UNIX)) as dead:
        dead.bind(str(path))
    with opened(unix=path), closing(socket.socket(socket.AF_UNIX)) as client:
        client.connect(str(path))
    path.write_text("a file")
    with pytest.raises(ListenError, match="is not a socket"):
        open_listeners([], 0, path, environ={})
    assert path.read_text() == "a file"


def test_a_socket_file_that_somebody_else_put_there_stays(tmp_path: Path) -> None:
    path = tmp_path / "p.sock"
    with opened(unix=path):
        path.unlink()
        path.write_text("not ours")
    assert path.read_text() == "not ours"


def test_a_path_too_long_for_the_kernel_is_explained(tmp_path: Path) -> None:
    with pytest.raises(ListenError, match="path too long"):
        open_listeners([], 0, tmp_path / ("x" * 120), environ={})


class Greeter(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(b"hello")  # type: ignore[attr-defined]
        transport.close()


@pytest.mark.parametrize("loop_factory", [uvloop.new_event_loop, asyncio.new_event_loop])
def test_every_kind_of_listener_accepts_on_the_loop(
    tmp_path: Path, loop_factory: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    path = tmp_path / "p.sock"

    async def scenario() -> None:
        with opened("127.0.0.1", unix=path) as (tcp, unix):
            servers = [await accept_on(tcp, Greeter), await accept_on(unix, Greeter)]
            reader, writer = await asyncio.open_connection(*tcp.sock.getsockname())
            assert await reader.read() == b"hello"
            writer.close()
            reader, writer = await asyncio.open_unix_connection(str(path))
            assert await reader.read() == b"hello"
            writer.close()
            for server in servers:
                server.close()
                await server.wait_closed()
        assert not path.exists()

    with asyncio.Runner(loop_factory=loop_factory) as runner:
        runner.run(scenario())


def inherit(script: str, *passed: socket.socket, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a Python script with these sockets as descriptors 3, 4 …, as a service manager does."""
    program = (
        "import os, sys\n"
        f"fds = {[sock.fileno() for sock in passed]}\n"
        "high = [os.dup2(fd, 100 + n) for n, fd in enumerate(fds)]\n"
        "[os.dup2(fd, 3 + n) for n, fd in enumerate(high)]\n"
        "os.environ.setdefault('LISTEN_PID', str(os.getpid()))\n"
        "from parlour.net.listener import *\n" + script
    )
    return subprocess.run(
        [sys.executable, "-c", program],
        pass_fds=[sock.fileno() for sock in passed],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1] / "src"), "LISTEN_FDS": str(len(passed)), **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_sockets_of_a_service_manager_take_the_place_of_the_settings(tmp_path: Path) -> None:
    """sd_listen_fds(3)."""
    path = tmp_path / "p.sock"
    with opened("127.0.0.1") as (tcp,), closing(socket.socket(socket.AF_UNIX)) as unix:
        unix.bind(str(path))
        unix.listen()
        show = (
            "found = open_listeners(['127.0.0.3'], 0)\n"
            "print(*(l.address() for l in found), os.environ.get('LISTEN_FDS'), os.get_inheritable(3))\n"
            "[l.close() for l in found]\n"
        )
        done = inherit(show, tcp.sock, unix)
        assert done.stdout.split() == [tcp.address(), f"unix:{path}", "None", "False"], done.stderr
        assert path.exists(), "the service manager's socket file is not ours to remove"
        done = inherit(show, tcp.sock, unix, LISTEN_PID="1")
        assert done.stdout.startswith("http://127.0.0.3:"), done.stderr


def test_a_descriptor_that_is_no_listening_socket_is_refused() -> None:
    with closing(socket.socket()) as idle:
        done = inherit("try: open_listeners([], 0)\nexcept ListenError as e: print(e)", idle)
    assert "Inherited descriptor 3 is not a listening stream socket" in done.stdout, done.stderr


STARVED = """
import asyncio, os, resource, socket, time
import uvloop
from parlour.net.listener import accept_on, open_listeners

class Greeter(asyncio.Protocol):
    def connection_made(self, transport):
        transport.write(b"hello")
        transport.close()

async def main():
    (listener,) = open_listeners(["127.0.0.1"], 0, environ={})
    await accept_on(listener, Greeter)
    clients = [socket.socket() for _ in range(20)]
    hoard = []
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, 100))
    try:
        while True:
            hoard.append(os.dup(0))
    except OSError:
        pass
    for client in clients:
        client.setblocking(False)
        client.connect_ex(listener.sock.getsockname())
    before = time.process_time()
    await asyncio.sleep(0.5)
    print(time.process_time() - before)
    for fd in hoard:
        os.close(fd)
    for client in clients:
        client.close()
    reader, writer = await asyncio.open_connection(*listener.sock.getsockname())
    print(await reader.read())
    writer.close()

uvloop.run(main())
"""


def test_without_free_descriptors_it_neither_spins_nor_stops_accepting_for_ever() -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STARVED],
        env={**os.environ, "PYTHONPATH": str(HERE.parents[1] / "src")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    cpu_s, answer = done.stdout.splitlines()
    assert float(cpu_s) < 0.25, "half a second without descriptors took more than half of that in computing"
    assert answer == "b'hello'"
