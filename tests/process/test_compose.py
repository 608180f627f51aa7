"""deploy/compose.yaml: what it says of each service holds together, and is started here by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from parlour.config import load
from tests.conformance.nginx import ASKED, Nginx, nginx
from tests.support.image import Container, command, container, instructions
from tests.support.nats import NatsProcess
from tests.support.postgres import PostgresProcess
from tests.support.server import ROOT
from tests.support.timeout import TIMEOUT_S

DEPLOY = ROOT / "deploy"
SITE = (DEPLOY / "nginx-nodes.conf").read_text(encoding="utf-8")
SECRETS = {"POSTGRES_PASSWORD": "a secret/with:@signs", "NATS_PASSWORD": "s3cret"}
NODES = ("node1", "node2")


def interpolated(value: Any) -> Any:
    """Fill in what comes from deploy/.env, as Compose does."""
    if isinstance(value, dict):
        return {key: interpolated(each) for key, each in value.items()}
    if isinstance(value, list):
        return [interpolated(each) for each in value]
    return re.sub(r"\$\{(\w+):\?[^}]*\}", lambda found: SECRETS[found[1]], value) if isinstance(value, str) else value


COMPOSE = interpolated(yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8")))
SERVICES = COMPOSE["services"]


def address(service: str) -> str:
    return str(SERVICES[service]["networks"]["default"]["ipv4_address"])


def test_each_service_is_found_where_the_others_look_for_it() -> None:
    (network,) = COMPOSE["networks"]["default"]["ipam"]["config"]
    fixed = [ip_address(address(service)) for service in SERVICES]
    assert len(set(fixed)) == len(SERVICES)
    for each in fixed:
        assert each in ip_network(network["subnet"])
        assert each not in ip_network(network["ip_range"]), "it could be given to another container"
    for service in SERVICES.values():
        assert set(service.get("depends_on", ())) <= SERVICES.keys()
    places = re.findall(r"^\s*server (\S+) ", SITE, re.MULTILINE)
    assert places == [f"{node}:{instructions()['EXPOSE'][0]}" for node in NODES]


@pytest.mark.parametrize("name", NODES)
def test_the_settings_of_the_nodes_are_settings_and_fit_the_other_services(name: str) -> None:
    node = SERVICES[name]
    environment = node["environment"]
    settings = load({}, environment).settings
    postgres = SERVICES["postgres"]["environment"]
    assert settings.store == f"postgresql://{postgres['POSTGRES_USER']}@postgres/{postgres['POSTGRES_DB']}"
    assert environment["PGPASSWORD"] == postgres["POSTGRES_PASSWORD"]
    words = SERVICES["nats"]["command"]
    user, password = words[words.index("--user") + 1], words[words.index("--pass") + 1]
    assert settings.relay == f"nats://{user}:{password}@nats"
    assert settings.trusted_proxies == (address("nginx"),)
    assert int(node["stop_grace_period"].removesuffix("s")) >= settings.limits.drain_s + 10
    assert f"server_name {settings.public_url.removeprefix('https://')};" in SITE  # type: ignore[union-attr]


def test_what_is_mounted_is_there_or_said_to_be_made() -> None:
    mounts = [volume.split(":") for service in SERVICES.values() for volume in service.get("volumes", ())]
    for source, target, *_ in mounts:
        if not source.startswith("./"):
            assert source in COMPOSE["volumes"]
        elif source.endswith((".pem", ".key")):
            assert re.search(rf"ssl_certificate(_key)? +{re.escape(target)};", SITE)
        else:
            assert (DEPLOY / source).is_file()
    data = [target for source, target, *_ in mounts if source in NODES]
    assert data == [instructions()["VOLUME"][0]] * 2
    assert command()[-2:] == ["--host", "0.0.0.0"], "nginx reaches them"


@dataclass(frozen=True)
class Running:
    """The services by hand."""

    nodes: list[Container]
    nats: NatsProcess
    nginx: Nginx


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    with ExitStack() as stack:
        postgres = PostgresProcess().start()
        stack.callback(postgres.remove)
        database, user = (SERVICES["postgres"]["environment"][name] for name in ("POSTGRES_DB", "POSTGRES_USER"))
        postgres.sql(f"CREATE ROLE {user} LOGIN")
        postgres.sql(f"CREATE DATABASE {database} OWNER {user}")
        nats = stack.enter_context(NatsProcess(tmp_path, *SERVICES["nats"]["command"]))
        nodes = []
        for name in NODES:
            environment = dict(SERVICES[name]["environment"])
            environment["PARLOUR_STORE"] = f"postgresql://{user}@/{database}?host={postgres.directory}"
            environment["PARLOUR_RELAY"] = environment["PARLOUR_RELAY"].replace("@nats", f"@127.0.0.1:{nats.port}")
            environment["PARLOUR_TRUSTED_PROXIES"] = "127.0.0.1"
            nodes.append(stack.enter_context(container(tmp_path / name, environment)))
        ports = [node.port for node in nodes]
        yield Running(
            nodes, nats, stack.enter_context(nginx(tmp_path, ports[0], "nginx-nodes.conf", ASKED, second=ports[1]))
        )


def test_started_by_hand_they_are_one_server(running: Running) -> None:
    site = httpx.HTTPTransport(uds=str(running.nginx.deployed))
    with ExitStack() as stack:
        http = stack.enter_context(httpx.Client(transport=site, base_url="http://chat.example.org", timeout=TIMEOUT_S))
        lines = []
        for node in running.nodes:
            client = stack.enter_context(httpx.Client(base_url=f"http://127.0.0.1:{node.port}", timeout=TIMEOUT_S))
            stream = client.stream("GET", "/lobby?follow=1&format=ndjson", headers={"Host": "chat.example.org"})
            lines.append(stack.enter_context(stream).iter_lines())
        for each in lines:
            assert json.loads(next(each))["type"] == "caught_up"
        for text in ("one", "two", "three"):
            assert http.post("/lobby", content=text).status_code == 201
            assert [json.loads(next(each))["text"] for each in lines] == [text, text]
        assert "https://chat.example.org/lobby" in http.get("/help").text
        running.nats.kill()
        assert http.post("/lobby", content="without NATS").status_code == 201
        assert [json.loads(next(each))["text"] for each in lines] == ["without NATS"] * 2
