"""Log lines: one a record, whatever a peer wrote into them."""

from __future__ import annotations

import io
import json
import logging
import re
from collections.abc import Iterator

import pytest

from parlour import log

EVIL = 'a\r\nFAKE line\x1b[31m\x00\u2028\u202e\\n"quoted" = é'


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    root, ours = logging.getLogger(), logging.getLogger("parlour")
    handlers, levels, raising = root.handlers[:], (root.level, ours.level), logging.raiseExceptions
    yield logging.getLogger("parlour.test")
    root.handlers[:], logging.raiseExceptions = handlers, raising
    for each, level in zip((root, ours), levels, strict=True):
        each.setLevel(level)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_hostile_text_stays_on_its_line_and_cannot_reach_the_terminal(
    logger: logging.Logger, log_format: log.LogFormat
) -> None:
    out = io.StringIO()
    log.configure(log_format, "info", out)
    log.event(logger, "peer", header=EVIL, count=3, ok=True, nothing=None)
    logger.warning("plain %s", EVIL)
    lines = out.getvalue().split("\n")
    assert len(lines) == 3
    assert lines[2] == ""
    for line in lines[:2]:
        assert line.isprintable()


def test_text_lines_can_be_read_and_searched(logger: logging.Logger) -> None:
    out = io.StringIO()
    log.configure("text", "info", out)
    log.event(logger, "listening", address="http://127.0.0.1:8080", note='say "hi"', empty="", ok=False, n=1.5)
    stamp, _, rest = out.getvalue().partition(" ")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", stamp)
    assert rest == 'INFO    listening address=http://127.0.0.1:8080 note="say \\"hi\\"" empty="" ok=no n=1.5\n'


def test_json_lines_are_json(logger: logging.Logger) -> None:
    out = io.StringIO()
    log.configure("json", "info", out)
    log.event(logger, "x", log.WARNING, header=EVIL, at="field", n=float("nan"), big=2**70, long="y" * 9000)
    row = json.loads(out.getvalue())
    assert (row["event"], row["level"], row["logger"], row["header"]) == ("x", "warning", "parlour.test", EVIL)
    assert (row["at_"], row["n"], row["big"]) == ("field", "nan", 2**70)
    assert len(row["long"]) < 2100


@pytest.mark.parametrize(
    ("log_format", "shown"), [("text", "INFO    x node=3 n=1\n"), ("json", '"node": 3, "n": 1}\n')]
)
def test_a_node_of_several_says_which_it_is(logger: logging.Logger, log_format: log.LogFormat, shown: str) -> None:
    out = io.StringIO()
    log.configure(log_format, "info", out, node=3)
    log.event(logger, "x", n=1)
    assert out.getvalue().endswith(shown)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_an_error_brings_its_traceback_on_the_same_line(logger: logging.Logger, log_format: log.LogFormat) -> None:
    out = io.StringIO()
    log.configure(log_format, "info", out)
    try:
        raise ValueError(EVIL)
    except ValueError as error:
        log.event(logger, "failed", log.ERROR, error=error)
    (line,) = out.getvalue().splitlines()
    assert "ValueError" in line
    assert "test_log.py" in line


def test_what_is_below_the_level_is_not_written(logger: logging.Logger) -> None:
    out = io.StringIO()
    log.configure("text", "warning", out)
    log.event(logger, "quiet")
    log.event(logger, "loud", log.WARNING)
    assert "quiet" not in out.getvalue()
    assert "loud" in out.getvalue()


@pytest.mark.parametrize("level", ["debug", "info"])
def test_libraries_are_heard_from_warnings_on(logger: logging.Logger, level: str) -> None:
    out = io.StringIO()
    log.configure("text", level, out)
    library = logging.getLogger("httpx")
    library.info("HTTP Request: GET https://id.example.org/me")
    library.warning("it is old")
    log.event(logger, "peer")
    assert [line.split()[1:] for line in out.getvalue().splitlines()] == [
        ["WARNING", "it", "is", "old"],
        ["INFO", "peer"],
    ]
