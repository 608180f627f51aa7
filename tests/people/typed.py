"""The commands that a page shows, made to work on a server: with its people, their passwords and links that work."""

from __future__ import annotations

import itertools
import json
import re
import time
from contextlib import closing

import apsw
import httpx

from parlour.chat.signed_values import SignedValues
from parlour.core.passkeys import Place
from tests.people.house import PASSWORD
from tests.people.keys import Key, assertion_json, attestation_json
from tests.people.phones import code_of
from tests.people.server import Town
from tests.support.bad_provider import BadProvider
from tests.support.smtp import MailServer

SECRET = "GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c"  # noqa: S105
"""At the end of every link that the pages show."""


_OF_GUESTS = re.compile("l_53vdn63huduuored|kfm4-q7zd|g_7kq2m5x3wz4abcde|/me/pass|/rooms/lobby/guests$")


def end_of_digest(town: Town, browser: httpx.Client) -> str:
    """The end of the link that ends somebody's digest, as it stands in every one of those."""
    account = browser.get("/api/v1/me", headers={"Accept": "application/json"}).json()["account"]["id"]
    with closing(apsw.Connection(str(town.server.data / "parlour.db"), flags=apsw.SQLITE_OPEN_READONLY)) as database:
        ((secret,),) = database.execute("SELECT value FROM meta WHERE name = 'secret'")
    return SignedValues(bytes(secret), "a link that ends the digest").sign(account, 1 << 52)


