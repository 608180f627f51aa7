"""The command `parlour`: finds the subcommand and turns what it returns or raises into an exit code.

Exit codes of the server: 0 done, 2 wrong usage or settings, 3 it cannot start (address taken, data unusable), 74 the
disk failed while it was storing (whether the last messages are stored shows at the next start). The other commands have
codes of their own (`cli/output.py`, `cli/data.py`); 130 is interrupted, for all.
"""

from __future__ import annotations

import errno
import gc
import os
import sys
from contextlib import suppress
from importlib import import_module
from typing import Any

import click

from parlour.cli.streams import EXIT_INTERRUPTED, OutputFailed, let_go, output_code
from parlour.outlet import occupy_standard_descriptors
from parlour.version import __version__

STARTED_AS_ENV = "PARLOUR_STARTED_AS"
"""The script that stands for `parlour serve` says here what it is called, for the usage and what it tells to try."""

_COMMANDS = {
    "serve": "Run the server.",
    "chat": "Talk in a room from the terminal.",
    "send": "Send a message, or standard input line by line.",
    "tail": "Print what is said in a room.",
    "login": "Sign in to a server from this machine.",
    "logout": "Sign out of a server.",
    "whoami": "Say who you are on a server.",
    "check": "Check the stored data for damage.",
    "backup": "Copy the stored data, also from a running server.",
    "restore": "Put a backup into a new data directory.",
    "move": "Move the stored data to PostgreSQL, or back.",
    "admin": "Make the owner, invite people, change accounts.",
    "rooms": "Close rooms to guests, or open them again.",
}
"""Name and one line of help of every command; module and function carry the same name."""

_UNWRITABLE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF})
"""What click meets when it prints help, or a version, to where nothing can be written."""

_GC_THRESHOLD = 50_000
"""New objects before Python looks for garbage: what a command imports and reads at its start stays until its end."""

_HELP = ["-h", "--help"]

_EPILOG = (
    "Exit codes of `serve`: 0 done, 2 wrong usage or settings, 3 it cannot start, 74 the disk failed; "
    "the other commands say theirs in their own help. "
    "Every option of `serve` can be set in the environment (PARLOUR_…) and in a file (--config): see docs/config.md."
)


class _Lazy(click.Group):
    """A group that imports a command when it is asked for: the server starts without the libraries of the client."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(import_module(f"parlour.cli.{cmd_name}"), cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))


@click.command(cls=_Lazy, epilog=_EPILOG, context_settings={"help_option_names": _HELP})
@click.version_option(__version__, message="parlour %(version)s")
def parlour() -> None:
    """A chat server that any HTTP client can join, and its client."""


def _run(arguments: list[str], started_as: str | None) -> Any:
    if started_as and arguments[:1] == ["serve"]:
        serve = _Lazy().get_command(click.Context(parlour), "serve")
        assert serve is not None
        serve.options_metavar = "<port> [options]"
        return serve.main(arguments[1:], started_as, standalone_mode=False, help_option_names=_HELP)
    return parlour.main(arguments, "parlour", standalone_mode=False)


def main() -> None:
    """Run the command line and exit. A command's callback returns its exit code, or None for 0."""
    gc.set_threshold(_GC_THRESHOLD)
    occupy_standard_descriptors()
    arguments = sys.argv[1:]
    if arguments[:1] == ["help"]:  # what people try first
        arguments = [*arguments[1:], "--help"]
    try:
        code = _run(arguments, os.environ.pop(STARTED_AS_ENV, None))
    except click.ClickException as error:
        with suppress(OSError):
            error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    except OutputFailed as error:
        code = output_code(error, str(error))
    except OSError as error:
        if error.filename is not None or error.errno not in _UNWRITABLE:
            raise
        unwritten = OutputFailed(error)
        code = output_code(unwritten, str(unwritten))
    let_go()
    gc.freeze()  # otherwise Python would look through all of it again at its end: a fifth of what `send` takes
    sys.exit(code or 0)
