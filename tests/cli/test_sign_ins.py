"""`parlour login`, `logout` and `whoami`, and what `send` and `tail` do with what these store."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from parlour.core.secret import api_token
from tests.people.house import PASSWORD
from tests.people.server import Town, bearer
from tests.support.machine import TYPED, Machine
from tests.support.peer import Peer, answer
from tests.support.server import ServerProcess
from tests.support.terminal import clean_environment, parlour_command
from tests.support.timeout import TIMEOUT_S

HOST = os.uname().nodename


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with ServerProcess(tmp_path_factory.mktemp("sign-ins") / "data") as server:
        town = Town(server)
        yield town
        town.close()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "config")


@pytest.fixture(scope="module")
def home(town: Town, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What a machine has stored on which olga has signed in."""
    made = Machine(tmp_path_factory.mktemp("home") / "config")
    made.sign_in(town.url)
    return made.home


@pytest.fixture
def signed_in(home: Path, tmp_path: Path) -> Machine:
    """Where olga has signed in, for those who do not end that: they share the token."""
    return Machine(shutil.copytree(home, tmp_path / "signed-in"))


def is_accepted(town: Town, token: str) -> bool:
    with town.server.client(headers=bearer(token)) as program:
        return program.get("/api/v1/me").status_code == 200


def authors(town: Town, room: str) -> list[tuple[str, str]]:
    events = town.owner.get(f"/api/v1/rooms/{room}/messages").json()["events"]
    return [(event["by"]["name"], event["text"]) for event in events if event["type"] == "message"]


def end(town: Town, machine: Machine) -> None:
    """End the token on the server, as its owner does on the page of the account."""
    (found,) = machine.stored().values()
    assert town.owner.delete(f"/api/v1/sign-ins/{found['id']}").status_code == 204


def private_room(town: Town) -> str:
    made = town.owner.post("/api/v1/rooms", json={"title": "Leads", "access": "private"})
    return str(made.json()["room"])


