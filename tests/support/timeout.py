"""How long tests wait for what should come."""

from __future__ import annotations

TIMEOUT_S = 30
"""Far beyond what anything takes: a test that gets here has failed. A machine that does much else may stand still for
some seconds. A limit that is closer is what its test is about, and has a name and a reason of its own."""
