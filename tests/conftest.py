"""What all tests share: no signals of whoever started them, and properties that are judged by what is true of them."""

from __future__ import annotations

import signal

from hypothesis import HealthCheck, settings

# Started in the background by a shell, the tests inherit that SIGINT is ignored, and so would every program they start
# and interrupt. A handler of Python's own is not inherited: those programs begin with the default.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes, and how fast examples are made, says how busy the machine is: a process that gets no turn
# for a fifth of a second would fail a property that holds.
settings.register_profile("parlour", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("parlour")