def test_a_person_signs_in_on_a_terminal_without_showing_the_password(town: Town, machine: Machine) -> None:
    with machine.terminal("login", f"{town.url}/lobby") as terminal:
        terminal.wait_for(f"Signing in to {town.url}")
        terminal.wait_for("Name:")
        terminal.type("olga\r")
        terminal.wait_for("Password:")
        terminal.type(f"{PASSWORD}\r")
        assert terminal.wait_for_end() == 0
        assert any(f"signed in to {town.url} as olga, owner" in line for line in terminal.lines)
        assert terminal.is_as_found()
        assert PASSWORD.encode() not in terminal.output
    (found,) = machine.stored().values()
    assert found["token"].encode() not in terminal.output
    assert PASSWORD not in machine.file.read_text()
    assert stat.S_IMODE(machine.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(machine.file.parent.stat().st_mode) == 0o700


def test_who_gives_up_while_the_password_is_asked_for_leaves_the_terminal_as_it_was(
    town: Town, machine: Machine
) -> None:
    with machine.terminal("login", town.url, "--name", "olga") as terminal:
        terminal.wait_for("Password:")
        terminal.type("\x03")
        assert terminal.wait_for_end() == 130
        assert terminal.is_as_found()
    assert not machine.file.exists()


def test_the_token_is_one_of_the_account_for_what_was_asked(town: Town, machine: Machine) -> None:
    token = machine.sign_in(f"{town.url}/login?next=/lobby", "--scopes", "read", "--days", "3")
    with town.server.client(headers=bearer(token)) as program:
        me = program.get("/api/v1/me").json()
    assert me["account"]["name"] == "olga"
    assert me["scopes"] == ["read"]
    assert me["sign_in"]["label"] == f"parlour on {HOST}"
    assert me["sign_in"]["is_this"] is True
    assert "secret" not in me["sign_in"]
    said = machine.run("send", f"{town.url}/lobby", "x")
    assert said.returncode == 1
    assert "lacks the scope post" in said.stderr


def test_whoami_says_who_one_is_and_with_what(town: Town, machine: Machine, signed_in: Machine) -> None:
    nobody = machine.run("whoami")
    assert (nobody.returncode, nobody.stdout) == (1, "")
    machine, token = signed_in, signed_in.stored()[town.url]["token"]
    for arguments in ((), (town.url,), (f"{town.url}/lobby",)):
        done = machine.run("whoami", *arguments)
        assert done.returncode == 0, done.stderr
        assert done.stdout.startswith(f"{town.url}: olga, owner; parlour on {HOST}: read, post, until 20")
        assert done.stdout.endswith(f"; token from {machine.file}\n")
        assert token not in done.stdout
    elsewhere = machine.run("whoami", "https://elsewhere.example")
    assert (elsewhere.returncode, elsewhere.stderr) == (
        1,
        "parlour: you are not signed in to https://elsewhere.example\n",
    )


def test_logout_ends_the_token_and_forgets_it(town: Town, machine: Machine) -> None:
    token = machine.sign_in(town.url)
    assert is_accepted(town, token)
    done = machine.run("logout")
    assert (done.returncode, done.stdout) == (0, f"signed out of {town.url}\n")
    assert not is_accepted(town, token)
    assert machine.stored() == {}
    assert machine.run("logout").returncode == 1
    assert machine.run("logout", town.url).returncode == 1


def test_logout_of_what_has_ended_already_forgets_it(town: Town, machine: Machine) -> None:
    machine.sign_in(town.url)
    end(town, machine)
    assert machine.run("logout").returncode == 0
    assert machine.stored() == {}


def test_logout_without_the_server_keeps_the_token_unless_it_is_to_be_forgotten(
    tmp_path: Path, machine: Machine
) -> None:
    with ServerProcess(tmp_path / "data") as server:
        town = Town(server)
        machine.sign_in(server.url)
        town.close()
        server.stop()
        kept = machine.run("logout")
        assert kept.returncode == 3
        assert "--forget" in kept.stderr
        assert machine.stored().keys() == {server.url}
        assert machine.run("logout", "--forget").returncode == 0
        assert machine.stored() == {}


def test_who_signs_in_again_has_one_token(town: Town, machine: Machine) -> None:
    first = machine.sign_in(town.url)
    second = machine.sign_in("", "--name", "olga", typed=PASSWORD)  # the one server that is known
    assert not is_accepted(town, first)
    assert is_accepted(town, second)


def test_a_token_from_the_page_can_be_taken(town: Town, machine: Machine) -> None:
    token = town.token(town.owner, "read", "post", label="from the page")
    assert machine.sign_in(town.url, "--token", typed=f"{token}\r\n") == token
    assert "from the page" in machine.run("whoami").stdout
    for wrong, code, reason in ((token[:-1], 2, "not a whole token"), (api_token("A" * 43), 1, "bad_credentials")):
        done = machine.run("login", town.url, "--token", typed=wrong)
        assert done.returncode == code
        assert reason in done.stderr
        assert wrong not in done.stderr
    assert machine.stored()[town.url]["token"] == token
    assert machine.run("logout").returncode == 0
    assert not is_accepted(town, token)


def test_wrong_passwords_are_refused_and_nothing_is_stored(town: Town, machine: Machine) -> None:
    town.join("wrongly")
    done = machine.run("login", town.url, typed="wrongly\nnot the password of it\n")
    assert (done.returncode, done.stdout) == (1, "")
    assert "bad_credentials" in done.stderr
    assert "not the password" not in done.stderr
    assert not machine.file.exists()


@pytest.mark.parametrize("typed", ["", "olga", "olga\n", "\nsecret words\n", b"olga\n\xff\xfe\n"])
def test_a_pipe_with_too_little_is_wrong_usage(town: Town, machine: Machine, typed: str | bytes) -> None:
    done = machine.run("login", town.url, typed=typed)
    assert done.returncode == 2
    assert "name, password" in done.stderr
    assert "secret" not in done.stderr


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://chat.example/lobby", "https://"),
        ("192.0.2.7:8080", "https://"),
        ("ftp://chat.example", "http:// or https://"),
        ("http://olga:secret@localhost/", "does not belong into an address"),
    ],
)
def test_where_a_password_could_be_read_none_is_sent(machine: Machine, url: str, reason: str) -> None:
    done = machine.run("login", url, typed=TYPED, all_proxy="http://127.0.0.1:9")
    assert done.returncode == 2
    assert reason in done.stderr
    assert "secret" not in done.stderr


