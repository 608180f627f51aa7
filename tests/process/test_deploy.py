"""The files of deploy/ that start nodes: what they say is started here by hand, without systemd and Docker."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.image import PROGRAM, command, container, instructions
from tests.support.server import ROOT
from tests.support.timeout import TIMEOUT_S

DEPLOY = ROOT / "deploy"


def shown(arguments: list[str], **environment: str) -> dict[str, str]:
    """The settings that a server would have with these arguments: each as TOML, with where it comes from."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "parlour", *arguments, "--show-settings"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT / "src"), **environment},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return dict(line.split(" = ", 1) for line in done.stdout.splitlines() if " = " in line)


def unit(name: str) -> dict[str, list[str]]:
    """The settings of a unit of systemd, each with its values in order (systemd.syntax(7))."""
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / name).read_text(encoding="utf-8").splitlines():
        if line and line[0] not in "#[":
            key, value = line.split("=", 1)
            found.setdefault(key, []).append(value)
    return found


@pytest.mark.parametrize("name", ["parlour.service", "parlour@.service"])
def test_a_unit_starts_a_server_as_it_should_be(name: str) -> None:
    (command,) = unit(name)["ExecStart"]
    program, *arguments = shlex.split(command.replace("%i", "8081"))
    assert program == PROGRAM
    settings = shown(arguments)
    (state,) = unit(name)["StateDirectory"]
    assert settings["data"].startswith(json.dumps(f"/var/lib/{state}".replace("%i", "8081")))
    drain_s = float(settings["drain_seconds"].split()[0])
    assert float(unit(name)["TimeoutStopSec"][0]) >= drain_s + 10, "it is let drain"
    assert unit(name)["RestartPreventExitStatus"] == ["2"]


def test_each_node_of_the_template_has_a_port_and_a_directory_of_its_own() -> None:
    single, template = unit("parlour.service"), unit("parlour@.service")
    (command,) = template["ExecStart"]
    ports, data = zip(*[_place(command.replace("%i", port)) for port in ("8081", "8082")], strict=True)
    assert ports == ("8081  # --port", "8082  # --port")
    assert len(set(data)) == 2
    same = {
        "User",
        "KillMode",
        "LimitNOFILE",
        *(key for key in single if key.startswith(("Protect", "Restrict", "Private"))),
    }
    assert {key: template[key] for key in same} == {key: single[key] for key in same}


def _place(command: str) -> tuple[str, str]:
    settings = shown(shlex.split(command)[1:])
    return settings["port"], settings["data"]


def test_the_image_starts_the_program_that_it_has() -> None:
    assert command()[0] == PROGRAM
    settings = shown(command()[1:])
    assert settings["data"].startswith(json.dumps(instructions()["VOLUME"][0]))
    assert settings["port"].split()[0] == instructions()["EXPOSE"][0]


def test_what_goes_into_the_image_is_all_that_a_server_needs(tmp_path: Path) -> None:
    place = tmp_path / "parlour"
    rules = (DEPLOY / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in rules
    for rule in rules:
        if rule.startswith("!"):
            source, target = ROOT / rule[1:], place / rule[1:]
            target.parent.mkdir(parents=True, exist_ok=True)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__", "*.so"))
            else:
                shutil.copy2(source, target)
    with container(tmp_path / "data", {}, place / "src") as node:
        (health,) = re.findall(r"CMD (\[.*\])", instructions()["HEALTHCHECK"][0])
        _, *probe = json.loads(health.replace("8080", str(node.port)))
        assert subprocess.run([sys.executable, *probe], check=False, timeout=TIMEOUT_S).returncode == 0
    assert json.loads(node.log_file.read_text(encoding="utf-8").splitlines()[0])["event"] == "started"
    assert subprocess.run([sys.executable, *probe], check=False, stderr=subprocess.DEVNULL).returncode != 0
    lock = (place / "requirements/server.txt").read_text(encoding="utf-8")
    assert "asyncpg==" in lock, "a node of several needs PostgreSQL's library"


def test_the_scripts_in_the_image_find_what_they_read() -> None:
    """Each path that the scripts name below their root is one that goes into the image."""
    kept = {line[1:] for line in (DEPLOY / "Dockerfile.dockerignore").read_text().splitlines() if line.startswith("!")}
    for script in ("parlour", "tools/environment.sh"):
        for path in re.findall(r"\$root/([\w./]+)", (ROOT / script).read_text(encoding="utf-8")):
            assert path in kept or path == ".venv", path
