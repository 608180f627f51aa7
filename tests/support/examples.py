"""Commands in the documents: found in the fenced blocks of a page, run against a server, compared with the promise."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.support.timeout import TIMEOUT_S

PLACE = "127.0.0.1:8080"
"""Where the server of the documents is."""

_FENCE = re.compile(r"^```(?:sh|console|http)\n(.*?)^```$", re.MULTILINE | re.DOTALL)

# What differs from run to run, and how the pages write it.
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{3})?Z")
_AUTHOR = re.compile(r"\bg_[a-z2-7]{16}\b")
_ACCOUNT = re.compile(r"\bu_[A-Za-z0-9_-]{22}")
_GUEST = re.compile(r"\bguest-[a-z]{4}\b")
_TICKET = re.compile(r'(?<="ticket":")[A-Za-z0-9_-]{43}(?=")')
_RETRY = re.compile(r"^retry: \d+$", re.MULTILINE)


@dataclass
class Example:
    """One command, with the lines that its page shows below it."""

    line: int
    command: str
    shown: list[str] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether it goes on until it is stopped."""
        return " -N " in self.command

    @property
    def shows_head(self) -> bool:
        """Whether the head of the answer is part of the output; pages show the lines of it that matter."""
        return " -i " in self.command


def examples(page: str) -> Iterator[Example]:
    """The commands with curl in the fenced blocks of a page.

    Where a block marks its commands with `$ `, the lines between them are what they print; else all are commands.
    """
    for block in _FENCE.finditer(page):
        first = page.count("\n", 0, block.start(1)) + 1
        lines = block[1].splitlines()
        has_prompts = any(line.startswith("$ ") for line in lines)
        found: Example | None = None
        for number, text in enumerate(lines, first):
            if not has_prompts or text.startswith("$ "):
                command = text.removeprefix("$ ")
                found = Example(number, command)
                if re.search(r"(^|\| )curl ", command):
                    yield found
            elif found is not None:
                found.shown.append(text)


def plain(output: str, epoch: str) -> str:
    """An output with everything that differs from run to run written as on the pages."""
    output = output.replace("\r\n", "\n").replace(epoch, "k3f9")
    output = _TICKET.sub("GzNtSFW6H2MB0FGUVsYdYk2a3WQZbVtJgS8kdFqPq0c", output)
    output = _ACCOUNT.sub("u_Cx2vVJtqRmGm3LrTzpsBKQ", output)
    output = _TIME.sub(lambda found: "2026-11-22T06:41:23" + (".123Z" if found[1] else "Z"), output)
    return _RETRY.sub("retry: 1915", _GUEST.sub("guest-abcd", _AUTHOR.sub("g_53vdn63huduuored", output)))


def run(example: Example, address: str, epoch: str) -> str:
    """The output of a command on the server at `address` (host and port), as the pages would show it.

    An open-ended one is stopped when it has printed as many lines as the page shows, or one.
    """
    command = example.command.replace(PLACE, address).replace("k3f9", epoch).replace("curl ", "curl -sS ", 1)
    if not example.is_open:
        done = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
        assert (done.returncode, done.stderr) == (0, ""), command
        return plain(done.stdout, epoch)
    output: list[str] = []
    with subprocess.Popen(["sh", "-c", f"exec {command}"], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        while len(output) < max(1, len(example.shown)) and (line := process.stdout.readline()):
            output.append(line)
        process.terminate()
    return plain("".join(output), epoch)


def check(example: Example, output: str) -> None:
    """What the page shows is what came; of an answer with its head, lines may be left out."""
    shown = plain("\n".join(example.shown), "k3f9").splitlines()
    if example.shows_head:
        rest = iter(output.splitlines())
        missing = [line for line in shown if line not in rest]
        assert missing == [], output
    else:
        assert output.splitlines() == shown
