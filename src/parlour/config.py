"""The one table of settings: name, type, default, unit and help, from which flags, environment, file and docs come.

A value is looked for on the command line, then in the environment (`PARLOUR_…`), then in the TOML file, then in the
table. Only `app`, `process`, `embed` and `cli` import this module: the parts of the server take values, not the
settings object.
"""

# ruff: noqa: RUF009  (_row is dataclasses.field with the row of the table in its metadata)
from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

from parlour.config_kinds import (
    Kind,
    choice,
    field_name,
    integer,
    items,
    mail_from_kind,
    mail_kind,
    number,
    parse_host,
    parse_origin,
    path,
    public_url,
    relay_kind,
    store_kind,
    switch,
)
from parlour.core.limits import Limits, limit_rows
from parlour.core.store_address import without_password
from parlour.net.proxies import UNIX, parse_networks
from parlour.providers_file import ProvidersError, read_providers

ENV_PREFIX = "PARLOUR_"
CONFIG_ENV = "PARLOUR_CONFIG"
_CLIENT_ENV = frozenset({CONFIG_ENV, "PARLOUR_TOKEN", "PARLOUR_NAME", "PARLOUR_PYTHON"})
"""Names in the environment that other commands and the scripts read; not settings of the server."""


class ConfigError(Exception):
    """A setting is wrong; the text names where the value came from, what was expected and what was found."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table."""

    name: str
    kind: Kind
    default: Any
    section: str
    help: str
    unit: str
    limit: str | None = None
    """The limit that it sets (`core/limits.py`), if it sets one."""

    @property
    def flag(self) -> str:
        """The option of `parlour serve`: `--drain-seconds`."""
        return "--" + self.name.replace("_", "-")

    @property
    def env(self) -> str:
        """The name in the environment: `PARLOUR_DRAIN_SECONDS`."""
        return ENV_PREFIX + self.name.upper()


def _proxy(value: str) -> str:
    if value != UNIX:
        parse_networks([value])
    return value


def _host_name(value: str) -> str:
    return value if value == "*" else parse_host(value).lower().removesuffix(".")


_HOSTS = items("HOST", "host names or addresses, or none", parse_host)
_HOST_NAMES = items("NAME", "host names without port, or *", _host_name)
_PROXIES = items("NETWORK", "networks such as 10.0.0.0/8, or unix", _proxy)
_PATH, _FILE, _DIR = path("PATH"), path("FILE"), path("DIR")
_ORIGINS = items("ORIGIN", "origins such as https://chat.example.org", parse_origin)
_DATA = Path("parlour-data")


def _row(kind: Kind, default: object, help: str, unit: str = "") -> Any:  # noqa: A002
    """A field of `Settings` together with its row of the table."""
    return dataclasses.field(default=default, metadata={"row": (kind, help, unit)})


MAX_PROCESSES = 64
"""PostgreSQL has 100 connections unless it is told otherwise, and each node takes seven."""

