"""The document of the versioned API is valid, complete and true to the operations and the error table."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from parlour.api.openapi import describe
from parlour.api.operations import OPERATIONS as ALL
from parlour.api.reference import is_allowed
from parlour.core.errors import ERRORS

Document = dict[str, Any]


OPERATIONS = [operation for operation in ALL if operation.id]


@pytest.fixture(scope="module")
def document(http: httpx.Client) -> Document:
    answer = http.get("/api/v1/openapi.json")
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    found: Document = answer.json()
    return found


def operations(document: Document) -> Iterator[tuple[str, Document]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_the_document_is_openapi_3_1(document: Document) -> None:
    from openapi_spec_validator import OpenAPIV31SpecValidator  # here: every worker imports the files, and this is slow

    assert document["openapi"].startswith("3.1.")
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_the_versioned_api_is_described_whole_and_nothing_else() -> None:
    versioned = {operation.path for operation in ALL if f"{operation.path}/".startswith("/api/v1/")}
    assert describe(ALL, "1")["paths"].keys() == versioned


def test_every_operation_has_a_name_of_its_own_that_is_an_identifier(document: Document) -> None:
    names = [operation["operationId"] for _, operation in operations(document)]
    assert len(names) == len(set(names)) == len(OPERATIONS)
    assert all(re.fullmatch(r"[a-z]+[A-Za-z]*", name) for name in names)


def test_every_parameter_of_a_path_is_described_once(document: Document) -> None:
    for place, operation in operations(document):
        in_path = re.findall(r"\{(\w+)\}", place)
        described = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        assert described == in_path, place


def test_every_link_leads_to_an_operation_that_takes_its_parameters(document: Document) -> None:
    known = {operation["operationId"]: operation for _, operation in operations(document)}
    links = 0
    for place, operation in operations(document):
        for answer in operation["responses"].values():
            for link in answer.get("links", {}).values():
                target = known[link["operationId"]]
                taken = {parameter["name"] for parameter in target["parameters"]}
                needed = {parameter["name"] for parameter in target["parameters"] if parameter.get("required")}
                assert needed <= link["parameters"].keys() <= taken, place
                links += 1
    assert links >= 8


def refusals(document: Document) -> Iterator[tuple[str, int, Document]]:
    """Every refusal of every operation: where, the status, the response."""
    for place, operation in operations(document):
        for status, answer in operation["responses"].items():
            if int(status) >= 400:
                yield place, int(status), answer


def test_refusals_are_those_of_the_error_table_under_their_status(document: Document) -> None:
    for place, status, answer in refusals(document):
        codes = answer["x-codes"]
        assert codes, place
        assert {ERRORS[code].status for code in codes} == {status}, place
        assert all(f"`{code}`" in answer["description"] for code in codes), place
        assert "application/problem+json" in answer["content"], place


def test_refusals_that_pass_say_when_to_come_back(document: Document) -> None:
    for place, status, answer in refusals(document):
        waits = answer.get("headers", {}).get("Retry-After", {}).get("required", False)
        assert waits == (status in (429, 503, 507)), place


ASK_THEMSELVES = {"POST /api/v1/session/confirm", "POST /api/v1/passkeys/options"}
"""Public by their rows: who is asked depends on what is sent, or on the credential."""


def test_members_only_is_documented_where_operations_are_not_public(document: Document) -> None:
    for place, operation in operations(document):
        needs = {row.name: row.right is not None for row in OPERATIONS}[place] or place in ASK_THEMSELVES
        assert ("login_required" in operation["responses"]["401"]["x-codes"]) == needs, place


def test_credentials_are_needed_for_what_guests_may_do_nowhere_and_taken_everywhere(document: Document) -> None:
    credentials: list[Document] = [{"token": []}, {"password": []}, {"session": []}]
    assert document["security"] == [{}, *credentials]
    assert document["components"]["securitySchemes"].keys() == {"token", "password", "session"}
    assert {place: operation["security"] for place, operation in operations(document) if "security" in operation} == {
        operation.name: credentials for operation in OPERATIONS if not is_allowed(operation, "guest", "open")
    }


def test_optional_members_of_answers_are_absent_and_never_null(document: Document) -> None:
    schemas = document["components"]["schemas"]
    for name in ("Event", "RoomInfo", "Problem", "CursorGone"):
        assert '"null"' not in json.dumps(schemas[name]), name
    assert '"null"' in json.dumps(schemas["PostMessage"])
    assert schemas["PostMessage"]["additionalProperties"] is False
    assert schemas["Event"]["required"] == ["room", "seq", "type", "at", "by"]


def test_only_the_stream_is_marked_as_endless(document: Document) -> None:
    assert [place for place, op in operations(document) if op.get("x-streaming")] == ["GET /api/v1/stream"]


def test_the_limits_in_force_are_what_the_document_says(document: Document, http: httpx.Client) -> None:
    schema = document["components"]["schemas"]["LimitsInForce"]
    limits = http.get("/api/v1/limits").json()
    assert limits.keys() == schema["properties"].keys() == set(schema["required"])


def test_the_document_is_sent_again_only_when_it_has_changed(http: httpx.Client) -> None:
    first = http.get("/api/v1/openapi.json")
    again = http.get("/api/v1/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    other = http.get("/api/v1/openapi.json", headers={"If-None-Match": '"other"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert other.content == first.content


def test_caches_hear_the_same_of_the_document_whether_it_has_changed_or_not(http: httpx.Client) -> None:
    first = http.get("/api/v1/openapi.json")
    again = http.get("/api/v1/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    for field in ("vary", "etag", "cache-control"):
        assert again.headers[field] == first.headers[field]


def test_people_can_read_the_api(http: httpx.Client) -> None:
    page = http.get("/api", headers={"Accept": "text/html"})
    assert page.headers["content-type"] == "text/plain; charset=utf-8"
    for operation in OPERATIONS:
        assert f"## {operation.name}\n" in page.text
    assert f"{http.base_url.host}:{http.base_url.port}/api/v1/openapi.json" in page.text
