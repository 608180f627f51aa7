"""Promise 6: no network but its own listener, no registration, and no cap on people, rooms and history."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path

import grimp
import pytest

from parlour.config import SETTINGS, Settings, load
from parlour.core.limits import Limits, limit_rows
from tests.support import raw
from tests.support.server import ROOT, ServerProcess
from tests.support.timeout import TIMEOUT_S

# --- a machine with its network cable cut ---

ALONE = ("unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh")
"""In a network namespace of its own, which has no interface but loopback; for root."""

CALLS = "socket,bind,connect,sendto,sendmsg,sendmmsg,openat"
"""With these a program reaches others, or finds out where they are."""

RESOLVERS = ("/etc/resolv.conf", "/etc/nsswitch.conf", "/etc/hosts", "/etc/gai.conf")


def watched(trace: Path) -> tuple[str, ...]:
    """The command that has another run alone, while its calls are written to `trace`; the process is the other's."""
    return (*ALONE, "strace", "-D", "-f", "-e", f"trace={CALLS}", "-o", str(trace))


def reaching_out(trace: Path) -> list[str]:
    """The calls that a program which only listens on loopback does not make."""
    return [line for line in trace.read_text(encoding="utf-8", errors="replace").splitlines() if _reaches_out(line)]


def _reaches_out(line: str) -> bool:
    call = re.match(r"\d+ +(\w+)\((.*)", line)
    if call is None:
        return False
    name, arguments = call[1], call[2]
    if name == "openat":
        return any(f'"{file}"' in arguments for file in RESOLVERS)
    if name == "socket":
        return not arguments.startswith(("AF_INET, SOCK_STREAM", "AF_UNIX, SOCK_STREAM"))
    if name == "bind":
        return "127.0.0.1" not in arguments and "AF_UNIX" not in arguments
    return name == "connect" or "sa_family=" in arguments  # a message to an address


