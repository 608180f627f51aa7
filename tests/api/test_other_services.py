"""What is written for other services is refused in words that help, and nothing of it is dropped."""

from __future__ import annotations

import httpx
import pytest

APPRISE = {"version": "1.0", "title": "Disk", "message": "full", "attachments": [], "type": "failure"}


@pytest.mark.parametrize(
    ("body", "field", "advice"),
    [
        (APPRISE, "version", "known are key, name, room, text"),
        ({"text": "hi", "username": "ci"}, "username", "goes into name"),
        ({"channel": "#ops", "text": "hi"}, "channel", "goes into room"),
        ({"text": "hi", "icon_emoji": ":ghost:"}, "icon_emoji", "known are key, name, room, text"),
        ({"content": "hi"}, "content", "goes into text"),
        ({"message": "hi"}, "message", "goes into text"),
        ({"title": "Disk", "text": "full"}, "title", "goes into text"),
        ({"topic": "ops", "text": "full"}, "topic", "goes into room"),
    ],
)
def test_a_member_that_is_not_known_is_named_with_what_to_send(
    http: httpx.Client, body: dict[str, object], field: str, advice: str
) -> None:
    refused = http.post("/services", json=body)
    assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (400, "bad_json", field)
    assert f"no member {field} here" in refused.json()["detail"]
    assert advice in refused.json()["detail"]
    assert http.get("/services?format=json").json()["events"] == []


def test_the_advice_fits_the_address(http: httpx.Client) -> None:
    refused = http.post("/api/v1/rooms/services/messages", json={"text": "hi", "channel": "ops"})
    assert "known are key, name, text" in refused.json()["detail"]


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize(
    "name",
    ["Title", "X-Title", "ti", "t", "Message", "X-Tags", "Click", "Attach", "X-Filename", "Actions", "Delay", "At"],
)
def test_a_header_field_that_carries_content_elsewhere_is_not_dropped(
    http: httpx.Client, method: str, name: str
) -> None:
    refused = http.request(method, "/services", content=b"full", headers={name: "Disk", "Accept": "application/json"})
    assert (refused.status_code, refused.json()["code"]) == (400, "bad_request")
    assert refused.json()["field"].lower() == name.lower()
    assert "into the text" in refused.json()["detail"]
    assert http.get("/services?format=json").json()["events"] == []


@pytest.mark.parametrize("name", ["Priority", "X-Request-Id", "Cache", "X-Anything", "From"])
def test_other_header_fields_mean_nothing_here(http: httpx.Client, name: str) -> None:
    assert http.post("/services-too", content=b"full", headers={name: "u=0, i"}).status_code == 201


def test_pages_are_read_whatever_the_header_says(http: httpx.Client) -> None:
    assert http.get("/services", headers={"Title": "Disk"}).status_code == 200
