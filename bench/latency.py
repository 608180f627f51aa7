"""Latency where nobody is saturated: how much a server can do at most, then shares of that, then rates common to all.

At its limit a server's latency is the length of its queue. What readers see is the latency at a load below it, and a
share of each server's own limit asks all of them equally much, whatever they are able to do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from bench.generator import Figures

SHARES = (0.25, 0.5, 0.75)  # of the server's own limit
RATES = (50, 1000)  # posts/s: what the slowest server can follow, and what those can that gather

Load = Callable[[list[str]], Figures]  # one run of the generator, given what it is to do

SATURATED = "at its limit"
STEPS = (SATURATED, *(f"at {share:.0%} of it" for share in SHARES), *(f"at {rate} posts/s" for rate in RATES))


def steps(load: Load, subscribers: int) -> Iterator[tuple[str, Figures]]:
    """Run all of STEPS against one server, in order; give the name and the figures of each as it ends.

    The limit comes from a closed loop (every publisher sends its next post when the last one was answered), the
    others keep a schedule. Adds `achieved_per_s`, posts per second that were answered and delivered to everyone.
    Raises what `load` raises, and RuntimeError when nothing was delivered at the limit.
    """
    first = _with_achieved(load([]), subscribers)
    limit = first["achieved_per_s"]
    if limit <= 0:
        raise RuntimeError("nothing was delivered")
    yield SATURATED, {name: value for name, value in first.items() if name != "rate"}  # none was asked for
    rates = (*(share * limit for share in SHARES), *RATES)
    for step, rate in zip(STEPS[1:], rates, strict=True):
        yield step, _with_achieved(load(["--rate", f"{rate:.3f}"]), subscribers)


def _with_achieved(figures: Figures, subscribers: int) -> Figures:
    """Some servers answer at once and deliver later: the smaller of the two is what they do."""
    delivered = figures["deliveries_per_s"] / subscribers
    return {**figures, "achieved_per_s": min(figures["acks_per_s"], delivered)}
