"""`parlour admin set` and `settings`: on a running server, and what the next start makes of it."""

from __future__ import annotations

from pathlib import Path

from tests.support.commands import run_text
from tests.support.server import ServerProcess


def admin(*arguments: str | Path) -> tuple[int, str]:
    """The exit code, and what was written."""
    done = run_text(["admin", *arguments])
    return done.returncode, done.stdout + done.stderr


def test_a_setting_is_set_on_the_running_server_and_stays(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with ServerProcess(data, "--access", "members") as server, server.client() as guest:
        code, listed = admin("settings", "--data", data)
        assert code == 0
        assert "access = members  (nobody has set it)  Who may read and write here:\n" in listed
        assert "    open         everybody, as a guest\n" in listed
        assert guest.get("/lobby").status_code == 401
        assert admin("set", "access", "open", "--data", data) == (0, "access is open\n")
        assert guest.get("/lobby").status_code == 200
        assert "access = open  Who" in admin("settings", "--data", data)[1]
        code, refused = admin("set", "access", "members", "--data", data)
        assert (code, "`parlour admin owner` prints a link" in refused) == (1, True)
        assert guest.get("/lobby").status_code == 200
        assert "option_not_used" not in server.log
        server.restart()
        assert guest.get("/lobby").status_code == 200, "what was set counts, not the option"
        assert 'option_not_used option="--access members" access=open' in server.log


def test_what_there_is_not_cannot_be_set(tmp_path: Path) -> None:
    code, refused = admin("set", "rooms", "everybody", "--data", tmp_path)
    assert (code, "rooms is one of members, admins." in refused) == (2, True)
    assert admin("set", "colour", "red", "--data", tmp_path)[0] == 2
    code, refused = admin("set", "rooms", "admins", "--data", tmp_path)
    assert (code, "No server runs on" in refused) == (3, True)