_SECTIONS = {"port": "Listening", "data": "Storage", "access": "Access", "processes": "Operation"}
"""The first setting of each section."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Every setting with its value; the fields, in this order, are the rows of `SETTINGS`."""

    port: int = _row(integer(0, 65535), 8080, "TCP port; 0 takes any free one.")
    host: tuple[str, ...] = _row(
        _HOSTS, ("127.0.0.1",), "Addresses to listen on. `0.0.0.0,::` is every one; `none` is no TCP at all."
    )
    unix_socket: Path | None = _row(_PATH, None, "Listen on a Unix socket too, for a reverse proxy.")
    tls_cert: Path | None = _row(_FILE, None, "Certificate chain in PEM form; makes TCP HTTPS. Read again on SIGHUP.")
    tls_key: Path | None = _row(_FILE, None, "Private key of the certificate, in PEM form.")
    trusted_proxies: tuple[str, ...] = _row(
        _PROXIES, (), "Peers whose X-Forwarded-* is believed; `unix` means those on the Unix socket."
    )
    trusted_user_header: str | None = _row(
        field_name,
        None,
        "The header field in which a trusted proxy says who asks, such as `X-Remote-User`: the name of their account."
        " It counts from `trusted-proxies` alone, which have to take it away from what others send.",
    )
    trusted_user_accounts: bool = _row(
        switch, False, "Whom a trusted proxy names for the first time gets an account of that name."
    )
    public_url: str | None = _row(
        public_url,
        None,
        "Where people reach this server, perhaps below a path: what begins every address that it gives, in place of"
        " what the client or a trusted proxy calls it.",
    )
    allowed_hosts: tuple[str, ...] = _row(
        _HOST_NAMES,
        (),
        "Names clients may call this server by (Host, and X-Forwarded-Host of a trusted proxy), beside that of the"
        " public URL; `*` is any. Without it a server that listens on loopback only, behind no trusted proxy, answers"
        " to localhost and loopback addresses; others answer to any name.",
    )
    allowed_origins: tuple[str, ...] = _row(
        _ORIGINS, (), "Further web origins whose pages may send and open WebSockets; they cannot read answers."
    )
    hsts_seconds: int = _row(
        integer(0, 100_000_000), 0, "How long browsers shall use HTTPS only (HSTS); 0 says nothing.", "seconds"
    )
    data: Path = _row(_DIR, _DATA, "Directory of the database, made with mode 0700.")
    store: str = _row(
        store_kind,
        "sqlite",
        "Where messages are kept: `sqlite` in the data directory, a PostgreSQL database, or `memory`, which forgets"
        " them at the end. A password belongs in the environment or in a file, never on the command line.",
    )
    relay: str = _row(
        relay_kind,
        "notify",
        "How servers with one PostgreSQL database tell each other at once what is new: through the database, or through"
        " NATS servers. Files for NATS are named at the end of the address: `?creds=FILE&ca=FILE&cert=FILE&key=FILE`.",
    )
    mail: str | None = _row(
        mail_kind,
        None,
        "The mail server that mail is handed to, for new passwords, invitations and notices; needs `mail-from` and"
        " `public-url`. `smtps://` is TLS, `smtp://` becomes it (STARTTLS) or sends nothing, but to this machine or"
        " with `?starttls=off`; `?ca=FILE` names certificates of your own. Its password belongs in the environment or"
        " in a file.",
    )
    mail_from: str | None = _row(
        mail_from_kind, None, "Who that mail is from: `Example Chat <chat@example.org>`, or the address alone."
    )
    sign_in_providers: Path | None = _row(
        _FILE,
        None,
        "A TOML file that names OpenID Connect providers with which people sign in; needs `public-url`. What is in it:"
        " docs/sign-in.md.",
    )
    retention_days: int = _row(
        integer(0, 36500), 0, "Messages older than this are removed; 0 keeps them for ever.", "days"
    )
    access: Literal["open", "members"] = _row(
        choice("open", "members"),
        "open",
        "Who may take part while nobody has set that on the running server (`parlour admin set access`): everybody as"
        " a guest, or members only.",
    )
    rate_limits: bool = _row(
        switch, True, "Limits per address on messages and connections; off is for measurements and trusted networks."
    )
    processes: int = _row(
        integer(1, MAX_PROCESSES),
        1,
        "Nodes that share the port, to use so many cores; more than one need a PostgreSQL database (`--store`).",
    )
    log_format: Literal["text", "json"] = _row(
        choice("text", "json"), "text", "How log lines on standard error are written."
    )
    log_level: Literal["debug", "info", "warning", "error"] = _row(
        choice("debug", "info", "warning", "error"), "info", "The least important lines to write."
    )
    access_log: bool = _row(
        switch, False, "Write a log line for every answer, refusals included; without queries and bodies."
    )
    debug: bool = _row(switch, False, "Check the event loop for slow callbacks; costs speed.")
    limits: Limits = Limits()
    """Those that have bounds in its table are rows of `SETTINGS` too."""

    def value(self, row: Setting) -> object:
        """The value of a row of `SETTINGS`."""
        return getattr(self.limits, row.limit) if row.limit else getattr(self, row.name)


def _table() -> Iterator[Setting]:
    section = ""
    for field in dataclasses.fields(Settings):
        if "row" in field.metadata:
            section = _SECTIONS.get(field.name, section)
            kind, help_text, unit = field.metadata["row"]
            yield Setting(field.name, kind, field.default, section, help_text, unit)
    for limit in limit_rows(Limits()):
        if limit.bounds is not None:
            least, most = limit.bounds
            kind = number(least, most) if isinstance(limit.value, float) else integer(int(least), int(most))
            name = _SETTING_NAMES.get(limit.name, limit.name)
            yield Setting(name, kind, limit.value, "Limits", limit.help, limit.unit, limit.name)


_SETTING_NAMES = {"drain_s": "drain_seconds"}
"""Limits whose setting has another name."""

SETTINGS: tuple[Setting, ...] = tuple(_table())
"""The table, in the order of the documentation."""


class Loaded(NamedTuple):
    """Settings, and for each name where its value came from: `--port`, `PARLOUR_PORT`, `port in FILE` or `default`."""

    settings: Settings
    sources: Mapping[str, str]


def load(flags: Mapping[str, str | None], environ: Mapping[str, str], config_file: Path | None = None) -> Loaded:
    """Put the settings together. `flags` has the text given on the command line by setting name, None if not given.

    Values of lists are joined by commas. An empty variable counts as absent. Raises ConfigError.
    """
    in_file = {} if config_file is None else _read_file(config_file)
    values: dict[str, object] = {}
    sources: dict[str, str] = {}
    for row in SETTINGS:
        flag, variable = flags.get(row.name), environ.get(row.env)
        if flag is not None:
            if _has_secret(row, flag):
                pgpass = ", as PGPASSWORD, or in a file (--config, or ~/.pgpass)" if row.kind is store_kind else ""
                raise ConfigError(
                    f"{row.flag}: everybody on this machine can read the password there: give it as {row.env}"
                    f"{pgpass or ' or in a file (--config)'}."
                )
            sources[row.name], text = row.flag, flag
        elif variable:
            sources[row.name], text = row.env, variable
        elif row.name in in_file:
            sources[row.name], text = f"{row.name} in {config_file}", in_file[row.name]
        else:
            sources[row.name] = "default"
            continue
        values[row.name] = _parse(row, text, sources[row.name])
    limits = {row.limit: values.pop(row.name) for row in SETTINGS if row.limit and row.name in values}
    settings = Settings(limits=Limits(**limits), **values)  # type: ignore[arg-type]  # made by their rows' kinds
    _check_together(settings, sources)
    return Loaded(settings, sources)