def test_no_password_goes_through_a_proxy_in_plain_text(town: Town, machine: Machine, signed_in: Machine) -> None:
    with Peer() as proxy:
        done = machine.run("login", town.url, typed=TYPED, http_proxy=proxy.url, no_proxy="")
        assert done.returncode == 2
        assert "no_proxy" in done.stderr
        for command in (("send", f"{town.url}/lobby", "x"), ("tail", f"{town.url}/lobby"), ("whoami",), ("logout",)):
            done = signed_in.run(*command, http_proxy=proxy.url, no_proxy="")
            assert done.returncode == 2, command
            assert "no_proxy" in done.stderr
        assert proxy.asked == []


def test_what_is_no_parlour_is_told_of_before_anything_is_asked(machine: Machine) -> None:
    with Peer(answer(200, b"<html>hello</html>"), answer(301, Location="https://chat.example/")) as peer:
        url = peer.url
        done = machine.run("login", f"{url}/lobby", typed=TYPED)
    assert done.returncode == 2
    assert f"There is no Parlour at {url}: " in done.stderr
    assert "https://chat.example/" in done.stderr
    assert len(peer.asked) == 2
    assert not any("authorization" in asked.fields for asked in peer.asked)


def test_send_and_tail_speak_as_the_account_also_in_a_private_room(town: Town, signed_in: Machine) -> None:
    room = private_room(town)
    assert room.startswith("~")
    url = f"{town.url}/{room}"
    assert signed_in.run("send", url, "for leads", PARLOUR_NAME="bob").stdout.startswith(f"{room}/")
    assert authors(town, room) == [("olga", "for leads")]
    read = signed_in.run("tail", url)
    assert read.returncode == 0
    assert "* olga made this private room, “Leads”\n" in read.stdout
    assert read.stdout.endswith(" olga: for leads\n")
    filtered = signed_in.run("chat", url, typed="and from a pipe\n")
    assert filtered.returncode == 0, filtered.stderr
    assert filtered.stdout.endswith(" olga: and from a pipe\n")
    guest = signed_in.run("tail", url, PARLOUR_TOKEN="guest")  # noqa: S106
    assert (guest.returncode, guest.stdout) == (1, "")
    assert "not_found" in guest.stderr


def test_guests_are_told_how_to_sign_in_where_they_may_not_read(
    town: Town, machine: Machine, signed_in: Machine
) -> None:
    assert town.owner.post("/api/v1/rooms", json={"room": "insiders"}).status_code == 201
    assert town.owner.patch("/api/v1/rooms/insiders", json={"access": "members"}).status_code == 200
    done = machine.run("tail", f"{town.url}/insiders")
    assert done.returncode == 1
    assert done.stderr.endswith("(login_required): `parlour login` signs in\n")
    assert signed_in.run("tail", f"{town.url}/insiders").returncode == 0


def test_the_names_of_this_machine_are_those_of_one_server_and_lead_where_the_token_is_from(
    town: Town, machine: Machine
) -> None:
    machine.sign_in(town.url)
    local, port = "http://localhost", town.server.port
    assert machine.run("send", f"{local}:{port}/elsewhere", "x").stderr == ""
    assert authors(town, "elsewhere") == [("olga", "x")]
    assert machine.run("tail", f"http://[::1]:{port}/elsewhere").returncode == 0  # where nothing listens
    known = machine.run("whoami", f"{local}:{port}")
    assert known.stdout.startswith(f"{town.url}: olga")
    refusal = b'{"code":"forbidden","detail":"No."}'
    with Peer(answer(403, refusal, Content_Type="application/problem+json")) as peer:
        other = machine.run("send", f"{local}:{peer.url.rpartition(':')[2]}/elsewhere", "x")
        assert (other.returncode, len(peer.asked)) == (1, 1)
        assert not any("authorization" in asked.fields for asked in peer.asked)
    assert machine.run("logout", f"{local}:{port}").stdout == f"signed out of {town.url}\n"