class Typed:
    """What somebody types who has read a page: `alice` is an owner, `bob` a member."""

    def __init__(self, town: Town, mail: MailServer | None = None, provider: BadProvider | None = None) -> None:
        """`mail` is where the server of the town sends mail, `provider` the `company` with which people sign in."""
        self._provider = provider
        self._town = town
        self._mail = mail
        self._numbers = itertools.count(1)
        self._alice = town.join("alice", "owner")
        town.join("bob")
        town.operator("PATCH", "/api/v1/settings", {"registration": "open"})

    def command(self, shown: str) -> str:
        """A command as it is shown, with what differs on this server."""
        return self._with_passkey(shown) if "passkey" in shown else self._typed(self._with_factor(shown))

    def _with_factor(self, shown: str) -> str:
        if "-u dora" in shown or "/dora/" in shown:
            return self._with_app(shown)
        return self._half_way(shown) if "MTc2…" in shown else shown

    def _typed(self, shown: str) -> str:
        if "carol" in shown:  # who is deleted cannot be named again
            name = f"carol{next(self._numbers)}"
            self._town.join(name)
            shown = shown.replace("-u carol", f"-u '{name}:{PASSWORD}'").replace("carol?", f"{name}?")
        typed = re.sub("-u alice(?= )", f"-u 'alice:{PASSWORD}'", shown)
        if "-X DELETE" in typed and typed.endswith("/members/bob"):
            self._bob_is_in(typed.split("/")[-3])
        if "-X DELETE" in typed and "/me/blocks/bob" in typed:
            assert self._alice.put("/api/v1/me/blocks/bob").status_code == 204
        typed = self._as_guest(typed)
        if typed.endswith("/api/v1/join"):
            return typed.replace(SECRET, self._link_into_a_room())
        if "cookies.txt" in typed:
            return self._from_elsewhere(typed)
        return self._with_links(typed)

    def _with_links(self, typed: str) -> str:
        """The same with links and ids that work."""
        if "/account/digest/" in typed:
            return typed.replace(SECRET, end_of_digest(self._town, self._alice))
        if "/account/email/" in typed:
            return typed.replace(SECRET, self._verification())
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
        typed = re.sub("r_53vdn63huduuored", lambda _: self._a_report(), typed)
        typed = re.sub("n_53vdn63huduuored", lambda _: self._a_ban(), typed)
        return re.sub("i_53vdn63huduuored", lambda _: self._an_invitation(), typed)

    def _a_report(self) -> str:
        message = self._alice.post("/api/v1/rooms/lobby/messages", json={"text": "hello"}).json()
        path = f"/api/v1/rooms/lobby/messages/{message['seq']}/report"
        return str(self._alice.post(path, json={"reason": "spam"}).json()["id"])

    def _a_ban(self) -> str:
        return str(self._alice.post("/api/v1/bans", json={"address": "203.0.113.7"}).json()["id"])

    def _with_app(self, shown: str) -> str:
        """The command of somebody who has an authenticator app, with a code that it shows."""
        name = f"dora{next(self._numbers)}"
        browser = self._town.join(name)
        begun = browser.post("/api/v1/me/factors/app").json()
        used = code_of(begun["secret"], time.time_ns() // 1_000_000, -1)
        answer = browser.put("/api/v1/me/factors/app", json={"setup": begun["setup"], "code": used})
        assert answer.status_code == 200, answer.text
        shown = shown.replace("-u dora", f"-u '{name}:{PASSWORD}'").replace("/dora/", f"/{name}/")
        return shown.replace("123456", answer.json()["recovery_codes"][0])

    def _with_passkey(self, shown: str) -> str:
        """The command of a browser, at the name of this machine: what an authenticator says there stands in it."""
        url = self._town.url.replace("127.0.0.1", "localhost")
        shown = shown.replace(self._town.url, url)
        if "…" not in shown and "k_" not in shown:
            return shown
        name = f"fred{next(self._numbers)}"
        self._town.join(name)
        shown = shown.replace("-u carol", f"-u '{name}:{PASSWORD}'")
        with httpx.Client(base_url=url, auth=(name, PASSWORD)) as me:
            return _as_browser(shown, me, Key(b"", Place(url, "localhost")))

    def _half_way(self, shown: str) -> str:
        """The command of somebody who is setting up an app, or has given the right password of an account with one."""
        name = f"erin{next(self._numbers)}"
        browser = self._town.join(name)
        begun = browser.post("/api/v1/me/factors/app").json()
        code = code_of(begun["secret"], time.time_ns() // 1_000_000)
        shown = shown.replace("-u carol", f"-u '{name}:{PASSWORD}'")
        if "half=" not in shown:
            return shown.replace("MTc2…", begun["setup"]).replace("123456", code)
        made = browser.put("/api/v1/me/factors/app", json={"setup": begun["setup"], "code": code})
        page = self._town.browser().post("/login", data={"name": name, "password": PASSWORD}).text
        half = re.search('name="half" value="([^"]+)"', page)
        assert half is not None, page
        return shown.replace("MTc2…", half[1]).replace("123456", made.json()["recovery_codes"][0])

    def _from_elsewhere(self, typed: str) -> str:
        """The command of somebody who comes back from the provider, or has just done so."""
        assert self._provider is not None
        number = next(self._numbers)
        browser = self._alice if "/link" in typed else self._town.browser()
        begun = httpx.URL(browser.get(f"/auth/company?link={int('/link' in typed)}").headers["Location"]).params
        self._provider.claims = {**self._provider.right_claims(begun["nonce"]), "sub": f"s-{number}"}
        self._provider.userinfo = {"sub": f"s-{number}"}
        back = f"/auth/company/callback?code=c&state={begun['state']}&iss={self._provider.url}"
        if "/callback" in typed:
            typed = re.sub("/auth/company/callback[^']*", back, typed)
        else:
            browser.get(back)
        cookies = "; ".join(f"{each.name}={each.value}" for each in browser.cookies.jar if "session" not in each.name)
        return typed.replace("-b cookies.txt", f"-H 'Cookie: {cookies}'").replace("name=bob", f"name=bob{number}")

    def _verification(self) -> str:
        assert self._mail is not None
        address = f"alice{next(self._numbers)}@example.org"
        assert self._alice.put("/api/v1/me/email", json={"email": address}).status_code == 202
        return self._mail.next(address).link.rpartition("/")[2]

    def _as_guest(self, typed: str) -> str:
        """A command with a guest link, and with a guest who came by it."""
        made = self._town.operator("POST", "/api/v1/rooms/lobby/guest-links", {}) if _OF_GUESTS.search(typed) else {}
        if not made:
            return typed
        typed = typed.replace("l_53vdn63huduuored", made["id"]).replace("kfm4-q7zd", made["code"])
        with self._town.server.client() as guest:
            asked = guest.post(
                "/api/v1/guests", json={"link": made["code"], "name": f"Ann {next(self._numbers)}"}
            ).json()
        typed = typed.replace("g_7kq2m5x3wz4abcde", asked["id"]).replace("parlour_…", asked["token"])
        return typed.replace("Lena", f"Lena {next(self._numbers)}")

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


def _as_browser(shown: str, me: httpx.Client, key: Key) -> str:
    """A command about a passkey of somebody who asks with name and password."""
    key.user = me.get("/api/v1/me").json()["account"]["id"].encode()
    options = str(me.base_url.join("/api/v1/passkeys/options"))
    made = attestation_json(key.made(me.post(options, json={"for": "add"}).json()["challenge"]))
    if "attestationObject" in shown:
        return re.sub(r'\{"id".*\}\}(?=\})', lambda _: json.dumps(made), shown)
    codes = me.post("/api/v1/me/factors/passkeys", json={"label": "key", "passkey": made}).json()["recovery_codes"]
    if "k_53vdn63huduuored" in shown:
        has = me.get("/api/v1/me/factors", headers={"Parlour-Code": codes[0]}).json()["passkeys"]
        return shown.replace("k_53vdn63huduuored", has[0]["id"]).replace("123456", codes[1])
    said = assertion_json(key.shown(httpx.post(options, json={"for": "sign_in"}).json()["challenge"]))
    return re.sub(r'\{"id".*?\}\}(?=\}|\')', lambda _: json.dumps(said), shown)
