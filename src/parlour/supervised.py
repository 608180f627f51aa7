"""A node of several that share a port: what its supervisor gives it, what it says to it, and what it is told."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import pickle
from contextlib import suppress
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from parlour.chat.invitations import FirstOwner
from parlour.config import Settings
from parlour.log import WARNING, event
from parlour.net.listener import Opened, adopt
from parlour.signals import Told

_log = logging.getLogger("parlour")

STOP, HURRY, RELOAD, REPORT = b"stop", b"hurry", b"reload", b"report"
"""What a node is told, a line each. When the pipe ends the supervisor is gone, and the node stops."""

_LENGTH_BYTES = 4
_COMMANDS, _ANSWERS = 0, 1
"""Standard input and output of a node are pipes to its supervisor."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """All that a node is to know when it starts."""

    settings: Settings
    """With the share of this node in the limits."""
    number: int
    """From 1."""
    speaks: bool
    """Whether it says in the log what concerns all nodes."""
    first_owner: FirstOwner
    listeners: tuple[int, ...]
    """Descriptors of what to accept connections on."""
    operator: int | None
    """That of the operator's socket."""

    def packed(self) -> bytes:
        """As it goes through the pipe."""
        data = pickle.dumps(self)
        return len(data).to_bytes(_LENGTH_BYTES, "big") + data


@dataclass(frozen=True, slots=True)
class Ready:
    """The node accepts connections; `banner` is what is to be said of that on standard output, a line each."""

    banner: list[str]


@dataclass(frozen=True, slots=True)
class CannotStart:
    """It will end; the sentence is for the person who started it."""

    reason: str


def read_answer(line: bytes) -> Ready | CannotStart | None:
    """The answer of a node; None if it ended without a word."""
    if not line.endswith(b"\n"):
        return None
    kind, said = json.loads(line)
    return Ready(said) if kind == "ready" else CannotStart(said)


class Commanded(Told, Protocol):
    """Commands of a supervisor to a node, beside signals."""

    def end(self) -> None:
        """Drain and end; nothing happens if it is ending."""

    def hurry(self) -> None:
        """End now."""


class Node:
    """The node's side."""

    def __init__(self, given: Given) -> None:
        """Take over the sockets. Raises ListenError."""
        self.given = given
        operator = None if given.operator is None else adopt(given.operator)
        self.opened = Opened([adopt(descriptor) for descriptor in given.listeners], operator)
        self._rest = b""

    def is_ready(self, banner: list[str]) -> None:
        """Tell the supervisor that connections are accepted."""
        _say("ready", banner)

    def cannot_start(self, reason: str) -> None:
        """Tell it why not."""
        _say("cannot_start", reason)

    def listen(self, loop: asyncio.AbstractEventLoop, told: Commanded) -> None:
        """Pass on what the supervisor tells, from now on."""
        commands = {STOP: told.end, HURRY: told.hurry, RELOAD: told.reload, REPORT: told.report}

        def read() -> None:
            data = os.read(_COMMANDS, 4096)
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                commands[line]()
            if not data:
                loop.remove_reader(_COMMANDS)
                event(_log, "supervisor_gone", WARNING, meaning="this node ends too")
                told.end()

        loop.add_reader(_COMMANDS, read)


def read_given(pipe: BinaryIO) -> Given:
    """Read what a supervisor has packed. Blocks until it is there. Raises EOFError if the supervisor is gone."""
    size = int.from_bytes(_exactly(pipe, _LENGTH_BYTES), "big")
    given = pickle.loads(_exactly(pipe, size))  # noqa: S301 (our parent has made it)
    assert isinstance(given, Given)
    return given


def _exactly(pipe: BinaryIO, size: int) -> bytes:
    """`pipe` has no buffer: what follows is left in it."""
    data = b""
    while len(data) < size:
        piece = pipe.read(size - len(data))
        if not piece:
            raise EOFError
        data += piece
    return data


def _say(kind: str, said: object) -> None:
    with suppress(BrokenPipeError):  # it is gone; what is read from it next says so
        os.write(_ANSWERS, json.dumps([kind, said]).encode() + b"\n")
