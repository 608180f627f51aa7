"""`parlour send`, `tail` and `chat` where the environment names a proxy."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import pytest

from tests.support.commands import run_text
from tests.support.peer import Peer, answer, nobody, reset
from tests.support.server import ServerProcess
from tests.support.terminal import clean_environment

COMMANDS = (("send", "hi"), ("tail",), ("chat",))
_TIMEOUTS = {"send": "0", "tail": "0", "chat": "2"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    with ServerProcess(tmp_path_factory.mktemp("proxy") / "data") as process:
        yield process


def run(command: tuple[str, ...], url: str, **environment: str) -> subprocess.CompletedProcess[str]:
    name, *words = command
    kept = {key: value for key, value in clean_environment().items() if not key.lower().endswith("_proxy")}
    return run_text([name, url, *words, "--timeout", _TIMEOUTS[name]], environment=kept | environment)


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_no_proxy_leads_past_a_proxy_that_could_not_be_used(server: ServerProcess, command: tuple[str, ...]) -> None:
    for past in ("127.0.0.1", "127.0.0.0/8", "*", f"127.0.0.1:{server.port}"):
        done = run(command, f"{server.url}/past", ALL_PROXY="socks5://127.0.0.1:9", no_proxy=past)
        assert (done.returncode, done.stderr) == (0, ""), past


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_proxy_of_an_unknown_kind_is_named(server: ServerProcess, command: tuple[str, ...]) -> None:
    done = run(command, f"{server.url}/kind", ALL_PROXY="socks5://127.0.0.1:9")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()[-1:]
    assert "socks5://127.0.0.1:9 (ALL_PROXY)" in line
    assert "no_proxy" in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_proxy_that_fails_is_named(server: ServerProcess, command: tuple[str, ...]) -> None:
    with nobody() as place:
        done = run(command, f"{server.url}/fails", http_proxy=f"http://me:s3cret@{place}")
        assert done.returncode == 3
        assert f"http://{place} (http_proxy)" in done.stderr
        assert "s3cret" not in done.stderr
        done = run(command, "https://chat.example/fails", https_proxy=f"http://{place}")
        assert done.returncode == 3
        assert f"http://{place} (https_proxy)" in done.stderr


@pytest.mark.parametrize(
    ("command", "trouble"),
    [(COMMANDS[0], answer(407)), (COMMANDS[1], answer(502)), (COMMANDS[2], reset), (COMMANDS[0], reset)],
    ids=["send 407", "tail 502", "chat reset", "send reset"],
)
def test_proxy_that_answers_itself_is_named(command: tuple[str, ...], trouble: bytes) -> None:
    with Peer(*[trouble] * 4) as peer:
        done = run(command, "http://chat.example/x", http_proxy=peer.url)
        assert done.returncode != 0
        assert f"{peer.url} (http_proxy)" in done.stderr
    assert " http://chat.example/x" in peer.asked[0].line


def test_proxy_that_opens_no_tunnel_is_named() -> None:
    with Peer(answer(403)) as peer:
        done = run(("send", "hi"), "https://chat.example/x", https_proxy=peer.url)
        assert f"{peer.url} (https_proxy)" in done.stderr
    assert done.returncode == 3
    assert peer.asked[0].line.startswith("CONNECT chat.example:443")


def test_refusal_of_the_room_blames_no_proxy() -> None:
    refusal = answer(403, b'{"code":"cross_origin","detail":"No.","stored":false}')
    with Peer(refusal) as peer:
        done = run(("send", "hi"), "http://chat.example/x", http_proxy=peer.url)
    assert (done.returncode, done.stderr) == (1, "parlour: refused: No. (cross_origin)\n")
