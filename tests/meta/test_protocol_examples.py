"""Every command in the pages of the protocol and in README.md does what its page says."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from parlour.core.names import RESERVED
from tests.meta.test_source import TEXTS
from tests.people.server import Town
from tests.support.examples import Example, check, examples, run
from tests.support.server import ServerProcess
from tests.support.timeout import TIMEOUT_S

PROTOCOL = TEXTS[Path("docs/protocol.md")]
PAGES = ("docs/protocol.md", "docs/protocol-people.md", "docs/tickets.md")
STORY = [(page, example) for page in PAGES for example in examples(TEXTS[Path(page)])]
WELCOME = list(examples(TEXTS[Path("README.md")]))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServerProcess]:
    """One server for the story of a page: what an example says, the next one reads."""
    with ServerProcess(tmp_path_factory.mktemp("protocol") / "data") as running:
        Town(running).close()  # whose owner is olga
        yield running


def epoch_of(server: ServerProcess) -> str:
    epoch: str = httpx.get(f"{server.url}/api/v1", timeout=TIMEOUT_S).json()["epoch"]
    return epoch


def test_the_examples_of_the_protocol_are_true(server: ServerProcess) -> None:
    assert len(STORY) >= 15
    epoch = epoch_of(server)
    for page, example in STORY:
        assert example.shown, f"line {example.line} shows no output"
        try:
            check(example, run(example, f"127.0.0.1:{server.port}", epoch))
        except AssertionError as error:
            raise AssertionError(f"{page}:{example.line}: {example.command}\n{error}") from error


def test_the_commands_of_the_readme_work_one_after_the_other(tmp_path: Path) -> None:
    assert len(WELCOME) >= 9
    with ServerProcess(tmp_path / "data") as server:
        epoch = epoch_of(server)
        for example in WELCOME:
            example.command = example.command.replace("wait=25", "wait=1")  # nobody speaks meanwhile
            output = run(example, f"127.0.0.1:{server.port}", epoch)
            assert output, example
            assert "error:" not in output, (example, output)
            assert '"code":' not in output, (example, output)


def test_an_example_that_is_not_true_is_found() -> None:
    wrong = Example(1, "curl -d hi localhost:8080/lobby", ["lobby/2"])
    with pytest.raises(AssertionError):
        check(wrong, "lobby/1\n")
    with pytest.raises(AssertionError):
        check(Example(1, "curl -i x", ["A: 1", "B: 2"]), "B: 2\nA: 1\n")


def test_the_reserved_names_are_all_on_the_page() -> None:
    (listed,) = re.findall(r"`400 reserved_name`: (.*?)\. Where", PROTOCOL, re.DOTALL)
    assert sorted(re.findall(r"`([^`]+)`", listed)) == sorted(RESERVED)
