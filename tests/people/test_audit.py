"""The log of the server is chained: what is changed behind its back is found; owners read and export it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import apsw
import pytest

from parlour.chat.audit import Audit
from parlour.chat.deletions import erase_some
from parlour.chat.policies import Policies
from parlour.chat.statements import Statement, no_row
from parlour.chat.tables.audit import LAST_LINK
from parlour.chat.transactions import Transaction
from parlour.core.actor import OPERATOR
from parlour.store.checksums import checksum, room_crc
from tests.cli.test_admin import admin as command
from tests.people.house import House
from tests.people.server import Town
from tests.people.test_rooms import code
from tests.support.server import ServerProcess
from tests.support.stores import open_sqlite

FORGET = Statement(no_row, "DELETE FROM audit_links")


def without_links() -> Transaction[None]:
    yield FORGET()


async def furnish(house: House) -> Audit:
    olga = await house.person("olga", "owner")
    bob = await house.person("bob")
    actor = await house.signed_in(olga)
    await house.accounts.set_role(actor, bob, "moderator")
    return Audit(house.store, house.policies)


async def test_every_event_has_a_link_and_the_log_of_a_deleted_account_still_fits(house: House) -> None:
    audit = await furnish(house)
    before = await audit.verify(OPERATOR)
    assert before.wrong == []
    head = (await house.store.log(".server")).head_seq
    assert (before.events, before.head and before.head.seq) == (head, head)
    bob = house.identities.accounts.named("bob")
    assert bob is not None
    await house.deletions.delete(OPERATOR, bob, "remove")
    while await house.store.run(erase_some()):
        pass
    assert before.head is not None
    after = await audit.verify(OPERATOR, (before.head.seq, before.head.hash))
    assert after.wrong == []
    assert after.events > head
    events = await house.store.after(".server", 0, 1000)
    assert "rewritten" in {event.type for event in events}
    assert not any(b'"bob"' in event.json for event in events)


async def test_a_log_from_before_the_chain_is_linked_from_its_first_event(house: House) -> None:
    audit = await furnish(house)
    last = await house.store.query(LAST_LINK())
    await house.store.run(without_links())
    await audit.fill()
    assert await house.store.query(LAST_LINK()) == last
    assert (await audit.verify(OPERATOR)).wrong == []


def changed(database: apsw.Connection, seed: Any, old: bytes, new: bytes) -> None:
    """Another event in the place of one, as somebody would who knows how it is stored."""
    room_no, crc = database.execute("SELECT room_no FROM rooms WHERE name = '.server'").get, room_crc(seed, ".server")
    rows = database.execute("SELECT id, body FROM events WHERE id >> 36 = ?", (room_no,)).fetchall()
    for id_, body in cast("list[tuple[int, bytes]]", rows):
        if old in body:
            body = body.replace(old, new)
            row = (body, checksum(crc, id_ & (1 << 36) - 1, body), id_)
            database.execute("UPDATE events SET body = ?, checksum = ? WHERE id = ?", row)


CHANGES: dict[str, Callable[[apsw.Connection, Any], object]] = {
    "Event 3 is not what was stored.": lambda database, seed: changed(database, seed, b'"olga"', b'"eve1"'),
    "The link of event 3 does not follow on the one before.": lambda database, _: database.execute(
        "UPDATE audit_links SET digest = hash WHERE seq = 3"
    ),
    "The links between 2 and 4 are missing.": lambda database, _: database.execute(
        "DELETE FROM audit_links WHERE seq = 3"
    ),
    "The links before 2 are missing.": lambda database, _: database.execute("DELETE FROM audit_links WHERE seq = 1"),
    "its end was cut off.": lambda database, _: database.execute("DELETE FROM audit_links WHERE seq > 4"),
}
"""What somebody does who can write to the database, and makes no other chain."""


@pytest.mark.parametrize("sentence", CHANGES)
async def test_what_was_changed_behind_the_back_of_the_server_is_found(tmp_path: Path, sentence: str) -> None:
    house = House(await open_sqlite(tmp_path))
    await furnish(house)
    await house.store.close()
    house.passwords.close()
    with apsw.Connection(str(tmp_path / "parlour.db")) as database:
        seed = database.execute("SELECT value FROM meta WHERE name = 'seed'").get
        CHANGES[sentence](database, seed)
    store = await open_sqlite(tmp_path)
    verdict = await Audit(store, Policies("open")).verify(OPERATOR)
    assert any(sentence in wrong for wrong in verdict.wrong), verdict.wrong
    await store.close()


def test_owners_alone_read_it_and_the_page_shows_it(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data", "--rate-limits", "off") as running:
        town = Town(running)
        admin = town.join("adam", "admin")
        for browser in (town.owner, admin):
            browser.headers["Accept"] = "application/json"
        town.join("bert")
        town.owner.post("/api/v1/bans", json={"account": "bert", "reason": "spam"}).raise_for_status()
        assert code(admin.get("/api/v1/audit")) == (403, "forbidden")
        assert code(admin.get("/admin/log.jsonl")) == (403, "forbidden")
        lines = [json.loads(line) for line in town.owner.get("/admin/log.jsonl").text.splitlines()]
        hash_ = ""
        for line in lines:  # as anybody can who has the export
            hash_ = hashlib.sha256(f"{hash_}\n{line['seq']}\n{line['digest']}".encode()).hexdigest()
            assert line["hash"] == hash_
        assert {line["event"]["type"] for line in lines} >= {"account", "invitation", "sign_in"}
        assert town.owner.get("/admin/log.jsonl", params={"after": 2**36 - 1}).text == ""
        assert code(town.owner.get("/api/v1/audit", params={"after": 2**36})) == (400, "bad_parameter")
        page = town.owner.get("/admin/log", headers={"Accept": "text/html"}).text
        assert "account adam: made" in page
        assert "sign-in of adam: begun" in page
        assert "link for a new password" not in page
        assert "ban made: account bert (spam)" in page
        verdict = town.owner.get("/api/v1/audit/verification").json()
        assert (verdict["wrong"], verdict["head"]["seq"]) == ([], lines[-1]["seq"])
        wrong = town.owner.get("/api/v1/audit/verification", params={"head": f"2:{'0' * 64}"}).json()["wrong"]
        assert wrong == ["The link of event 2 is not the one that was noted."]
        wrong = town.owner.get("/api/v1/audit/verification", params={"head": f"999:{'0' * 64}"}).json()["wrong"]
        assert wrong == ["The chain ends before 999, which was noted: the end was cut off."]
        status, said = command(running.data, "audit", "--verify", "--head", f"{lines[1]['seq']}:{lines[1]['hash']}")
        assert (status, said.startswith(f"{len(lines)} events, head {len(lines)}:")) == (0, True)
        assert json.loads(command(running.data, "audit")[1].splitlines()[0])["hash"] == lines[0]["hash"]
        assert command(running.data, "audit", "--verify", "--head", f"1:{'0' * 64}")[0] == 1
        assert admin.post("/api/v1/accounts/adam/reset").status_code == 201
        link = town.owner.post("/api/v1/invitations", json={"uses": 1, "days": 1}).json()
        assert town.owner.delete(f"/api/v1/invitations/{link['id']}").status_code == 204
        page = town.owner.get("/admin/log", headers={"Accept": "text/html"}).text
        assert "link for a new password of adam: made" in page
        assert ("invitation ended" in page, "invitation ended as" in page) == (True, False)
        town.close()
