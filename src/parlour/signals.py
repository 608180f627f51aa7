"""Signals of the server as a process: SIGTERM and SIGINT, SIGHUP, SIGUSR1."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Protocol


class Told(Protocol):
    """The receiver of signals: a server, or the supervisor of several. Everything is called on the event loop."""

    def stop(self) -> None:
        """Drain and end; the second time hurry."""

    def reload(self) -> None:
        """Read the certificate again."""

    def report(self) -> None:
        """Write to the log what is going on."""


def listen_to_signals(loop: asyncio.AbstractEventLoop, told: Told, is_tls: bool) -> None:
    """Have SIGTERM and SIGINT stop, SIGUSR1 report, and SIGHUP do what it means; none of them is deadly any more.

    SIGHUP stops a server whose terminal was closed, unless it is ignored at the start, as nohup(1) has it. Otherwise it
    was sent by hand or by a service manager, and the certificate is read again.
    """
    ends_with_terminal = signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN and _has_terminal()

    def hang_up() -> None:
        if ends_with_terminal and not (is_tls and _has_terminal()):
            told.stop()
        else:
            told.reload()

    loop.add_signal_handler(signal.SIGTERM, told.stop)
    loop.add_signal_handler(signal.SIGINT, told.stop)
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    loop.add_signal_handler(signal.SIGUSR1, told.report)


def listen_as_node(loop: asyncio.AbstractEventLoop, told: Told) -> None:
    """Have SIGTERM and SIGUSR1 do the same for one node.

    SIGINT and SIGHUP come from the terminal to the supervisor too (tcsetpgrp(3)), and that says what they mean.
    """
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    loop.add_signal_handler(signal.SIGTERM, told.stop)
    loop.add_signal_handler(signal.SIGUSR1, told.report)


def _has_terminal() -> bool:
    """Whether the process has a controlling terminal; it loses it when that is closed (tty(4))."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK))
    except OSError:
        return False
    return True
