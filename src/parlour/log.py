"""Structured logs on standard error: an event name and fields, one line a record, as text or as JSON.

Nobody who logs waits for standard error (`parlour.outlet`). Fields never hold message bodies or secrets. What a peer
may have written comes out escaped, so a line is a line and a terminal stays as it was.
"""

from __future__ import annotations

import json
import logging
import sys
import threading
import time
from collections.abc import Mapping
from typing import Literal, TextIO

from parlour.outlet import STDERR

LogFormat = Literal["text", "json"]

DEBUG, INFO, WARNING, ERROR = logging.DEBUG, logging.INFO, logging.WARNING, logging.ERROR

_log = logging.getLogger("parlour.log")

_FIELDS = "parlour_fields"
_MAX_VALUE = 2000
"""Characters of one value that are shown."""


def event(
    logger: logging.Logger, name: str, level: int = INFO, /, *, error: BaseException | None = None, **fields: object
) -> None:
    """Log that `name` happened. `error` adds its traceback. Costs one comparison when the level is off."""
    if logger.isEnabledFor(level):
        logger.log(level, "%s", name, exc_info=error, extra={_FIELDS: fields})


def configure(
    log_format: LogFormat = "text", level: str = "info", stream: TextIO | None = None, node: int | None = None
) -> None:
    """Send every logger of the process to standard error in this format, or to `stream`. Replaces what was.

    With `node` each line says so in its first field. Loggers of libraries are heard from warnings on: what they say
    below that tells addresses and header fields of others, and is no event of the server.

    To standard error goes also what Python would write there itself, past the log: warnings and uncaught errors.
    """
    formatter: logging.Formatter = JsonFormatter(node) if log_format == "json" else TextFormatter(node)
    handler = logging.StreamHandler(STDERR if stream is None else stream)
    handler.setFormatter(formatter)
    logging.basicConfig(handlers=[handler], level=WARNING, force=True)
    logging.getLogger("parlour").setLevel(level.upper())
    logging.raiseExceptions = False  # a line that cannot be formatted is no reason for a traceback
    if stream is None:
        STDERR.dropped = lambda count: f"{formatter.format(_dropped(count))}\n"
        _log_what_python_writes()


def _dropped(count: int) -> logging.LogRecord:
    fields = {"count": count, "meaning": f"{count} lines were dropped while stderr was not read"}
    return _log.makeRecord(_log.name, WARNING, "", 0, "log_lines_dropped", (), None, extra={_FIELDS: fields})


def _log_what_python_writes() -> None:
    logging.captureWarnings(True)
    sys.excepthook = lambda _kind, error, _tb: event(_log, "uncaught", ERROR, error=error)
    threading.excepthook = lambda found: event(
        _log, "uncaught", ERROR, error=found.exc_value, thread=found.thread.name if found.thread else None
    )
    sys.unraisablehook = lambda found: event(
        _log, "unraisable", ERROR, error=found.exc_value, where=found.err_msg or "", object=repr(found.object)
    )


class _Formatter(logging.Formatter):
    def __init__(self, node: int | None = None) -> None:
        super().__init__()
        self._first = {} if node is None else {"node": node}

    def fields(self, record: logging.LogRecord) -> Mapping[str, object]:
        """The fields of a line, in order."""
        fields: dict[str, object] = self._first | getattr(record, _FIELDS, {})
        if record.exc_info and record.exc_info[1] is not None:
            fields["traceback"] = self.formatException(record.exc_info)
        return fields


class TextFormatter(_Formatter):
    """`2026-11-22T06:41:23.123Z INFO  listening address=http://127.0.0.1:8080`."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, without line break."""
        parts = [f"{_timestamp(record)} {record.levelname:<7} {escape(record.getMessage())}"]
        parts += [f"{name}={_text_value(value)}" for name, value in self.fields(record).items()]
        return " ".join(parts)


class JsonFormatter(_Formatter):
    """One JSON object a line: `at`, `level`, `event`, `logger`, then the fields."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, ASCII only, without line break."""
        row: dict[str, object] = {
            "at": _timestamp(record),
            "level": record.levelname.lower(),
            "event": record.getMessage(),
            "logger": record.name,
        }
        for name, value in self.fields(record).items():
            row[name if name not in row else f"{name}_"] = _json_value(value)
        return json.dumps(row, ensure_ascii=True, allow_nan=False)


def escape(text: str) -> str:
    r"""Make control, format and separator characters visible: `\n`, `\x1b`, `\u2028`. Backslashes are doubled."""
    if text.isprintable() and "\\" not in text:
        return text
    return "".join(char if char.isprintable() and char != "\\" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char.encode("unicode_escape").decode("ascii")


def _timestamp(record: logging.LogRecord) -> str:
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(record.created))}.{int(record.msecs):03d}Z"


def _cut(text: str) -> str:
    return text if len(text) <= _MAX_VALUE else f"{text[:_MAX_VALUE]}…"


def _text_value(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if value is None or isinstance(value, int | float):
        return str(value)
    shown = escape(_cut(str(value)))
    return f'"{shown.replace(chr(34), chr(92) + chr(34))}"' if not shown or set(shown) & set(' "=') else shown


def _json_value(value: object) -> object:
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return value if value - value == 0 else str(value)
    return _cut(str(value))