def inside(server: ServerProcess, *command: str) -> str:
    """What a command says in the server's namespace."""
    entered = ["nsenter", "--target", str(server.pid), "--net", *command]
    done = subprocess.run(entered, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    assert done.returncode == 0, (command, done.stdout, done.stderr)
    return done.stdout


def test_a_server_without_a_network_does_everything_and_looks_for_none(tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    with ServerProcess(tmp_path / "data", under=watched(trace)) as server:
        assert re.findall(r"^\d+: (\S+):", inside(server, "ip", "-o", "link"), re.MULTILINE) == ["lo"]
        for arguments in (("-d", "hello"), ("-H", "Accept: text/html"), ("-H", "Accept: application/json")):
            inside(server, "curl", "-sS", "--fail", *arguments, f"{server.url}/lobby")
        inside(
            server, "curl", "-sS", "--fail", f"{server.url}/", f"{server.url}/static/room.js", f"{server.url}/readyz"
        )
        # A room in which nobody speaks, for as long as the clocks of the server need to come round.
        page = json.loads(inside(server, "curl", "-sS", f"{server.url}/idle?format=json&since=0&wait=4"))
        assert page["events"] == []
        pid = server.pid
    # It has come to its end: nothing is missing from the trace.
    assert re.search(rf"^{pid} .*exited with 0", trace.read_text(), re.MULTILINE), "the trace is cut short"
    assert re.search(rf"^{pid} +bind\(.*127\.0\.0\.1", trace.read_text(), re.MULTILINE)
    assert reaching_out(trace) == []


@pytest.mark.parametrize(
    "program",
    [
        "import socket; socket.socket().connect_ex(('192.0.2.1', 80))",
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM)",
        "import socket; socket.create_server(('0.0.0.0', 0))",
        "import socket, contextlib\nwith contextlib.suppress(OSError): socket.getaddrinfo('example.org', 80)",
    ],
    ids=["connects", "datagrams", "listens to all", "resolves"],
)
def test_a_program_that_reaches_out_would_be_noticed(tmp_path: Path, program: str) -> None:
    trace = tmp_path / "trace"
    command = [*watched(trace), sys.executable, "-c", program]
    subprocess.run(command, check=True, timeout=TIMEOUT_S)
    assert reaching_out(trace) != []


CLIENTS = {"httpx", "httpcore", "requests", "aiohttp", "urllib3", "smtplib", "ftplib", "xmlrpc", "telnetlib", "grpc"}
CLIENT_MODULES = {"http.client", "urllib.request", "websockets.client", "websockets.asyncio", "websockets.sync"}
CLIENT_CALLS = {"connect", "connect_ex", "create_connection", "open_connection", "open_unix_connection", "sendto"}


def test_no_module_of_the_server_can_call_anybody() -> None:
    graph = grimp.build_graph("parlour", include_external_packages=True)
    server = graph.find_upstream_modules("parlour.process") | {"parlour.process"}
    assert len([module for module in server if module.startswith("parlour.")]) > 100
    # The sign-in providers that its owner names.
    assert {module: graph.find_modules_that_directly_import(module) & server for module in server & CLIENTS} == {
        "httpx": {"parlour.oidc.client"}
    }
    assert {module for module in server if module.startswith("parlour.client")} == set()
    calls = {module: calling(module) for module in sorted(server) if module.startswith("parlour.")}
    assert {module: found for module, found in calls.items() if found} == {
        # Whether another process still listens on a Unix socket that is left in the file system.
        "parlour.net.listener": ["probe.connect"],
        # The database, where its owner names one that is no directory.
        "parlour.store.postgres.connect": ["asyncpg.connect"],
        "parlour.relay.notify": ["asyncpg.connect"],
        # The NATS servers that its owner names.
        "parlour.relay.nats": ["client.connect"],
        # The mail server that its owner names.
        "parlour.work.smtp": ["client.connect"],
    }


def calling(module: str) -> list[str]:
    """What a module imports or calls to reach somebody else."""
    path = ROOT / "src" / Path(*module.split("."))
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    found = []
    for node in ast.walk(ast.parse(source.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found += [name.name for name in node.names if name.name in CLIENT_MODULES]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names = {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
            found += names & CLIENT_MODULES
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in CLIENT_CALLS:
            found.append(ast.unparse(node.func))
    return found


# --- as many as come ---

STRANGERS = 2000
"""Each with a name, a browser and a room of its own: far more than any rate lets one address do."""

LONG_LOG = 2000
"""More than is kept in memory of a room."""


def all_at_once(server: ServerProcess, requests: Sequence[bytes]) -> list[bytes]:
    """The bodies of the answers, in order, from one connection for every hundred; each must be a success."""
    end = raw.head("GET", "/healthz", "Connection: close")
    with ThreadPoolExecutor(2) as lines:  # so that no more wait for the disk than always may
        shares = [b"".join(requests[start : start + 100]) + end for start in range(0, len(requests), 100)]
        answers = [
            answer
            for data in lines.map(lambda share: raw.exchange(server.port, share), shares)
            for answer in data.split(b"HTTP/1.1 ")[1:-1]
        ]
    assert len(answers) == len(requests)
    assert {answer[:3] for answer in answers} <= {b"200", b"201"}
    return [answer.partition(b"\r\n\r\n")[2] for answer in answers]


def stranger(number: int) -> bytes:
    body = json.dumps({"text": f"I am {number}", "name": f"stranger {number}"}).encode()
    return raw.post(f"/room-{number}", body, "Content-Type: application/json", "Accept: application/json")


def test_thousands_come_without_registration_to_rooms_of_their_own_and_all_is_kept(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        said = [json.loads(body) for body in all_at_once(server, [stranger(n) for n in range(STRANGERS)])]
        assert len({event["by"]["id"] for event in said}) == STRANGERS
        assert len({event["room"] for event in said}) == STRANGERS
        all_at_once(server, [raw.post("/long", b"one more line")] * LONG_LOG)
        server.restart()
        kept = all_at_once(server, [raw.head("GET", f"/room-{number}") for number in range(STRANGERS)])
        assert all(body.endswith(f"stranger {n}: I am {n}\n".encode()) for n, body in enumerate(kept))
        first, last = all_at_once(server, [raw.head("GET", f"/long/{number}") for number in (1, LONG_LOG)])
        assert first.endswith(b": one more line\n")
        assert last.endswith(b": one more line\n")


# --- what protects the server is its owner's to set ---

OTHER_NAMES = {"drain_s": "drain_seconds"}

FORM = {
    "request_line_bytes", "header_field_bytes", "header_bytes", "header_fields", "body_bytes", "body_chunks",
    "form_fields", "form_parts", "json_depth", "json_keys", "header_read_s", "body_read_s", "tls_handshake_s",
    "pipelined_requests", "text_bytes", "text_lines", "name_chars", "key_chars", "page_events",
    "websocket_frame_bytes", "websocket_message_bytes", "websocket_fragments", "websocket_message_s",
    "websocket_ping_s", "websocket_pong_s", "stream_comment_s", "long_poll_s", "in_flight_bytes", "reconnect_spread_s",
    "sse_retry_s", "sse_retry_spread_s",
}  # fmt: skip
"""What one request, message or answer may be is a part of the protocol, the same for the clients of every server. None
of it says how many there may be, or how often."""


@pytest.mark.parametrize("name", [row.name for row in limit_rows(Limits()) if row.name not in FORM])
def test_every_limit_on_how_much_there_may_be_is_a_setting(name: str) -> None:
    setting = next(row for row in SETTINGS if row.name == OTHER_NAMES.get(name, name))
    more = 10 * getattr(Limits(), name)
    assert getattr(load({setting.name: f"{more:g}"}, {}).settings.limits, name) == more


def test_what_is_fixed_is_the_form_of_a_single_thing() -> None:
    names = {field.name for field in fields(Limits)}
    assert names >= FORM
    assert [name for name in FORM if "_per_" in name or name.endswith(("_burst", "_connections", "_rooms"))] == []


def test_by_default_history_is_kept_for_ever_and_everybody_may_take_part() -> None:
    assert (Settings().retention_days, Settings().access) == (0, "open")