def _has_secret(row: Setting, text: str) -> bool:
    """Whether a text is a value of the row that may not be shown."""
    if row.kind.hide is None or row.kind.hide(text) == text:
        return False
    with suppress(ValueError):
        row.kind.parse(text)
        return True
    return False


def unknown_variables(environ: Mapping[str, str]) -> list[str]:
    """Names in the environment that look like settings and are none: probably misspelt."""
    known = {row.env for row in SETTINGS} | _CLIENT_ENV
    return sorted(name for name in environ if name.startswith(ENV_PREFIX) and name not in known)


def show(row: Setting, value: object) -> str:
    """A value the way it would be written on the command line."""
    if value is None:
        return ""
    if row.kind.hide is not None:
        return row.kind.hide(str(value))
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple | list):
        return ",".join(value) or ("none" if row.name == "host" else "")
    return f"{value:g}" if isinstance(value, float) else str(value)


def _parse(row: Setting, text: str, source: str) -> object:
    text = text.strip()
    if row.name == "host" and text == "none":
        return ()
    if not text and (row.default is None or row.kind.is_list):
        return row.default  # `--unix-socket ""` takes back what the file says
    try:
        return row.kind.parse(text)
    except ValueError as error:
        reason = f" ({error})" if str(error) else ""
        unit = f" {row.unit}" if row.unit else ""
        shown = (row.kind.hide or without_password)(text)[:100]
        found = repr(shown) if shown in text else shown
        raise ConfigError(f"{source}: expected {row.kind.expected}{unit}, not {found}{reason}.") from error


def _read_file(file: Path) -> dict[str, str]:
    """The settings of a TOML file as text. Raises ConfigError for unknown names, tables and what is no TOML."""
    try:
        with file.open("rb") as stream:
            found = tomllib.load(stream)
    except OSError as error:
        raise ConfigError(f"--config: cannot read {file}: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"--config: {file} is not TOML: {error}") from error
    rows = {row.name: row for row in SETTINGS}
    for name in found:
        if name not in rows:
            near = difflib.get_close_matches(name, rows, 1)
            hint = f" Did you mean {near[0]}?" if near else " The settings are listed in docs/config.md."
            raise ConfigError(f"{name!r} in {file}: there is no such setting.{hint}")
    return {name: _toml_text(rows[name], value, f"{name} in {file}") for name, value in found.items()}


def _toml_text(row: Setting, value: object, source: str) -> str:
    is_list = isinstance(value, list) and all(isinstance(item, str) for item in value)
    if not is_list and not isinstance(value, str | int | float):
        raise ConfigError(f"{source}: expected one value or an array of strings.")
    return str(value) if isinstance(value, float) else show(row, value)


def _check_together(settings: Settings, sources: Mapping[str, str]) -> None:
    """Check what only several values together show. Raises ConfigError."""
    if (settings.tls_cert is None) != (settings.tls_key is None):
        given = "tls_cert" if settings.tls_cert else "tls_key"
        raise ConfigError(f"{sources[given]}: a certificate and its key are given together, as tls_cert and tls_key.")
    if settings.processes > 1 and settings.store in ("sqlite", "memory"):
        raise ConfigError(
            f"{sources['processes']}: {settings.processes} processes need a PostgreSQL database (--store"
            f" postgresql://…); store = {settings.store} belongs to one process."
        )
    if settings.trusted_user_header is not None and not settings.trusted_proxies:
        raise ConfigError(f"{sources['trusted_user_header']}: it counts from --trusted-proxies, and there are none.")
    if settings.mail is not None:
        for name in ("mail_from", "public_url"):
            if getattr(settings, name) is None:
                raise ConfigError(f"{sources['mail']}: mail needs --{name.replace('_', '-')} too: see docs/mail.md.")
    if settings.sign_in_providers is not None:
        if settings.public_url is None:
            raise ConfigError(f"{sources['sign_in_providers']}: it needs --public-url too: see docs/sign-in.md.")
        try:
            read_providers(settings.sign_in_providers)
        except ProvidersError as error:
            raise ConfigError(f"{sources['sign_in_providers']}: {error}.") from error
    if settings.relay != "notify" and settings.store in ("sqlite", "memory"):
        raise ConfigError(f"{sources['relay']}: one server alone needs no relay: it is for --store postgresql://….")
    try:
        parse_networks(settings.trusted_proxies)
    except ValueError as error:
        raise ConfigError(f"{sources['trusted_proxies']}: {error}.") from error
