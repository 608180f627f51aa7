"""What all tests share: the signals of whoever started them do not show through."""

from __future__ import annotations

import signal

# Started in the background by a shell, the tests inherit that SIGINT is ignored, and so would every program they start
# and interrupt. A handler of Python's own is not inherited: those programs begin with the default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
