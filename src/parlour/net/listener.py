"""Opens the sockets the server listens on: TCP, Unix and those inherited from a service manager."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import stat
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from dataclasses import dataclass
from errno import EACCES, EADDRINUSE, EADDRNOTAVAIL, EAFNOSUPPORT, EPERM
from ipaddress import ip_address
from pathlib import Path
from typing import Any, NamedTuple

BACKLOG = 4096
"""Connections the kernel may hold for us; it cuts this down to net.core.somaxconn, whose default is the same."""

UNIX_MODE = 0o660
"""Owner and group: a reverse proxy gets in by group, other users of the machine do not."""

KEEPALIVE_IDLE_S = 60
KEEPALIVE_INTERVAL_S = 15
KEEPALIVE_PROBES = 4
"""A peer that vanished without a word is noticed after two minutes."""

NOTSENT_LOWAT_BYTES = 65536
"""Unsent bytes the kernel keeps for a connection: what waits longer stays with us, where it can still be replaced."""

_FIRST_INHERITED_FD = 3  # sd_listen_fds(3): SD_LISTEN_FDS_START


class ListenError(Exception):
    """A socket could not be opened; the text says which, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Listener:
    """One listening socket. `path` is that of a Unix socket, None for TCP."""

    sock: socket.socket
    path: str | None = None
    file_id: tuple[int, int] | None = None
    """Device and inode of the file of a Unix socket that we made, and so have to remove."""

    @property
    def is_loopback(self) -> bool:
        """Whether only programs on this machine can connect."""
        return self.path is not None or ip_address(self.sock.getsockname()[0].partition("%")[0]).is_loopback

    def address(self, scheme: str = "http") -> str:
        """Where it really listens, port 0 resolved: `http://127.0.0.1:8080`, `http://[::1]:8080`, `unix:/run/p`."""
        return f"unix:{self.path}" if self.path is not None else f"{scheme}://{_shown(*self.sock.getsockname()[:2])}"

    def close(self) -> None:
        """Close the socket and remove the file of a Unix socket, if we made it and nobody has replaced it."""
        self.sock.close()
        if self.path is not None and self.file_id is not None:
            with contextlib.suppress(OSError):
                if _file_id(self.path) == self.file_id:
                    os.unlink(self.path)


class Opened(NamedTuple):
    """The sockets that a server accepts connections on."""

    listeners: list[Listener]
    operator: Listener | None
    """The operator's socket."""


def open_listeners(
    hosts: Sequence[str],
    port: int,
    unix_socket: Path | None = None,
    environ: MutableMapping[str, str] | None = None,
    *,
    hold: bool = False,
) -> list[Listener]:
    """Open everything the server is to listen on; all or nothing.

    Sockets passed by a service manager (`LISTEN_FDS`) take the place of hosts, port and Unix socket. With port 0 all
    hosts share the port that the first one got. With `hold` the TCP sockets of our own keep their ports without
    listening, for `beside`. Blocks for name resolution. Raises ListenError.
    """
    inherited = _inherited_listeners(os.environ if environ is None else environ)
    if inherited:
        return inherited
    listeners: list[Listener] = []
    try:
        for host in hosts:
            for listener in _open_host(host, port, hold):
                listeners.append(listener)
                port = port or listener.sock.getsockname()[1]
        if unix_socket is not None:
            listeners.append(open_unix(str(unix_socket), str(unix_socket), UNIX_MODE))
        if not listeners:
            raise ListenError("There is nothing to listen on: give a host or a Unix socket.")
    except BaseException:
        for listener in listeners:
            listener.close()
        raise
    return listeners


async def accept_on(listener: Listener, factory: Callable[[], asyncio.Protocol]) -> asyncio.AbstractServer:
    """Accept connections on the running loop until the server is closed; the listener is to be closed after that."""
    # Also for a Unix socket: from Python 3.13 on create_unix_server would remove its file at the end, whoever's it is.
    return await asyncio.get_running_loop().create_server(factory, sock=listener.sock, backlog=BACKLOG)


def _inherited_listeners(environ: MutableMapping[str, str]) -> list[Listener]:
    """The sockets a service manager opened for this process (sd_listen_fds(3)), none if it opened none.

    Takes LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES out of the environment, so that no child mistakes them for its own.
    Raises ListenError if one of them is no listening stream socket.
    """
    pid, count = environ.get("LISTEN_PID", ""), environ.get("LISTEN_FDS", "")
    if pid != str(os.getpid()) or not (count.isascii() and count.isdigit()):
        return []
    for name in ("LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"):
        environ.pop(name, None)
    return [_inherited(fd) for fd in range(_FIRST_INHERITED_FD, _FIRST_INHERITED_FD + int(count))]


def _inherited(fd: int) -> Listener:
    try:
        sock = socket.socket(fileno=fd)
        is_listening = sock.type == socket.SOCK_STREAM and _listens(sock)
    except OSError as error:
        raise ListenError(f"Inherited descriptor {fd} is not a socket: {error.strerror}.") from error
    if not is_listening or sock.family not in (socket.AF_INET, socket.AF_INET6, socket.AF_UNIX):
        raise ListenError(f"Inherited descriptor {fd} is not a listening stream socket (ListenStream=, Accept=no).")
    return _adopted(sock)


def adopt(fd: int) -> Listener:
    """A socket that another process of ours has opened, and whose file, if it has one, that process removes."""
    return _adopted(socket.socket(fileno=fd))


