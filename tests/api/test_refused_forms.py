"""What a browser without scripts sees when its form is refused: the page again with the reason, or the reason alone."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest

from tests.support.server import ServerProcess

BROWSER = {"Accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A browser of a server that lets it send once and read little."""
    rates = ("--sends-per-s", "0.01", "--sends-burst", "1", "--history-ms-per-s", "0.01", "--history-burst-ms", "1")
    with (
        ServerProcess(tmp_path_factory.mktemp("strict") / "data", *rates, rate_limits=True) as running,
        running.client(headers=BROWSER) as client,
    ):
        yield client


def test_the_page_after_a_refused_form_says_when_to_come_back(strict: httpx.Client) -> None:
    assert strict.post("/lobby", data={"message": "once"}).status_code == 303
    answer = strict.post("/lobby", data={"message": "my own words"})
    assert answer.status_code == 429
    assert "<textarea" in answer.text
    assert "my own words" in answer.text
    assert 1 <= int(answer.headers["retry-after"]) <= 1000


def test_pages_after_refused_forms_count_as_pages_of_history(strict: httpx.Client) -> None:
    shown = 0
    while "<textarea" in (answer := strict.post("/lobby", data={"message": " "})).text:
        assert answer.status_code == 400
        shown += 1
    assert answer.status_code == 400
    assert shown > 0
    assert "The text is empty or blank." in answer.text
    assert strict.get("/lobby").status_code == 429


@pytest.mark.parametrize("room", ["elsewhere", "no room"])
def test_a_form_for_another_room_than_its_address_comes_back_with_its_text(http: httpx.Client, room: str) -> None:
    answer = http.post("/here", data={"message": "my own words", "room": room}, headers=BROWSER)
    assert answer.status_code == 400
    assert "my own words" in answer.text
    assert "<textarea" in answer.text
