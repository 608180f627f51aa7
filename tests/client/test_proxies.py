"""Which proxy a request goes through: what curl would do with the same environment."""

from __future__ import annotations

import pytest

from parlour.client.proxies import Proxy, ProxyUnusable, proxy_for

THERE = {"http_proxy": "http://proxy:3128"}


def proxy(url: str, **environment: str) -> str | None:
    found = proxy_for(url, environment)
    return None if found is None else found.url


def test_without_variables_there_is_none() -> None:
    assert proxy("http://chat.example:8080") is None
    assert proxy("http://chat.example", http_proxy="", ALL_PROXY="") is None


@pytest.mark.parametrize(
    ("environment", "http", "https"),
    [
        ({"http_proxy": "http://p:1"}, "http://p:1", None),
        ({"https_proxy": "http://p:1"}, None, "http://p:1"),
        ({"HTTPS_PROXY": "https://p:1"}, None, "https://p:1"),
        ({"ALL_PROXY": "p:1"}, "http://p:1", "http://p:1"),
        ({"all_proxy": "http://a:1", "ALL_PROXY": "http://b:1"}, "http://a:1", "http://a:1"),
        ({"http_proxy": "http://a:1", "all_proxy": "http://b:1"}, "http://a:1", "http://b:1"),
        ({"http_proxy": "", "HTTP_PROXY": "http://b:1"}, "http://b:1", None),
        ({"HTTP_PROXY": "http://from-a-request:1", "REQUEST_METHOD": "GET"}, None, None),  # a CGI script: httpoxy
        ({"HTTP_PROXY": "http://b:1"}, "http://b:1", None),
    ],
)
def test_variables(environment: dict[str, str], http: str | None, https: str | None) -> None:
    assert proxy("http://chat.example", **environment) == http
    assert proxy("https://chat.example", **environment) == https


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("*", "http://chat.example"),
        ("localhost", "http://localhost:8080"),
        ("localhost", "http://LOCALHOST:8080"),
        ("a.example, localhost ,b.example", "http://localhost"),
        ("a.example localhost", "http://localhost"),
        ("example.org", "http://example.org"),
        ("example.org", "http://chat.example.org"),
        (".example.org", "http://chat.example.org"),
        (".example.org", "http://example.org"),
        ("*.example.org", "http://chat.example.org"),
        ("Example.ORG", "http://chat.example.org."),
        ("chat.example:8080", "http://chat.example:8080"),
        ("chat.example:80", "http://chat.example"),
        ("127.0.0.1", "http://127.0.0.1:8080"),
        ("10.0.0.0/8", "http://10.20.30.40:8080"),
        ("10.1.2.3/8", "http://10.20.30.40"),
        ("::1", "http://[::1]:8080"),
        ("[::1]", "http://[::1]:8080"),
        ("[::1]:8080", "http://[::1]:8080"),
        ("fd00::/8", "http://[fd12::1]"),
    ],
)
def test_no_proxy_names_hosts_ports_suffixes_and_networks(no_proxy: str, url: str) -> None:
    assert proxy(url, no_proxy=no_proxy, **THERE) is None
    assert proxy(url, NO_PROXY=no_proxy, **THERE) is None


@pytest.mark.parametrize(
    ("no_proxy", "url"),
    [
        ("", "http://localhost"),
        (",, ,", "http://localhost"),
        ("example.org", "http://badexample.org"),
        ("chat.example:8080", "http://chat.example:8081"),
        ("chat.example:443", "http://chat.example"),
        ("10.0.0.0/8", "http://11.0.0.1"),
        ("10.0.0.0/8", "http://10.example"),
        ("fd00::/8", "http://10.0.0.1"),
        ("chat.example:x", "http://chat.example"),
        ("10.0.0.0/99", "http://10.0.0.0"),
    ],
)
def test_others_go_through_the_proxy(no_proxy: str, url: str) -> None:
    assert proxy(url, no_proxy=no_proxy, **THERE) == "http://proxy:3128"


@pytest.mark.parametrize(
    "value", ["socks5://127.0.0.1:9", "socks5h://h:1", "socks4://h", "ftp://h", "http://", "http://h:x", "http://[h"]
)
def test_a_proxy_that_cannot_be_used_is_named_with_its_variable(value: str) -> None:
    with pytest.raises(ProxyUnusable) as caught:
        proxy_for("http://chat.example", {"ALL_PROXY": value})
    assert value in str(caught.value)
    assert "ALL_PROXY" in str(caught.value)
    assert proxy("http://chat.example", ALL_PROXY=value, no_proxy="chat.example") is None


def test_a_password_is_not_shown() -> None:
    found = proxy_for("http://chat.example", {"http_proxy": "http://me:s3cret@p:1"})
    assert found == Proxy("http://me:s3cret@p:1", "http_proxy")
    assert str(found) == "http://p:1 (http_proxy)"
    with pytest.raises(ProxyUnusable) as caught:
        proxy_for("http://chat.example", {"ALL_PROXY": "socks5://me:s3cret@p:1"})
    assert "s3cret" not in str(caught.value)
