"""Settings: where values come from, which are refused, and what the refusal says."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from parlour.config import SETTINGS, ConfigError, Settings, load, show, unknown_variables


def test_flags_win_over_the_environment_over_the_file_over_the_table(tmp_path: Path) -> None:
    file = tmp_path / "parlour.toml"
    file.write_text('port = 1\ndrain_seconds = 1.5\nhost = ["::1", "127.0.0.1"]\nrate_limits = false\n')
    environ = {"PARLOUR_PORT": "2", "PARLOUR_DRAIN_SECONDS": "2.5", "PARLOUR_ACCESS": "", "HOME": "/"}
    settings, sources = load({"port": "3", "data": None}, environ, file)
    assert (settings.port, sources["port"]) == (3, "--port")
    assert (settings.limits.drain_s, sources["drain_seconds"]) == (2.5, "PARLOUR_DRAIN_SECONDS")
    assert (settings.host, sources["host"]) == (("::1", "127.0.0.1"), f"host in {file}")
    assert (settings.rate_limits, settings.access, sources["access"]) == (False, "open", "default")


def test_defaults_are_those_of_the_contract() -> None:
    settings = load({}, {}).settings
    assert settings == Settings()
    assert (settings.host, settings.data, settings.store) == (("127.0.0.1",), Path("parlour-data"), "sqlite")
    assert (settings.access, settings.rate_limits, settings.limits.drain_s) == ("open", True, 30.0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        settings.port = 1  # type: ignore[misc]


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("port", "0", 0),
        ("port", " 65535 ", 65535),
        ("host", "none", ()),
        ("host", "[::1], example.org,fe80::1%eth0", ("::1", "example.org", "fe80::1%eth0")),
        ("unix_socket", "/run/p.sock", Path("/run/p.sock")),
        ("unix_socket", "", None),
        ("data", "~/chat", Path("~/chat").expanduser()),
        ("trusted_proxies", "10.0.0.0/8,unix,::1", ("10.0.0.0/8", "unix", "::1")),
        ("trusted_proxies", "", ()),
        (
            "allowed_origins",
            "HTTPS://Chat.Example.org:443/,http://[::1]:8080",
            ("https://chat.example.org", "http://[::1]:8080"),
        ),
        ("debug", "on", True),
        ("drain_seconds", "0.5", 0.5),
        ("sends_per_s", "20", 20.0),
    ],
)
def test_values_are_read(name: str, text: str, value: object) -> None:
    row = next(row for row in SETTINGS if row.name == name)
    assert load({name: text}, {}).settings.value(row) == value
    assert load({name: show(row, value)}, {}).settings.value(row) == value, "what is shown can be typed again"


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("port", "65536", "--port: expected a whole number from 0 to 65535, not '65536'."),
        ("port", "-1", "not '-1'"),
        ("port", "", "not ''"),
        ("port", "8_0", "not '8_0'"),
        ("port", "٨٠", "expected a whole number"),
        ("port", "9" * 5000, "expected a whole number"),
        ("drain_seconds", "nan", "expected a number from 0 to 3600 seconds, not 'nan'"),
        ("drain_seconds", "1e3", "expected a number"),
        ("debug", "yes", "--debug: expected on or off, not 'yes'"),
        ("access", "closed", "expected one of open, members, not 'closed'"),
        ("host", "a b", "expected host names"),
        ("data", "", "expected a path"),
        ("trusted_proxies", "0.0.0.0/0", "trusting every address"),
        ("trusted_proxies", "::/1,8000::/1", "trusting every address"),
        ("trusted_proxies", "10.0.0.1/8", "host bits set"),
        ("allowed_origins", "*", "expected origins such as"),
        ("allowed_origins", "null", "expected origins such as"),
        ("allowed_origins", "https://*.example.org", "expected origins such as"),
        ("allowed_origins", "https://example.org/path", "expected origins such as"),
        ("allowed_origins", "https://user@example.org", "expected origins such as"),
        ("allowed_origins", "https://example.org:99999", "expected origins such as"),
        ("tls_cert", "/c.pem", "--tls-cert: a certificate and its key are given together"),
        ("tls_key", "/c.key", "--tls-key: a certificate and its key are given together"),
    ],
)
def test_bad_values_are_refused_with_their_source_and_what_was_expected(name: str, text: str, reason: str) -> None:
    with pytest.raises(ConfigError) as refused:
        load({name: text}, {})
    assert reason in str(refused.value)
    assert str(refused.value).startswith("--")
    if text:
        with pytest.raises(ConfigError, match=f"^PARLOUR_{name.upper()}: "):
            load({}, {f"PARLOUR_{name.upper()}": text})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("prot = 1", "'prot' in .*: there is no such setting. Did you mean port?"),
        ("colour = 1", "'colour' in .*no such setting. The settings are listed in docs/config.md"),
        ("[port]\nx = 1", "port in .*: expected one value"),
        ("host = [1]", "host in .*: expected one value or an array of strings"),
        ("port = 1.0", r"port in .*: expected a whole number from 0 to 65535, not '1\.0'"),
        ("port = true", "not 'on'"),
        ("port", "is not TOML"),
        ("port = 1\nport = 2", "is not TOML"),
        ("port = '\udcff'", "is not TOML"),
    ],
)
def test_a_bad_file_is_refused_with_the_place(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "parlour.toml"
    file.write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(ConfigError, match=reason):
        load({}, {}, file)
    with pytest.raises(ConfigError, match="cannot read"):
        load({}, {}, tmp_path / "absent.toml")


def test_an_empty_array_of_hosts_is_no_tcp(tmp_path: Path) -> None:
    file = tmp_path / "parlour.toml"
    file.write_text("host = []\ntrusted_proxies = []")
    settings = load({}, {}, file).settings
    assert (settings.host, settings.trusted_proxies) == ((), ())


def test_misspelt_variables_are_noticed() -> None:
    environ = {"PARLOUR_PROT": "1", "PARLOUR_PORT": "1", "PARLOUR_CONFIG": "x", "PATH": "y"}
    assert unknown_variables(environ) == ["PARLOUR_PROT"]


def test_tuned_limits_reach_the_table_of_limits() -> None:
    limits = load({"sends_burst": "7", "drain_seconds": "3", "keep_alive_s": "9.5"}, {}).settings.limits
    assert (limits.sends_burst, limits.drain_s, limits.keep_alive_s) == (7, 3.0, 9.5)


def test_every_row_is_complete() -> None:
    for row in SETTINGS:
        assert row.help.endswith("."), row.name
        assert row.section
        assert row.kind.parse(show(row, row.default)) == row.default if row.default not in (None, ()) else True


def test_a_password_of_the_database_does_not_belong_on_the_command_line() -> None:
    address = "postgresql://parlour:s3cret@db/parlour"
    with pytest.raises(ConfigError, match="PARLOUR_STORE") as refused:
        load({"store": address}, {})
    assert "s3cret" not in str(refused.value)
    assert load({}, {"PARLOUR_STORE": address}).settings.store == address
    with pytest.raises(ConfigError, match="--store: expected sqlite, memory or postgresql"):
        load({"store": "mysql://db/parlour"}, {})
