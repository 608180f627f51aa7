"""The bytes of responses, as a second implementation of HTTP/1.1 reads them."""

from __future__ import annotations

import h11
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parlour.http.fields import FieldName
from parlour.http.response import Response, encode

DATE = b"Sun, 22 Nov 2026 06:41:23 GMT"


def read(data: bytes, method: bytes = b"GET") -> tuple[h11.Response, bytes, bool]:
    """The response, its body, and whether the connection can be used again."""
    client = h11.Connection(h11.CLIENT)
    client.send(h11.Request(method=method, target="/", headers=[("Host", "a")]))
    client.send(h11.EndOfMessage())
    client.receive_data(data)
    response = client.next_event()
    assert isinstance(response, h11.Response)
    body = b""
    while isinstance(event := client.next_event(), h11.Data):
        body += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert client.trailing_data[0] == b""
    return response, body, client.states[h11.SERVER] is h11.DONE


@given(
    st.sampled_from((200, 201, 204, 303, 304, 400, 404, 429, 500, 507)),
    st.binary(max_size=300),
    st.booleans(),
    st.booleans(),
)
def test_another_implementation_reads_what_was_meant(status: int, body: bytes, keep_alive: bool, is_head: bool) -> None:
    data = encode(Response(status, body), date=DATE, keep_alive=keep_alive, head_only=is_head)
    response, found, again = read(data, b"HEAD" if is_head else b"GET")
    assert response.status_code == status
    assert found == (b"" if is_head or status in (204, 304) else body)
    assert again == keep_alive
    assert dict(response.headers)[b"date"] == DATE


@given(st.sampled_from(FieldName), st.binary(max_size=60))
def test_field_value_is_written_whole_or_not_at_all(name: FieldName, value: bytes) -> None:
    try:
        data = encode(Response(fields=((name, value),)), date=DATE, keep_alive=True)
    except ValueError:
        assert any((byte < 0x20 and byte != 9) or byte == 0x7F for byte in value)
    else:
        assert data.count(b"\r\n") == encode(Response(), date=DATE, keep_alive=True).count(b"\r\n") + 1
        assert b"\r\n" + name + b": " + value + b"\r\n" in data


@pytest.mark.parametrize("value", [b"a\r\nb", b"a\nb", b"a\rb", b"a\0b", b"a\x7fb", b"\r", b"a\x0bb"])
@pytest.mark.parametrize("status", [200, 304])
def test_a_response_whose_head_holds_a_control_character_has_no_bytes(status: int, value: bytes) -> None:
    split = [
        Response(status, fields=((FieldName.ETAG, b'"1"'), (FieldName.LOCATION, value))),
        Response(status, cache=value),
        Response(status, policy=value),
        *([] if status == 304 else [Response(status, content_type=value)]),
    ]
    for response in split:
        with pytest.raises(ValueError, match="control character"):
            encode(response, date=DATE, keep_alive=True)
