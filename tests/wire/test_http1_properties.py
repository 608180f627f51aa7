"""Properties of the request decoder that hold for all bytes, not only for those we thought of."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.conformance.http1_cases import CASES, MAX_BODY, Taken
from tests.conformance.test_http1_codec import cut, decode, whole

_TOKEN_BYTES = b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_PATH_BYTES = b"-._~!$&'()*+,;=:@/%0123456789azAZ"

_FRAGMENTS = (
    *(b"GET / HTTP/1.1\r\n", b"POST /a HTTP/1.1\r\n", b"HTTP/1.0", b"http://a", b"Host: a\r\n"),
    *(b"Content-Length: ", b"Transfer-Encoding: chunked\r\n", b"Connection: ", b"close", b"upgrade"),
    *(b"Upgrade: websocket\r\n", b"Expect: 100-continue\r\n", b"5\r\nhello\r\n", b"0\r\n\r\n", b"hello"),
    *(b"\r\n", b"\r", b"\n", b" ", b"\t", b":", b",", b";", b"0", b"5", b"a", b"\x00", b"\xff"),
)

hostile = st.one_of(
    st.binary(max_size=200),
    st.lists(st.sampled_from(_FRAGMENTS), max_size=30).map(b"".join),
    st.sampled_from([case.data for case in CASES if len(case.data) < 1000]),
)


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A row of the table with a few bytes changed, dropped or put in."""
    data = bytearray(draw(st.sampled_from([case.data for case in CASES if 0 < len(case.data) < 1000])))
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, len(data)))
        data[place : place + draw(st.integers(0, 2))] = draw(
            st.one_of(st.sampled_from(_FRAGMENTS), st.binary(max_size=2))
        )
    return bytes(data)


def fields() -> st.SearchStrategy[list[tuple[bytes, bytes]]]:
    """Fields that have no meaning for the framing."""
    names = (
        st.lists(st.sampled_from(list(_TOKEN_BYTES)), min_size=1, max_size=20).map(bytes).map(lambda name: b"x-" + name)
    )
    text = st.lists(st.sampled_from([9, *range(0x20, 0x7F), *range(0x80, 0x100)]), max_size=40).map(bytes)
    return st.lists(st.tuples(names, text), max_size=8)


@st.composite
def requests(draw: st.DrawFn) -> tuple[bytes, Taken]:
    """A valid request and what it means."""
    method = draw(st.sampled_from(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"]))
    target = b"/" + draw(st.lists(st.sampled_from(list(_PATH_BYTES)), max_size=60).map(bytes))
    host = draw(st.from_regex(r"[a-z0-9.-]{1,30}(:[0-9]{1,5})?", fullmatch=True)).encode()
    body = draw(st.one_of(st.just(b""), st.binary(max_size=300)))
    own = [(b"Host", host), *draw(fields())]
    content = body
    if draw(st.booleans()):
        own.append((draw(st.sampled_from([b"Transfer-Encoding", b"transfer-encoding"])), b"chunked"))
        sizes = draw(st.lists(st.integers(1, 100), max_size=5))
        content, rest = b"", body
        for size in sizes:
            if rest:
                content += b"%X\r\n%b\r\n" % (len(rest[:size]), rest[:size])
                rest = rest[size:]
        content += (b"%x\r\n%b\r\n" % (len(rest), rest) if rest else b"") + b"0\r\n\r\n"
    elif body or draw(st.booleans()):
        own.append((b"Content-Length", b"%d" % len(body)))
    own = draw(st.permutations(own))
    blanks = st.sampled_from([b"", b" ", b"\t", b"  "])
    head = b"".join(b"%b:%b%b%b\r\n" % (name, draw(blanks), value, draw(blanks)) for name, value in own)
    data = b"%b %b HTTP/1.1\r\n%b\r\n%b" % (method.encode(), target, head, content)
    return data, Taken(method, target, body, host=host)


@given(st.one_of(hostile, damaged()), st.lists(st.integers(0, 400), max_size=6))
def test_how_bytes_are_cut_never_changes_the_answer(data: bytes, places: list[int]) -> None:
    answer = decode(whole(data))
    assert decode(cut(data, *(place % (len(data) + 1) for place in places))) == answer
    assert decode(cut(data, *range(len(data)))) == answer


@given(st.one_of(hostile, damaged()), st.binary(max_size=50))
def test_any_bytes_are_taken_or_refused_and_nothing_else_is_raised(data: bytes, more: bytes) -> None:
    accepted, _ = decode(iter((data, more)))
    assert all(len(request.body) <= MAX_BODY for request in accepted)


@given(st.lists(requests(), min_size=1, max_size=4), st.lists(st.integers(0, 2000), max_size=4))
def test_valid_requests_are_understood_one_after_the_other(
    several: list[tuple[bytes, Taken]], places: list[int]
) -> None:
    data = b"".join(request for request, _ in several)
    pieces = cut(data, *(place % (len(data) + 1) for place in places))
    assert decode(pieces) == (tuple(taken for _, taken in several), "between")


@given(requests(), st.data())
def test_half_a_request_is_never_refused(request: tuple[bytes, Taken], data: st.DataObject) -> None:
    half = request[0][: data.draw(st.integers(0, len(request[0]) - 1))]
    accepted, state = decode(whole(half))
    assert accepted == ()
    assert state in ("between" if not half else "head", "body")
