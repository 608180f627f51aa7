"""`python -m parlour.node` is one node of several that share a port; their supervisor starts it (`supervisor.py`)."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Take what the supervisor gives, serve, and exit."""
    for number in (signal.SIGINT, signal.SIGHUP):  # see signals.listen_as_node
        signal.signal(number, signal.SIG_IGN)

    from parlour import log, process, supervised

    with open(0, "rb", buffering=0, closefd=False) as pipe:
        given = supervised.read_given(pipe)
    log.configure(given.settings.log_format, given.settings.log_level, node=given.number)
    sys.exit(process.run(given.settings, supervised.Node(given)))


if __name__ == "__main__":
    main()
