"""The scripts in the root directory and the environment they prepare, with a lock that needs no network."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.meta.test_source import ROOT

SCRIPTS = ["chat_server", "parlour", "run_tests", "tools/lock", "tools/bundle", "tools/environment.sh"]


@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_are_plain_shell(script: str) -> None:
    subprocess.run(["sh", "-n", str(ROOT / script)], check=True)
    assert os.access(ROOT / script, os.X_OK) or script.endswith(".sh")


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of the project in a directory with a space in its name, whose lock asks for nothing."""
    copy = tmp_path / "a checkout"
    (copy / "requirements").mkdir(parents=True)
    for name in ("chat_server", "parlour", "tools", "src"):
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
        else:
            shutil.copy(source, copy / name)
    (copy / "requirements/server.txt").write_text("# nothing\n")
    # Stands in for the command, whose libraries the lock of this test leaves out.
    (copy / "src/parlour/__main__.py").write_text("import sys\nprint(sys.prefix, *sys.argv[1:])\n")
    return copy


def start(script: Path, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [str(script), *arguments],
        cwd="/",
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run(script: Path, *arguments: str) -> tuple[str, str]:
    process = start(script, *arguments)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return out.strip(), err


def test_the_environment_is_made_once_and_whole(checkout: Path) -> None:
    place = checkout / ".venv"
    (place / "bin").mkdir(parents=True)  # half made, by whatever
    (checkout / ".venv.new-left").mkdir()
    starts = [start(checkout / "parlour", "tail", "lobby") for _ in range(2)]
    answers = [process.communicate(timeout=100) for process in starts]
    assert [out.strip() for out, _ in answers] == [f"{place} tail lobby"] * 2
    assert sum("once" in err for _, err in answers) == 1, "of two starts at the same time one makes it"

    assert run(checkout / "chat_server", "8080", "--data", "a b") == (f"{place} serve --port 8080 --data a b", "")
    assert run(checkout / "chat_server", "--help") == (f"{place} serve --help", "")
    assert run(checkout / "chat_server", "--version") == (f"{place} --version", "")
    assert run(place / "bin/parlour", "--version")[0] == f"{place} --version"
    link = checkout.parent / "link"
    link.symlink_to(checkout / "parlour")
    assert run(link) == (str(place), "")
    assert sorted(left.name for left in checkout.glob(".venv*")) == [".venv", ".venv.lock"]
    made = checkout / "src/parlour/net/_fanout.so"
    assert made.exists(), "a C compiler is needed: apt-get install gcc libc6-dev"
    assert hasattr(ctypes.CDLL(str(made)), "parlour_fan_out")


def test_without_a_compiler_that_works_the_part_in_c_is_left_out(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    for name in ("cc", "gcc", "clang"):
        broken = tmp_path / "bin" / name
        broken.write_text("#!/bin/sh\necho no headers >&2\nexit 1\n")
        broken.chmod(0o755)
    old = checkout / "src/parlour/net/_fanout.so"
    old.write_bytes(b"of an older source")
    code = "import pathlib, sys, environment; environment.compile_library(pathlib.Path(sys.argv[1]))"
    done = subprocess.run(
        [sys.executable, "-c", code, str(checkout / "src/parlour/net/fanout.c")],
        env=os.environ | {"PATH": str(tmp_path / "bin"), "PYTHONPATH": str(checkout / "tools")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no headers" in done.stderr
    assert "a fifth longer" in done.stderr
    assert not old.exists()


@pytest.mark.long  # three environments: half a minute on a busy machine
@pytest.mark.timeout(300)
def test_the_environment_is_made_anew_when_the_lock_changes_or_the_checkout_moves(checkout: Path) -> None:
    assert "once" in run(checkout / "parlour")[1]
    (checkout / "requirements/server.txt").write_text("# nothing else\n")
    assert "once" in run(checkout / "parlour")[1]
    assert run(checkout / "parlour")[1] == ""
    moved = checkout.rename(checkout.with_name("elsewhere"))
    assert "once" in run(moved / "parlour")[1]
    assert run(moved / "parlour") == (str(moved / ".venv"), "")
    assert sorted(left.name for left in moved.glob(".venv*")) == [".venv", ".venv.lock"]


def test_without_a_suitable_python_it_says_what_to_install(checkout: Path, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("sh", "dirname", "readlink", "cat", "cmp", "id"):
        found = shutil.which(name)
        assert found
        (programs / name).symlink_to(found)

    def refuse() -> str:
        done = subprocess.run(
            [str(checkout / "parlour")],
            env={"PATH": str(programs)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        return done.stderr

    assert "Python 3.11 or newer is needed and was not found" in refuse()
    old = programs / "python3"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    assert "Python 3.11 or newer is needed and was not found" in refuse()
    (programs / "id").unlink()
    (programs / "id").write_text("#!/bin/sh\necho 1000\n")
    (programs / "id").chmod(0o755)
    old.write_text('#!/bin/sh\ncase "$*" in *ensurepip*) exit 1 ;; *print*) echo python3.12-venv ;; esac\n')
    assert "install it with: apt-get install python3.12-venv" in refuse()
