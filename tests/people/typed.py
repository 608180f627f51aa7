"""The commands that a page shows, made to work on a server: with its people, their passwords and links that work."""

from __future__ import annotations

import itertools
import re

import httpx

from tests.people.house import PASSWORD
from tests.people.server import Town

SECRET = "GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c"  # noqa: S105
"""At the end of every link that the pages show."""


class Typed:
    """What somebody types who has read a page: `alice` is an owner, `bob` a member."""

    def __init__(self, town: Town) -> None:
        self._town = town
        self._numbers = itertools.count(1)
        self._alice = town.join("alice", "owner")
        town.join("bob")
        town.operator("PATCH", "/api/v1/settings", {"registration": "open"})

    def command(self, shown: str) -> str:
        """A command as it is shown, with what differs on this server."""
        if "carol" in shown:  # who is deleted cannot be named again
            name = f"carol{next(self._numbers)}"
            self._town.join(name)
            shown = shown.replace("-u carol", f"-u '{name}:{PASSWORD}'").replace("carol?", f"{name}?")
        typed = re.sub("-u alice(?= )", f"-u 'alice:{PASSWORD}'", shown)
        if "-X DELETE" in typed and typed.endswith("/members/bob"):
            self._bob_is_in(typed.split("/")[-3])
        if typed.endswith("/api/v1/join"):
            return typed.replace(SECRET, self._link_into_a_room())
        if SECRET in typed and "/reset/" not in typed and "/password" not in typed:
            typed = typed.replace("bob", f"bob{next(self._numbers)}")  # who makes an account has none
            typed = typed.replace(SECRET, self._town.invitation().rpartition("/")[2])
        elif typed.endswith("/register"):
            typed = typed.replace("bob", f"bob{next(self._numbers)}")
        elif SECRET in typed:
            typed = typed.replace(SECRET, self._reset())
        whose = self._alice
        if "/accounts/bob/sign-ins/" in typed:  # somebody whose password nobody has reset
            name = f"bob{next(self._numbers)}"
            typed, whose = typed.replace("/bob/", f"/{name}/"), self._town.join(name)
        typed = re.sub("t_53vdn63huduuored", lambda _: self._a_token(whose), typed)
        return re.sub("i_53vdn63huduuored", lambda _: self._an_invitation(), typed)

    def _reset(self) -> str:
        made = self._town.operator("POST", "/api/v1/accounts/bob/reset")
        return str(made["url"]).rpartition("/")[2]

    def _bob_is_in(self, room: str) -> None:
        assert self._alice.put(f"/api/v1/rooms/{room}/members/bob", json={}).status_code == 200

    def _link_into_a_room(self) -> str:
        made = self._town.operator("POST", "/api/v1/rooms/lobby/invitations", {})
        return str(made["url"]).rpartition("/")[2]

    def _a_token(self, whose: httpx.Client) -> str:
        made = whose.post("/api/v1/tokens", json={"label": "cron", "scopes": ["post"]})
        return str(made.json()["id"])

    def _an_invitation(self) -> str:
        return str(self._town.operator("POST", "/api/v1/invitations", {})["id"])
