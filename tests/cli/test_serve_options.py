"""The command line of the server: what it lists, refuses and prints, as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from parlour.cli.main import _COMMANDS
from parlour.config import SETTINGS, load
from parlour.version import __version__

SRC = Path(__file__).parents[2] / "src"


def parlour(*arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PARLOUR_")}
    return subprocess.run(
        [sys.executable, "-P", "-m", "parlour", *arguments],
        env={**clean, "PYTHONPATH": str(SRC), "COLUMNS": "200", **environ},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_help_names_every_command_and_every_setting() -> None:
    done = parlour("--help")
    assert done.returncode == 0
    assert all(f"  {name} " in done.stdout for name in _COMMANDS)
    assert parlour("--version").stdout == f"parlour {__version__}\n"
    done = parlour("serve", "--help")
    assert done.returncode == 0
    assert [row.flag for row in SETTINGS if f"  {row.flag} " not in done.stdout] == []


@pytest.mark.parametrize("command", _COMMANDS)
def test_every_command_is_there(command: str) -> None:
    """Each is started by itself here: what it needs is imported."""
    done = parlour(command, "--help")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"Usage: parlour {command} ")
    if command in ("chat", "send", "tail"):
        assert "the lobby" in " ".join(done.stdout.split()), "where an address without a room leads"


def test_help_is_a_word_too() -> None:
    assert parlour("help").stdout.startswith("Usage: parlour [OPTIONS] COMMAND ")
    assert parlour("help", "send").stdout.startswith("Usage: parlour send ")


def test_the_script_of_the_server_speaks_of_itself() -> None:
    started_as = {"PARLOUR_STARTED_AS": "./chat_server"}
    for flag in ("--help", "-h"):
        assert parlour("serve", flag, **started_as).stdout.startswith("Usage: ./chat_server <port> [options]\n")
    wrong = parlour("serve", "--port", "80", "--bogus", **started_as)
    assert wrong.returncode == 2
    assert wrong.stderr.startswith("Usage: ./chat_server <port> [options]\nTry './chat_server --help' for help.\n")
    assert parlour("send", "--help", **started_as).stdout.startswith("Usage: parlour send ")


@pytest.mark.parametrize("host", ["300.1.1.1", "1.2.3.4.5", "::12345"])
def test_a_wrong_address_is_a_wrong_setting_and_nothing_else(host: str) -> None:
    done = parlour("serve", "--port", "0", "--host", host)
    assert done.returncode == 2
    assert f"--host: expected host names or addresses, or none, not '{host}'." in done.stderr
    assert "open_to_the_network" not in done.stderr


def test_who_may_come_is_said_only_of_a_server_that_listens(tmp_path: Path) -> None:
    done = parlour("serve", "--port", "0", "--data", str(tmp_path), "--host", "nowhere.invalid")
    assert done.returncode == 3
    assert done.stderr.startswith("parlour: The host nowhere.invalid cannot be resolved: ")


def test_a_wrong_setting_ends_with_2_and_the_place_of_it() -> None:
    done = parlour("serve", "--port", "99999")
    assert done.returncode == 2
    assert "--port: expected a whole number from 0 to 65535, not '99999'." in done.stderr
    done = parlour("serve", PARLOUR_DRAIN_SECONDS="soon")
    assert done.returncode == 2
    assert "PARLOUR_DRAIN_SECONDS: expected a number from 0 to 3600 seconds, not 'soon'." in done.stderr
    done = parlour("serve", "--prot", "1")
    assert done.returncode == 2
    assert "--port" in done.stderr
    assert parlour("serves").returncode == 2


def test_shown_settings_are_a_file_that_gives_the_same_settings(tmp_path: Path) -> None:
    file = tmp_path / "parlour.toml"
    given = [
        "--host",
        "::1,127.0.0.1",
        "--host",
        "localhost",
        "--data",
        'a "b" é',
        "--debug",
        "on",
        "--sends-per-s",
        "3",
    ]
    done = parlour("serve", "--show-settings", *given, PARLOUR_PORT="0")
    assert done.returncode == 0, done.stderr
    assert "port = 0  # PARLOUR_PORT\n" in done.stdout
    file.write_text(done.stdout, encoding="utf-8")
    settings = load({}, {}, file).settings
    assert (settings.host, settings.port) == (("::1", "127.0.0.1", "localhost"), 0)
    assert (settings.data, settings.debug, settings.limits.sends_per_s) == (Path('a "b" é'), True, 3.0)
    for named in (parlour("serve", "--show-settings", "--config", str(file)),
                  parlour("serve", "--show-settings", PARLOUR_CONFIG=str(file))):  # fmt: skip
        assert f"sends_per_s = 3.0  # sends_per_s in {file}\n" in named.stdout


def test_the_server_does_not_load_the_libraries_of_the_client() -> None:
    program = (
        "import sys\nimport parlour.cli.serve, parlour.process\n"
        "print(*sorted({'httpx', 'rich', 'anyio', 'parlour.client'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "PYTHONPATH": str(SRC)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout.strip()) == (0, ""), done.stderr