def test_another_address_of_this_machine_is_another_server_and_that_is_said(town: Town, signed_in: Machine) -> None:
    other = f"http://127.0.0.2:{town.server.port}"
    done = signed_in.run("send", f"{other}/elsewhere", "x", "--timeout", "0")
    assert done.returncode == 3
    assert f"parlour: a guest on {other}: you are signed in to {town.url}\n" in done.stderr


def test_a_name_is_for_guests(town: Town, signed_in: Machine) -> None:
    for command in ("send", "chat"):
        done = signed_in.run(command, f"{town.url}/names", "--name", "bob", typed="x")
        assert done.returncode == 2
        assert "You are signed in there as olga" in done.stderr
    guest = signed_in.run("send", f"{town.url}/names", "--name", "bob", typed="x", PARLOUR_TOKEN="guest")  # noqa: S106
    assert guest.returncode == 0
    assert authors(town, "names") == [("bob", "x")]


def test_an_empty_token_sends_nothing(town: Town, machine: Machine) -> None:
    done = machine.run("send", f"{town.url}/empty", "x", PARLOUR_TOKEN="")
    assert (done.returncode, done.stdout) == (2, "")
    assert "PARLOUR_TOKEN is empty" in done.stderr
    assert authors(town, "empty") == []


def test_the_token_of_the_environment_wins_and_is_never_shown(town: Town, signed_in: Machine) -> None:
    browser = town.join("deployer")
    token = town.token(browser, "read", "post")
    assert signed_in.run("send", f"{town.url}/env", "x", PARLOUR_TOKEN=token).returncode == 0
    assert authors(town, "env") == [("deployer", "x")]
    known = signed_in.run("whoami", town.url, PARLOUR_TOKEN=token)
    assert known.stdout.startswith(f"{town.url}: deployer, member; cron: read, post, until 20")
    unnamed = signed_in.run("whoami", PARLOUR_TOKEN=token)
    assert unnamed.returncode == 2
    row = browser.get("/api/v1/sign-ins").json()["sign_ins"][0]
    assert browser.delete(f"/api/v1/sign-ins/{row['id']}").status_code == 204
    ended = signed_in.run("send", f"{town.url}/env", "x", PARLOUR_TOKEN=token)
    assert ended.returncode == 1
    assert "the token in PARLOUR_TOKEN has ended" in ended.stderr
    for done in (known, unnamed, ended):
        assert token not in done.stdout + done.stderr


@pytest.mark.parametrize("command", [("send", "x"), ("tail",), ("tail", "-f"), ("whoami",)])
def test_no_token_goes_where_a_redirect_leads(machine: Machine, command: tuple[str, ...]) -> None:
    token = "parlour_" + "x" * 50
    with Peer() as elsewhere, Peer(*[answer(307, Location=f"{elsewhere.url}/lobby")] * 3) as peer:
        url = f"{peer.url}/lobby"
        done = machine.run(command[0], url, *command[1:], "--timeout", "5", PARLOUR_TOKEN=token)
        assert done.returncode in (1, 2)
        assert elsewhere.asked == []
        assert token not in done.stderr


def test_a_stored_token_goes_to_its_own_server_alone(town: Town, signed_in: Machine) -> None:
    with Peer(answer(404), answer(404)) as other:
        signed_in.run("tail", f"{other.url}/lobby", "--timeout", "1")
        signed_in.run("send", f"{other.url}/lobby", "x", "--timeout", "1")
        assert len(other.asked) == 2
        assert not any("authorization" in asked.fields for asked in other.asked)


def has_ended(town: Town, said: str) -> bool:
    begin, end = f"parlour: your sign-in to {town.url} has ended (", "goes on as a guest\n"
    return said.startswith(begin) and said.endswith(end) and said.count("\n") == 1


