"""No command takes a secret as an argument: every user of a machine can read those of all processes (`ps`)."""

from __future__ import annotations

import re
from collections.abc import Iterator

import click

from parlour.cli.main import parlour

SECRET = re.compile(r"password|passphrase|secret|token|credential|cookie|key")
PUBLIC = {"key", "tls_key"}
"""The key of a message, and the file that has the key of a certificate."""


def parameters(command: click.Command, name: str) -> Iterator[tuple[str, click.Parameter]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for each in command.list_commands(context):
            found = command.get_command(context, each)
            assert found is not None
            yield from parameters(found, f"{name} {each}")
    for parameter in command.params:
        yield name, parameter


def test_no_option_and_no_argument_is_a_secret() -> None:
    given = [
        (name, parameter.name or "")
        for name, parameter in parameters(parlour, "parlour")
        if not (isinstance(parameter, click.Option) and parameter.is_flag)  # one says nothing but yes
    ]
    assert len(given) > 50
    assert [each for each in given if SECRET.search(each[1]) and each[1] not in PUBLIC] == []
