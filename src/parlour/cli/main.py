"""The command `parlour`: finds the subcommand and turns what it returns or raises into an exit code.

Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 the server cannot start (address taken, data unusable),
74 the disk failed while it was storing (whether the last messages are stored shows at the next start), 130 interrupted.
"""

from __future__ import annotations

import sys
from importlib import import_module

import click

from parlour.version import __version__

EXIT_INTERRUPTED = 130
"""128 + SIGINT, as shells have it."""

_COMMANDS = {
    "serve": "Run the server.",
    "chat": "Talk in a room from the terminal.",
    "send": "Send a message, or standard input line by line.",
    "tail": "Print what is said in a room.",
    "check": "Check the stored data for damage.",
}
"""Name and one line of help of every command; module and function carry the same name."""

_EPILOG = (
    "Exit codes: 0 done, 1 failed, 2 wrong usage or settings, 3 the server cannot start, 74 the disk failed, "
    "130 interrupted. "
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


@click.command(cls=_Lazy, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="parlour %(version)s")
def parlour() -> None:
    """A chat server that any HTTP client can join, and its client."""


def main() -> None:
    """Run the command line and exit. A command's callback returns its exit code, or None for 0."""
    try:
        code = parlour.main(prog_name="parlour", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = EXIT_INTERRUPTED
    sys.exit(code or 0)
