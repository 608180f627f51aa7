"""`parlour admin`: whoever runs the server makes the owner, invites people and changes accounts while it runs."""

from __future__ import annotations

import subprocess
from pathlib import Path
from signal import SIGTERM

import httpx

from tests.people.house import PASSWORD
from tests.support.commands import run_text
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S


def run(data: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_text(["admin", *arguments, "--data", data])


def admin(data: Path, *arguments: str) -> tuple[int, str]:
    """The exit code, and what came of it: standard output, or why there is nothing."""
    done = run(data, *arguments)
    return done.returncode, (done.stdout or done.stderr).strip()


def join(link: str, name: str) -> int:
    """Make an account by a link: the status of the answer."""
    form = {"name": name, "display": "", "password": PASSWORD}
    return httpx.post(link, data=form, timeout=TIMEOUT_S).status_code


def test_people_come_change_and_go_by_command(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data) as server, server.client() as http:
        (_, before), (code, link) = admin(data, "owner"), admin(data, "owner")
        assert code == 0
        assert link.startswith(f"{server.url}/join/")
        assert join(before, "mallory") == 410
        assert join(link, "alice") == 303
        assert admin(data, "people") == (0, "alice  owner  member  active")
        assert admin(data, "role", "alice", "member") == (
            1,
            "parlour: refused: The last owner stays: make another one first. (forbidden)",
        )

        (_, one), (_, other) = admin(data, "invite", "--role", "moderator"), admin(data, "invite", "--uses", "3")
        assert join(one, "bob") == 303
        code, listed = admin(data, "invitations")
        assert (code, listed.count("\n"), "  member  3 left  until " in listed) == (0, 0, True)
        id_ = listed.partition(" ")[0]
        assert admin(data, "invitations", "--end", id_) == (0, f"ended {id_}")
        assert join(other, "mallory") == 410
        assert admin(data, "people")[1].splitlines()[1] == "bob  moderator  member  active"

        assert admin(data, "role", "bob", "admin") == (0, "bob is admin now")
        assert http.get("/lobby", auth=("bob", PASSWORD)).status_code == 200
        assert admin(data, "disable", "bob") == (0, "bob is disabled")
        assert http.get("/lobby", auth=("bob", PASSWORD)).status_code == 401
        assert admin(data, "enable", "bob") == (0, "bob can sign in")
        code, link = admin(data, "reset", "bob")
        assert (code, http.post(link, data={"password": "a wholly new password"}).status_code) == (0, 303)
        bob = ("bob", "a wholly new password")
        assert http.get("/lobby", auth=bob).status_code == 200
        made = http.post("/api/v1/tokens", json={"label": "cron", "scopes": ["read"]}, auth=bob).json()
        code, listed = admin(data, "tokens", "bob")
        assert (code, listed.partition("  until ")[0]) == (0, f"{made['id']}  token  cron  read  never used")
        assert admin(data, "tokens", "bob", "--end", made["id"]) == (0, f"ended {made['id']}")
        assert http.get("/lobby", headers={"Authorization": f"Bearer {made['secret']}"}).status_code == 401
        assert admin(data, "tokens", "bob") == (0, "")
        assert admin(data, "disable", "nobody")[0] == 1
        assert admin(data, "delete", "bob", "--messages", "remove")[0] == 2, "there is nobody to ask"
        assert admin(data, "delete", "bob", "--messages", "remove", "--yes") == (0, "bob is deleted")
        assert admin(data, "delete", "bob", "--yes")[0] == 1
        assert admin(data, "people") == (0, "alice  owner  member  active")


def test_a_link_that_nobody_else_can_open_says_so_beside_it(tmp_path: Path) -> None:
    data, only_here = tmp_path / "data", "127.0.0.1 leads every machine to itself, so this link opens on this one alone"
    with ServerProcess(data):
        owner = run(data, "owner")
        assert only_here in owner.stderr
        assert "--public-url" in owner.stderr
        assert owner.stdout.count("\n") == 1
        assert join(owner.stdout.strip(), "alice") == 303
        for command in (("invite",), ("reset", "alice")):
            assert only_here in run(data, *command).stderr
    for address, remark in (("https://chat.example.org", ""), ("http://0.0.0.0:8080", "0.0.0.0 is no address to open")):
        with ServerProcess(data, "--public-url", address):
            made = run(data, "invite")
            assert made.stdout.startswith(f"{address}/join/")
            assert made.stderr.startswith(f"parlour: {remark}") if remark else made.stderr == ""


def test_an_invitation_says_that_it_makes_no_account_while_registration_is_closed(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data):
        assert join(admin(data, "owner")[1], "alice") == 303
        assert admin(data, "set", "registration", "closed") == (0, "registration is closed")
        made = run(data, "invite")
        assert "registration is closed, so nobody can use this link" in made.stderr
        assert join(made.stdout.strip(), "bob") == 403
        assert "registration is closed" not in run(data, "owner").stderr
        assert admin(data, "set", "registration", "invitation")[0] == 0
        assert "registration is closed" not in run(data, "invite").stderr
        assert join(made.stdout.strip(), "bob") == 303


def test_without_a_server_nothing_can_be_told(tmp_path: Path) -> None:
    code, said = admin(tmp_path, "owner")
    assert (code, "No server runs on" in said) == (3, True)


def test_the_start_prints_a_link_for_the_first_owner_and_no_more_once_there_is_one(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        assert server.process is not None
        assert server.process.stdout is not None
        line = server.process.stdout.readline()
        link = line.removeprefix("To make this server yours, open ").partition(" ")[0]
        assert join(link, "alice") == 303
        assert join(link, "mallory") == 410
        server.restart()
        assert server.process.stdout is not None
        server.process.send_signal(SIGTERM)
        assert "/join/" not in server.process.stdout.read()
    assert link not in server.log


def test_a_guest_link_is_printed_with_its_code(tmp_path: Path) -> None:
    with ServerProcess(tmp_path / "data") as server:
        code, said = admin(tmp_path / "data", "guest-link", "class", "--people", "30", "--minutes", "90")
        *picture, link = said.splitlines()
        assert code == 0
        assert sum(line.count("\u2588") for line in picture) > 100
        assert "What is your name?" in httpx.get(link, headers={"Accept": "text/html"}, timeout=TIMEOUT_S).text
        assert link.startswith(f"{server.url}/join/")
