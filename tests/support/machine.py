"""A machine at which somebody signs in with the commands: real processes, and a directory for what they store."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from parlour.client.stored_tokens import FILE
from tests.people.house import PASSWORD
from tests.support.commands import run_text
from tests.support.terminal import Terminal, clean_environment, parlour_command

TYPED = f"olga\n{PASSWORD}\n"
"""What is typed to sign in as the owner of a town."""


class Machine:
    """Where somebody sits: with a directory for what is stored."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.file = home / "parlour" / FILE

    def run(self, *arguments: str, typed: str | bytes = "", **environment: str) -> subprocess.CompletedProcess[str]:
        """A command in a pipe."""
        return run_text(arguments, typed, self.environment(**environment))

    def terminal(self, *arguments: str, **environment: str) -> Terminal:
        """A command on a terminal."""
        return Terminal(parlour_command(*arguments), self.environment(**environment), columns=200)

    def environment(self, **more: str) -> dict[str, str]:
        return clean_environment(XDG_CONFIG_HOME=str(self.home), **more)

    def stored(self) -> dict[str, dict[str, str]]:
        found: dict[str, dict[str, str]] = json.loads(self.file.read_text())
        return found

    def sign_in(self, url: str, *options: str, typed: str = TYPED) -> str:
        """Sign in; the token."""
        done = self.run("login", *([url] if url else []), *options, typed=typed)
        assert done.returncode == 0, done.stderr
        (found,) = self.stored().values()
        return found["token"]
