"""Whether an account may be made, and how fast without an invitation: counted before a password is hashed."""

from __future__ import annotations

from typing import Literal

from parlour.core.addresses import site_of
from parlour.core.errors import Refusal
from parlour.core.limits import Buckets, Limits

_HOUR_S, _TEN_MINUTES_S = 3600, 600


def require_registration(registration: str, way: Literal["open", "invitation"] = "open") -> None:
    """Raises Refusal("registration_closed") on a server whose `registration` makes no account in this way."""
    if registration == "closed":
        raise Refusal("registration_closed", "Nobody makes an account here now. If you have one, sign in.")
    if way == "open" and registration != "open":
        detail = "An account here needs an invitation: ask somebody who runs this server for a link."
        raise Refusal("registration_closed", detail)


class RegistrationRates:
    """The rates for each address (of IPv6: for each /48), and for all of them together."""

    def __init__(self, limits: Limits) -> None:
        each, together = limits.address_registrations_per_h, limits.registrations_per_10_min
        self._addresses = Buckets(each / _HOUR_S, each)
        self._all = Buckets(together / _TEN_MINUTES_S, together, capacity=1)

    def take(self, address: str, now: float) -> None:
        """Count one. Raises Refusal("rate_limited") with the time to wait."""
        key = site_of(address) or address
        for buckets, name, what in (
            (self._addresses, key, "From your address accounts are"),
            (self._all, "", "Accounts are"),
        ):
            if (wait := buckets.wait(name, now)) > 0.0:
                detail = f"{what} made faster than the rate allows: try later, or ask for an invitation."
                raise Refusal("rate_limited", detail, retry_after=wait)
        self._addresses.spend(key, now)
        self._all.spend("", now)

    def sizes(self) -> dict[str, int]:
        """How many addresses have a bucket."""
        return {"rates_of_registering": len(self._addresses)}
