"""`parlour move` between two runs of a server: who was there before goes on, and a killed command does too."""

from __future__ import annotations

import asyncio
import itertools
import signal
import subprocess
import sys
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import apsw
import httpx
import pytest

from tests.people.server import Town, bearer, session_of
from tests.support.commands import run_text
from tests.support.moving import tables
from tests.support.postgres import Databases, run_sql
from tests.support.server import ROOT, ServerProcess
from tests.support.stores import HandClock, append, draft, open_sqlite
from tests.support.terminal import clean_environment
from tests.support.timeout import wait_until

REFUSED = 2

EVENTS = 14_000


def parlour(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return run_text(("move", *arguments))


def page(http: httpx.Client, path: str) -> Any:
    return http.get(path, params={"format": "json"}).raise_for_status().json()


def test_people_go_on_after_a_move_there_and_back(tmp_path: Path, database: str) -> None:
    """Their sessions, tokens, cursors and repeated keys; and the second house has what was said in the first."""
    server = ServerProcess(tmp_path / "data")
    with server, ExitStack() as browsers:
        town = Town(server)
        browsers.callback(town.close)
        alice = town.join("alice")
        token = town.token(alice, "read", "post")
        private = (
            alice.post("/api/v1/rooms", json={"access": "private", "title": "Ours"}).raise_for_status().json()["room"]
        )
        said = [
            alice.post(path, json={"text": f"{number} in {path}"}, headers={"Idempotency-Key": f"key-{number:05}"})
            for number, path in enumerate(["/lobby", "/lobby", f"/{private}"])
        ]
        assert [answer.status_code for answer in said] == [201] * 3
        cursor = page(alice, "/lobby")["next"]
        epoch = alice.get("/api/v1").json()["epoch"]
        owner, guest = session_of(town.owner), browsers.enter_context(server.client())
        guest.post("/lobby", content="as a guest").raise_for_status()
        as_guest = page(guest, "/lobby")["events"][-1]["by"]["id"]

        places = [str(server.data), database, str(tmp_path / "back")]
        for number, (source, target) in enumerate(itertools.pairwise(places), 1):
            assert server.stop() == 0
            done = parlour("--from", source, "--to", target)
            assert (done.returncode, done.stderr) == (0, "")
            assert f"epoch {epoch}; all " in done.stdout
            refused = run_text(
                ("serve", "--port", "0", "--data", tmp_path / "old", "--store", source)
                if "://" in source
                else ("serve", "--port", "0", "--data", source)
            )
            assert refused.returncode == 3
            assert f"was moved to {target}" in refused.stderr
            server.options = ("--store", target) if "://" in target else ()
            server.data = server.data if "://" in target else Path(target)
            server.start()

            assert alice.get("/api/v1").json()["epoch"] == epoch
            assert httpx.get(f"{town.url}/{private}?format=json", headers=bearer(token)).status_code == 200
            assert alice.get("/api/v1/me").json()["account"]["name"] == "alice"
            assert town.owner.get("/api/v1/me").json()["account"]["name"] == "olga"
            assert session_of(town.owner) == owner
            again = alice.post("/lobby", json={"text": "1 in /lobby"}, headers={"Idempotency-Key": "key-00001"})
            assert (again.status_code, again.json()["seq"]) == (201, said[1].json()["seq"])
            guest.post("/lobby", content=f"after move {number}").raise_for_status()
            following = guest.get(cursor).raise_for_status().json()["events"]
            assert [event.get("text") for event in following] == ["as a guest", "after move 1", "after move 2"][
                : number + 1
            ]
            assert {event["by"]["id"] for event in following} == {as_guest}
    assert run_text(("check", "--data", server.data)).returncode == 0


@pytest.mark.parametrize("direction", ["there", pytest.param("back", marks=pytest.mark.long)])
def test_a_command_that_is_killed_goes_on_when_it_is_given_again(
    tmp_path: Path, postgres: Databases, direction: str
) -> None:
    async def fill() -> None:
        store = await open_sqlite(tmp_path / "data", clock=HandClock())
        for number in range(EVENTS // 2000):
            batch = (draft(f"{number}", f"room-{each % 7}", f"key-{number}-{each}") for each in range(2000))
            await asyncio.gather(*(append(store, each) for each in batch))
        await store.close()

    asyncio.run(fill())
    with postgres.new() as url:
        places = [str(tmp_path / "data"), url]
        if direction == "back":
            assert parlour("--from", places[0], "--to", url).returncode == 0
            places = [url, str(tmp_path / "back")]
        before = asyncio.run(tables(places[0]))
        arguments = ("move", "--from", places[0], "--to", places[1])
        environment = clean_environment() | {"PYTHONPATH": str(ROOT / "src")}
        command = subprocess.Popen([sys.executable, "-m", "parlour", *arguments], env=environment)
        wait_until(lambda: count(places[1]) > 0)
        command.send_signal(signal.SIGKILL)
        command.wait()
        if count(places[1]) < EVENTS:  # else the machine was too busy for us to kill it in the middle
            refused = run_text(
                ("serve", "--port", "0", "--data", tmp_path / "other", "--store", url)
                if direction == "there"
                else ("serve", "--port", "0", "--data", places[1])
            )
            assert refused.returncode == 3
            assert "is not finished" in refused.stderr
        done = run_text(arguments)
        assert (done.returncode == 0 and f"7 rooms, {EVENTS} events" in done.stdout) or "already" in done.stderr
        assert asyncio.run(tables(places[1])) == before


def count(place: str) -> int:
    """How many events of rooms have been stored there."""
    statement = "SELECT count(*) FROM events WHERE id >= 68719476736"
    try:
        if "://" in place:
            directory = Path(place.partition("host=")[2])
            return int(run_sql(directory, statement, place.partition("@/")[2].partition("?")[0]))
        with closing(apsw.Connection(f"{place}/parlour.db", flags=apsw.SQLITE_OPEN_READONLY)) as connection:
            return int(connection.execute(statement).get)
    except (AssertionError, apsw.Error):  # there is nothing yet, or it is being made
        return 0


def test_what_cannot_be_moved_is_said(tmp_path: Path, database: str) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "notes").write_text("mine")
    with ServerProcess(tmp_path / "data") as server, server.client() as http:
        http.post("/lobby", content="1").raise_for_status()
        in_use = parlour("--from", server.data, "--to", database)
        assert (in_use.returncode, f"in use by process {server.pid}" in in_use.stderr) == (REFUSED, True)
    data, full = str(tmp_path / "data"), str(tmp_path / "full")
    for arguments, said in (
        (("--from", data, "--to", full), "is not empty (notes)"),
        (("--from", str(tmp_path / "none"), "--to", database), "There is no parlour.db"),
        (("--from", database, "--to", full), "nothing of Parlour"),
        (
            ("--from", data, "--to", "postgresql://u:s3cret@127.0.0.1/x"),
            "everybody on this machine can read the password",
        ),
        (("--from", "mysql://u:s3cret@127.0.0.1/x", "--to", data), "expected postgresql://"),
        (("--from", data, "--to", "postgresql://u@127.0.0.1:1/x"), "cannot be reached"),
        (("--from", data, "--to", f"{data}/../data"), "the same place"),
        (("--from", data), "one of --to and --undo"),
        (("--from", data, "--undo"), "was not moved away"),
    ):
        done = parlour(*arguments)
        assert (done.returncode, done.stdout) == (REFUSED, ""), arguments
        assert said in done.stderr
        assert "s3cret" not in done.stderr
    with ServerProcess(tmp_path / "data") as server, server.client() as http:
        assert len(page(http, "/lobby")["events"]) == 1


def test_a_move_is_undone(tmp_path: Path, database: str) -> None:
    with ServerProcess(tmp_path / "data") as server, server.client() as http:
        http.post("/lobby", content="1").raise_for_status()
        epoch = page(http, "/lobby")["epoch"]
    assert parlour("--from", server.data, "--to", database).returncode == 0
    done = parlour("--from", server.data, "--undo")
    assert (done.returncode, done.stderr) == (0, "")
    with server, server.client() as http:
        assert page(http, "/lobby")["epoch"] != epoch
        assert [event["text"] for event in page(http, "/lobby")["events"]] == ["1"]