def _adopted(sock: socket.socket) -> Listener:
    sock.set_inheritable(False)
    sock.setblocking(False)
    if sock.family == socket.AF_UNIX:
        name = sock.getsockname()
        return Listener(sock, "@" + name[1:].decode(errors="replace") if isinstance(name, bytes) else str(name))
    return _tcp_listener(sock)


def beside(held: Listener) -> Listener:
    """A socket for one of several processes: on the port that is held, and not listening yet.

    The kernel spreads connections over those that listen there (SO_REUSEPORT, socket(7)), so each process needs one of
    its own. What is no held port, as a Unix socket, all share: then this is that listener itself. Raises ListenError.
    """
    if _listens(held.sock):
        return held
    address = held.sock.getsockname()
    sock = socket.socket(held.sock.family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        _bind(sock, address)
    except OSError as error:
        sock.close()
        raise ListenError(_explain(error, *address[:2])) from error
    return _tcp_listener(sock)


def _bind(sock: socket.socket, address: tuple[Any, ...]) -> None:
    if sock.family == socket.AF_INET6:
        sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    sock.bind(address)


def _hold(family: int, address: tuple[Any, ...]) -> socket.socket:
    """Keep a port that is free, without listening, against all programs but those of this user that share ports."""
    sock = socket.socket(family, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        _bind(sock, address)
        # Only now: whoever listens there already is not joined. Others who reuse addresses do not get it.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 0)
    except BaseException:
        sock.close()
        raise
    return sock


def _listens(sock: socket.socket) -> bool:
    return bool(sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN))


def _open_host(host: str, port: int, hold: bool) -> Iterator[Listener]:
    """Listen on every address of a host; of a name with several, those the machine lacks are passed over."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except (OSError, UnicodeError) as error:
        raise ListenError(f"The host {host} cannot be resolved: {error}.") from error
    missing: OSError | None = None
    opened = 0
    for family, address in dict.fromkeys((family, address) for family, _, _, _, address in found):
        try:
            # With SO_REUSEADDR, and without SO_REUSEPORT: a second server on the same port is to fail, not to take half
            # the connections. An IPv6 socket takes no IPv4, so that `0.0.0.0,::` listens on both.
            place = (address[0], port, *address[2:])
            sock = _hold(family, place) if hold else socket.create_server(place, family=family, backlog=BACKLOG)
        except OSError as error:
            if error.errno not in (EADDRNOTAVAIL, EAFNOSUPPORT):
                raise ListenError(_explain(error, str(address[0]), port)) from error
            missing = error
            continue
        opened += 1
        port = port or sock.getsockname()[1]
        yield _tcp_listener(sock)
    if not opened and missing is not None:
        raise ListenError(_explain(missing, host, port)) from missing


def _tcp_listener(sock: socket.socket) -> Listener:
    """A listener with options that the kernel copies to each accepted connection, which so costs no system call."""
    sock.setblocking(False)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (
        ("TCP_NODELAY", 1),
        ("TCP_KEEPIDLE", KEEPALIVE_IDLE_S),
        ("TCP_KEEPALIVE", KEEPALIVE_IDLE_S),  # the name of TCP_KEEPIDLE on macOS
        ("TCP_KEEPINTVL", KEEPALIVE_INTERVAL_S),
        ("TCP_KEEPCNT", KEEPALIVE_PROBES),
        ("TCP_NOTSENT_LOWAT", NOTSENT_LOWAT_BYTES),
    ):
        number = getattr(socket, option, None)
        if number is not None:
            sock.setsockopt(socket.IPPROTO_TCP, number, value)
    return Listener(sock)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def _explain(error: OSError, host: str, port: int) -> str:
    where = _shown(host, port)
    if error.errno == EADDRINUSE:
        return f"Another program listens on {where} already: stop it or choose another port."
    if error.errno in (EACCES, EPERM):
        return f"Listening on {where} is not permitted: choose a port from 1024 up, or let the service manager open it."
    if error.errno == EADDRNOTAVAIL:
        return f"This machine has no address {host}."
    return f"Cannot listen on {where}: {error.strerror}."


def open_unix(path: str, reachable: str, mode: int) -> Listener:
    """Listen on a Unix socket whose file has this mode, in place of one that a dead server left. Raises ListenError.

    `reachable` is the same path, or another to the same file that is short enough for unix(7).
    """
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        _remove_stale(path, reachable)
        before = os.umask(0o777 & ~mode)  # not chmod afterwards: for a moment too many could connect
        try:
            sock.bind(reachable)
        finally:
            os.umask(before)
        sock.listen(BACKLOG)
        sock.setblocking(False)
        return Listener(sock, path, _file_id(path))
    except OSError as error:
        sock.close()
        raise ListenError(f"Cannot listen on the Unix socket {path}: {error.strerror or error}.") from error
    except ListenError:
        sock.close()
        raise


def _remove_stale(path: str, reachable: str) -> None:
    """Remove a socket file that a dead server left; refuse if it is anything else or somebody answers."""
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise ListenError(f"{path} exists and is not a socket: remove it or choose another path.")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)  # a full backlog answers EAGAIN at once: somebody listens
        try:
            probe.connect(reachable)
        except ConnectionRefusedError:
            os.unlink(path)
            return
        except BlockingIOError:
            pass
    raise ListenError(f"Another program listens on the Unix socket {path} already.")


def _file_id(path: str) -> tuple[int, int]:
    found = os.lstat(path)
    return found.st_dev, found.st_ino
