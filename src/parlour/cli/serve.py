"""`parlour serve`: puts the settings together and runs the server."""

from __future__ import annotations

import json
import logging
import os
from itertools import groupby
from pathlib import Path

import click

from parlour import log
from parlour.config import CONFIG_ENV, SETTINGS, ConfigError, Loaded, Setting, load, show, unknown_variables

_log = logging.getLogger(__name__)


class _Serve(click.Command):
    """A command whose options are the table of settings, section by section."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        records = {param.name: param.get_help_record(ctx) for param in self.get_params(ctx)}
        for section, rows in groupby(SETTINGS, key=lambda row: row.section):
            with formatter.section(section):
                formatter.write_dl([record for row in rows if (record := records.pop(row.name))])
        with formatter.section("This command"):
            formatter.write_dl([record for record in records.values() if record])


def _option(row: Setting) -> click.Option:
    shown = show(row, row.default)
    unit = f" {row.unit}" if row.unit else ""
    default = f"  [{shown}{unit}]" if shown else ""
    return click.Option([row.flag, row.name], metavar=row.kind.name, multiple=row.kind.is_list, help=row.help + default)


def _serve(config: Path | None, show_settings: bool, **flags: str | tuple[str, ...] | None) -> int:
    """Build the settings, then run until a signal. Returns the exit code."""
    given = {name: ",".join(value) if isinstance(value, tuple) else value for name, value in flags.items()}
    texts = {name: text for name, text in given.items() if text is not None and flags[name] != ()}
    try:
        loaded = load(texts, os.environ, config)
    except ConfigError as error:
        raise click.UsageError(str(error)) from error
    if show_settings:
        click.echo(_as_toml(loaded), nl=False)
        return 0
    settings = loaded.settings
    log.configure(settings.log_format, settings.log_level)
    for name in unknown_variables(os.environ):
        log.event(_log, "unknown_variable", log.WARNING, name=name)

    # Imported here, so that --help and a wrong setting need not wait for the server's libraries.
    if settings.processes > 1:
        from parlour import supervisor

        return supervisor.run(settings)
    from parlour import process

    return process.run(settings)


def _as_toml(loaded: Loaded) -> str:
    """The settings in force as a file for `--config`, each with where it came from."""
    lines = []
    for section, rows in groupby(SETTINGS, key=lambda row: row.section):
        lines.append(f"# {section}")
        for row in rows:
            value = loaded.settings.value(row)
            plain = value if isinstance(value, bool | int | float) else show(row, value)
            text = json.dumps(list(value) if isinstance(value, tuple) else plain, ensure_ascii=False)
            absent = "# " if value is None else ""
            lines.append(f"{absent}{row.name} = {text}  # {loaded.sources[row.name]}")
        lines.append("")
    return "\n".join(lines)


serve = _Serve(
    "serve",
    callback=_serve,
    help="Run the server. It prints `Listening on …` when it accepts connections; SIGTERM stops it gracefully, "
    "SIGHUP reads the certificate again; closing the terminal it runs in stops it, unless it was started with nohup.",
    params=[
        *(_option(row) for row in SETTINGS),
        click.Option(
            ["--config"],
            type=click.Path(path_type=Path, dir_okay=False),
            envvar=CONFIG_ENV,
            help=f"TOML file with settings; {CONFIG_ENV} names one too.",
        ),
        click.Option(["--show-settings"], is_flag=True, help="Print the settings in force and where they came from."),
    ],
)