def test_a_sign_in_that_has_ended_is_told_in_one_line(town: Town, machine: Machine) -> None:
    machine.sign_in(town.url)
    end(town, machine)
    for command in (("send", f"{town.url}/unsaid", "x"), ("tail", f"{town.url}/unsaid"), ("whoami",)):
        done = machine.run(*command)
        assert (done.returncode, done.stdout) == (1, "")
        assert has_ended(town, done.stderr), done.stderr
    assert authors(town, "unsaid") == []


def test_tail_ends_at_once_with_the_sign_in(town: Town, machine: Machine) -> None:
    machine.sign_in(town.url)
    with subprocess.Popen(
        parlour_command("tail", f"{town.url}/ends", "-f"),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=machine.environment(),
        text=True,
    ) as tail:
        assert tail.stdout is not None
        assert tail.stderr is not None
        town.owner.post("/ends", data={"message": "hello"})
        assert "olga: hello" in tail.stdout.readline()
        end(town, machine)
        assert has_ended(town, tail.stderr.read())
        assert tail.wait(TIMEOUT_S) == 1


def test_what_others_can_read_is_not_used(town: Town, signed_in: Machine) -> None:
    signed_in.file.chmod(0o644)
    for command in (("send", f"{town.url}/lobby", "x"), ("tail", f"{town.url}/lobby"), ("whoami",), ("logout",)):
        done = signed_in.run(*command)
        assert (done.returncode, done.stdout) == (2, ""), command
        assert "Others can read" in done.stderr
    assert signed_in.run("login", town.url, typed=TYPED).returncode == 2


def test_a_token_that_cannot_be_stored_is_ended(town: Town, machine: Machine) -> None:
    before = len(town.owner.get("/api/v1/sign-ins").json()["sign_ins"])
    machine.home.mkdir()
    command = ["sh", "-c", f"ulimit -f 0; exec {' '.join(parlour_command('login', town.url))}"]
    done = subprocess.run(command, input=TYPED, capture_output=True, text=True, env=machine.environment(), check=False)
    assert done.returncode != 0
    assert len(town.owner.get("/api/v1/sign-ins").json()["sign_ins"]) == before


def test_the_keyring_is_used_where_there_is_one(town: Town, machine: Machine, tmp_path: Path) -> None:
    keyring = {
        "PYTHON_KEYRING_BACKEND": "tests.support.keyring_file.FileKeyring",
        "PARLOUR_TESTS_KEYRING": str(tmp_path / "keyring.json"),
    }
    path = os.pathsep.join([clean_environment()["PYTHONPATH"], str(Path(__file__).parents[2])])
    assert machine.run("login", town.url, typed=TYPED, PYTHONPATH=path, **keyring).returncode == 0
    assert machine.stored()[town.url]["token"] is None
    assert machine.run("send", f"{town.url}/keys", "x", PYTHONPATH=path, **keyring).returncode == 0
    assert authors(town, "keys") == [("olga", "x")]
    assert "token from the keyring" in machine.run("whoami", PYTHONPATH=path, **keyring).stdout
    without = machine.run("send", f"{town.url}/keys", "x")
    assert without.returncode == 2
    assert "keyring" in without.stderr
    assert machine.run("logout", PYTHONPATH=path, **keyring).returncode == 0
    assert json.loads((tmp_path / "keyring.json").read_text()) == {"parlour": {}}


def test_sending_imports_no_keyring(town: Town, signed_in: Machine) -> None:
    code = (
        "import sys; sys.argv[1:] = ['send', sys.argv[1], 'x']; from parlour.cli.main import main\n"
        "try: main()\nexcept SystemExit: print('keyring' in sys.modules)"
    )
    done = subprocess.run(
        [parlour_command()[0], "-c", code, f"{town.url}/lobby"],
        capture_output=True,
        text=True,
        env=signed_in.environment(),
        check=True,
    )
    assert done.stdout.endswith("False\n")
