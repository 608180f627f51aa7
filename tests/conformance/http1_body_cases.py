"""Conformance rows for bodies: lengths, transfer codings, chunks, and what pipelining and smuggling make of them."""

from __future__ import annotations

from tests.conformance.http1_case import (
    FRAMING,
    GET,
    MAX_BODY,
    PLAIN,
    POST,
    TAKEN,
    Case,
    Taken,
    bad,
    message,
    ok,
    posted,
)

LENGTH = "RFC 9112 §6.2"
CODING = "RFC 9112 §6.1"
CHUNKS = "RFC 9112 §7.1"
CHUNKED = "Transfer-Encoding: chunked"
END = b"0\r\n\r\n"


def _sized(value: str | bytes, body: bytes = b"hello") -> bytes:
    """A message whose length is written like this."""
    return message(POST, b"Content-Length: " + (value.encode() if isinstance(value, str) else value), body=body)


def _coded(*values: str | bytes, body: bytes = b"5\r\nhello\r\n0\r\n\r\n") -> bytes:
    """A message with these Transfer-Encoding fields."""
    fields = (b"Transfer-Encoding: " + (value.encode() if isinstance(value, str) else value) for value in values)
    return message(POST, *fields, body=body)


def _chunks(body: bytes) -> bytes:
    """A message with this chunked body, as sent."""
    return message(POST, CHUNKED, body=body)


# --- Content-Length -------------------------------------------------------------------------------------------------

_LENGTHS = [
    ok("length with a body", LENGTH, _sized("5"), posted()),
    ok("length with white space around", LENGTH, _sized("\t 5 \t"), posted()),
    ok("length of zero", LENGTH, _sized("0", b""), posted(b"")),
    ok("length of zero before a request", LENGTH, _sized("0", b"") + PLAIN, posted(b""), TAKEN),
    ok("no length and no coding", "RFC 9112 §6.3", message(POST), posted(b"")),
    ok("largest body", LENGTH, _sized(str(MAX_BODY), b"x" * MAX_BODY), posted(b"x" * MAX_BODY)),
    ok("body of every byte", LENGTH, _sized("256", bytes(range(256))), posted(bytes(range(256)))),
    ok("body that looks like a request", LENGTH, _sized(str(len(PLAIN)), PLAIN), posted(PLAIN)),
    ok("GET with a body", "RFC 9110 §9.3.1", message(GET, "Content-Length: 5", body=b"hello"), Taken(body=b"hello")),
    ok(
        "HEAD with a body",
        "RFC 9110 §9.3.2",
        message("HEAD /healthz HTTP/1.1", "Content-Length: 5", body=b"hello") + PLAIN,
        Taken("HEAD", body=b"hello"),
        TAKEN,
    ),
    ok("body that has not come", LENGTH, _sized("5", b""), rest="body"),
    ok("body that is one byte short", LENGTH, _sized("5", b"hell"), rest="body"),
    bad("body one byte too large", LENGTH, _sized(str(MAX_BODY + 1), b""), "too_large"),
    bad("length of eighteen digits", LENGTH, _sized("999999999999999999", b""), "too_large"),
    bad("letter after a body", LENGTH, _sized("5", b"helloX") + PLAIN, "not_implemented", posted()),
    bad("letter after a length of zero", LENGTH, _sized("0", b"X") + PLAIN, "not_implemented", posted(b"")),
    bad("longer body than its length", LENGTH, _sized("5", b"hello world\r\n"), FRAMING, posted()),
] + [
    bad(f"length {name}", LENGTH, _sized(value))
    for name, value in (
        ("empty", ""),
        ("with a plus", "+5"),
        ("negative", "-5"),
        ("minus zero", "-0"),
        ("with a leading zero", "05"),
        ("octal in looks", "0200"),
        ("double zero", "00"),
        ("hexadecimal", "0x5"),
        ("octal in Python", "0o5"),
        ("with an underscore", "1_0"),
        ("with a point", "5.0"),
        ("with an exponent", "5e0"),
        ("with a space inside", "1 0"),
        ("with letters after", "5x"),
        ("of letters", "five"),
        ("in Arabic digits", "٥"),
        ("with a superscript", "5²"),
        ("in fullwidth digits", "５"),
        ("list of the same", "5, 5"),
        ("list of three", "5, 5, 5"),
        ("list of different", "5, 6"),
        ("list with an empty member", "5,"),
        ("with a parameter", "5;x"),
        ("quoted", '"5"'),
        ("of nineteen digits", "9223372036854775807"),
        ("over 64 bits", "18446744073709551621"),
        ("of five thousand digits", "9" * 5000),
        ("with NUL", b"5\x00"),
        ("with a vertical tab", b"\x0b5"),
        ("with a form feed", b"5\x0c"),
        ("with a no-break space", b"5\xa0"),
        ("twice the same", "5\r\nContent-Length: 5"),
        ("twice, different", "5\r\nContent-Length: 6"),
        ("twice, second zero", "5\r\nContent-Length: 0"),
        ("twice, second in lower case", "5\r\ncontent-length: 5"),
        ("twice with a field between", "5\r\nX-A: b\r\nContent-Length: 5"),
        ("and again with a space before the colon", "5\r\nContent-Length : 5"),
        ("and again with an underscore", "5\r\nContent_Length: 6"),
        ("folded", "\r\n 5"),
    )
]

# --- Transfer-Encoding ----------------------------------------------------------------------------------------------

_CODINGS = (
    [
        ok("coding chunked", CODING, _coded("chunked"), posted()),
        ok("coding in capitals", "RFC 9112 §7", _coded("CHUNKED"), posted()),
        ok("coding with white space around", CODING, _coded("\t chunked \t"), posted()),
        bad("coding after gzip", CODING, _coded("gzip, chunked"), "not_implemented"),
        bad("coding after two others", CODING, _coded("gzip ,deflate,\tchunked"), "not_implemented"),
        bad("coding from HTTP/1.0", CODING, message("POST /lobby HTTP/1.0", CHUNKED, body=END)),
        bad(
            "coding from HTTP/1.0 that keeps alive",
            CODING,
            message("POST /lobby HTTP/1.0", CHUNKED, "Connection: keep-alive", body=END),
        ),
        bad("coding with an underscore", CODING, message(POST, "Transfer_Encoding: chunked", body=END)),
        bad("coding with a space before the colon", CODING, message(POST, "Transfer-Encoding : chunked", body=END)),
        bad("coding folded", CODING, message(POST, "Transfer-Encoding:\r\n chunked", body=END)),
        ok(
            "trailers announced",
            "RFC 9110 §6.6.2",
            message(POST, CHUNKED, "TE: trailers", "Trailer: X", body=END),
            posted(b""),
        ),
    ]
    + [
        bad(f"coding {name}", CODING, _coded(*values))
        for name, *values in (
            ("empty", ""),
            ("identity", "identity"),
            ("gzip", "gzip"),
            ("not last", "chunked, gzip"),
            ("not last, identity", "chunked, identity"),
            ("twice in a list", "chunked, chunked"),
            ("thrice with gzip", "chunked, gzip, chunked"),
            ("xchunked", "xchunked"),
            ("chunkedx", "chunkedx"),
            ("chunk", "chunk"),
            ("with a leading comma", ", chunked"),
            ("with a trailing comma", "chunked,"),
            ("with a parameter", "chunked;x=1"),
            ("with an empty parameter", "chunked;"),
            ("quoted", '"chunked"'),
            ("in single quotes", "'chunked'"),
            ("with a space inside", "chun ked"),
            ("after a word", "x chunked"),
            ("with the Kelvin sign", "chun\u212aed"),
            ("with NUL after", b"chunked\x00"),
            ("with a vertical tab before", b"\x0bchunked"),
            ("with a form feed before", b"\x0cchunked"),
            ("with a no-break space before", b"\xa0chunked"),
            ("with a high byte after", b"chunked\xff"),
            ("on two lines", "chunked", "chunked"),
            ("on two lines, identity", "chunked", "identity"),
            ("on two lines, gzip first", "gzip", "chunked"),
            ("on two lines, first empty", "", "chunked"),
        )
    ]
    + [
        bad(f"both length and coding, {name}", "RFC 9112 §6.3", message(POST, *fields, body=END + PLAIN))
        for name, *fields in (
            ("length first", "Content-Length: 5", CHUNKED),
            ("coding first", CHUNKED, "Content-Length: 5"),
            ("length of zero", "Content-Length: 0", CHUNKED),
            ("length covers a request", f"Content-Length: {len(END + PLAIN)}", CHUNKED),
            ("length with a plus", "Content-Length: +5", CHUNKED),
            ("coding in mixed case", "Content-Length: 5", "Transfer-Encoding: Chunked"),
            ("coding identity", "Content-Length: 5", "Transfer-Encoding: identity"),
            ("coding empty", "Content-Length: 5", "Transfer-Encoding:"),
            ("coding xchunked", "Content-Length: 5", "Transfer-Encoding: xchunked"),
            ("coding with a space at the end", "Content-Length: 5", "Transfer-Encoding: chunked "),
            ("coding with a tab before", "Content-Length: 5", "Transfer-Encoding:\tchunked"),
            ("coding with an underscore", "Content-Length: 5", "Transfer_Encoding: chunked"),
            ("coding folded", "Content-Length: 5", "Transfer-Encoding:\r\n chunked"),
            ("coding hidden in a value", "Content-Length: 5", "X-A: b\nTransfer-Encoding: chunked"),
            ("named in Connection", "Content-Length: 5", CHUNKED, "Connection: Content-Length"),
        )
    ]
)

# --- chunks ---------------------------------------------------------------------------------------------------------

_CHUNK = b"5\r\nhello\r\n"
_ONE = b"1\r\nx\r\n"
_FULL = b"10000\r\n" + b"x" * MAX_BODY + b"\r\n"

_BODIES = [
    ok("chunks, one", CHUNKS, _chunks(_CHUNK + END), posted()),
    ok("chunks, two", CHUNKS, _chunks(_CHUNK + b"6\r\n world\r\n" + END), posted(b"hello world")),
    ok("chunks, none", CHUNKS, _chunks(END), posted(b"")),
    ok("chunks with upper case sizes", CHUNKS, _chunks(b"A\r\nhelloworld\r\n" + END), posted(b"helloworld")),
    ok("chunks with leading zeros", CHUNKS, _chunks(b"00000005\r\nhello\r\n" + END), posted()),
    ok("chunks with a long end", CHUNKS, _chunks(_CHUNK + b"00000000\r\n\r\n"), posted()),
    ok("chunks with line ends in them", CHUNKS, _chunks(b"4\r\n\r\n\r\n\r\n" + END), posted(b"\r\n\r\n")),
    ok("chunks that look like an end", CHUNKS, _chunks(b"5\r\n" + END + b"\r\n" + END), posted(END)),
    ok("chunks before a request", CHUNKS, _chunks(_CHUNK + END) + PLAIN, posted(), TAKEN),
    ok("chunks, the largest body", CHUNKS, _chunks(_FULL + END), posted(b"x" * MAX_BODY)),
    ok("chunks, very many", CHUNKS, _chunks(_ONE * 1024 + END), posted(b"x" * 1024)),
    ok("chunks that have not come", CHUNKS, _chunks(b""), rest="body"),
    ok("chunks, half a size", CHUNKS, _chunks(b"5"), rest="body"),
    ok("chunks, size without line feed", CHUNKS, _chunks(b"5\r"), rest="body"),
    ok("chunks, half a chunk", CHUNKS, _chunks(b"5\r\nhel"), rest="body"),
    ok("chunks, chunk without its line end", CHUNKS, _chunks(b"5\r\nhello"), rest="body"),
    ok("chunks without an end", CHUNKS, _chunks(_CHUNK), rest="body"),
    ok("chunks, end without its line", CHUNKS, _chunks(_CHUNK + b"0\r\n"), rest="body"),
    ok("chunks, end without its last byte", CHUNKS, _chunks(_CHUNK + b"0\r\n\r"), rest="body"),
    bad("chunks, too many small ones", CHUNKS, _chunks(_ONE * 1025 + END)),
    bad("chunks, a large size", CHUNKS, _chunks(b"FFFFFFFF\r\n"), "too_large"),
    bad("chunks, one byte too large", CHUNKS, _chunks(b"10001\r\n"), "too_large"),
    bad("chunks, too large in sum", CHUNKS, _chunks(_FULL + _ONE), "too_large"),
    bad("chunks, garbage after the end", CHUNKS, _chunks(END + b"hello\r\n"), FRAMING, posted(b"")),
    bad("chunks, letter after the end", CHUNKS, _chunks(END + b"X") + PLAIN, "not_implemented", posted(b"")),
] + [
    bad(f"chunks, {name}", CHUNKS, _chunks(body))
    for name, body in (
        ("size with a prefix", b"0x5\r\nhello\r\n" + END),
        ("size with a plus", b"+5\r\nhello\r\n" + END),
        ("size negative", b"-5\r\nhello\r\n" + END),
        ("end with a plus", b"+0\r\n\r\n"),
        ("size with an underscore", b"1_0\r\n" + b"x" * 16 + b"\r\n" + END),
        ("size with a space before", b" 5\r\nhello\r\n" + END),
        ("size with a space after", b"5 \r\nhello\r\n" + END),
        ("size with a tab after", b"5\t\r\nhello\r\n" + END),
        ("size empty", b"\r\nhello\r\n" + END),
        ("size of letters", b"xyz\r\nhello\r\n" + END),
        ("size in Arabic digits", "٥\r\nhello\r\n".encode() + END),
        ("size of nine digits", b"000000005\r\nhello\r\n" + END),
        ("size over 64 bits", b"FFFFFFFFFFFFFFFF5\r\nhello\r\n" + END),
        ("size without end", b"5" * 20_000),
        ("size with NUL", b"5\x00\r\nhello\r\n" + END),
        ("size quoted", b'"5"\r\nhello\r\n' + END),
        ("size with a comma", b"5,5\r\nhello\r\n" + END),
        ("size ends in a line feed", b"5\nhello\r\n" + END),
        ("size ends in a carriage return", b"5\rhello\r\n" + END),
        ("extension", b"5;a=b\r\nhello\r\n" + END),
        ("extension without a name", b"5;\r\nhello\r\n" + END),
        ("extension after a space", b"5 ;a\r\nhello\r\n" + END),
        ("extension quoted", b'5;a="\r\n"\r\nhello\r\n' + END),
        ("extension with a line feed", b"5;\nhello\r\n" + END),
        ("extension with NUL", b"5;\x00\r\nhello\r\n" + END),
        ("extension of 64 KB", b"5;" + b"a" * 65536 + b"\r\nhello\r\n" + END),
        ("extension at the end", _CHUNK + b"0;a=b\r\n\r\n"),
        ("chunk longer than its size", b"5\r\nhello!!\r\n" + END),
        ("chunk shorter than its size", b"6\r\nhello\r\n" + END),
        ("chunk without a line end", b"5\r\nhello0\r\n\r\n"),
        ("chunk ends in a line feed", b"5\r\nhello\n" + END),
        ("chunk ends in a carriage return", b"5\r\nhello\r0\r\n\r\n"),
        ("chunk ends in two line feeds", b"5\r\nhello\n\n" + END),
        ("end with a line feed", _CHUNK + b"0\r\n\n"),
        ("end with line feeds only", _CHUNK + b"0\n\n"),
        ("end followed by a request", _CHUNK + b"0\r\n" + PLAIN),
        ("trailer", _CHUNK + b"0\r\nX-Checksum: abc\r\n\r\n"),
        ("trailer that frames", _CHUNK + b"0\r\nContent-Length: 50\r\n\r\n"),
        ("trailer that codes", _CHUNK + b"0\r\nTransfer-Encoding: chunked\r\n\r\n"),
        ("trailer that routes", _CHUNK + b"0\r\nHost: evil.test\r\n\r\n"),
        ("trailer that authorizes", _CHUNK + b"0\r\nAuthorization: Bearer x\r\n\r\n"),
    )
]

# --- one after the other --------------------------------------------------------------------------------------------

_LAST = message(GET, "Connection: close")

_PIPELINES = [
    ok("nothing", "RFC 9112 §9.3", b""),
    ok("two requests", "RFC 9112 §9.3.2", PLAIN * 2, TAKEN, TAKEN),
    ok("eight requests", "RFC 9112 §9.3.2", PLAIN * 8, *(TAKEN,) * 8),
    ok("twenty requests", "RFC 9112 §9.3.2", PLAIN * 20, *(TAKEN,) * 20),
    ok(
        "messages of both framings",
        "RFC 9112 §9.3.2",
        _sized("5") + _chunks(_CHUNK + END) + PLAIN,
        posted(),
        posted(),
        TAKEN,
    ),
    ok("request after close", "RFC 9112 §9.6", _LAST + PLAIN, Taken(keep_alive=False)),
    ok("garbage after close", "RFC 9112 §9.6", _LAST + b"\x00\n\r", Taken(keep_alive=False)),
    ok("half a method", "RFC 9112 §3", b"GE", rest="head"),
    ok("half a first line", "RFC 9112 §3", b"GET /healthz HT", rest="head"),
    ok("first line without line feed", "RFC 9112 §3", b"GET /healthz HTTP/1.1\r", rest="head"),
    ok("a first line only", "RFC 9112 §3", b"GET /healthz HTTP/1.1\r\n", rest="head"),
    ok("a head without end", "RFC 9112 §2.1", PLAIN[:-2], rest="head"),
    ok("a head without its last byte", "RFC 9112 §2.1", PLAIN[:-1], rest="head"),
    ok("a request and a half", "RFC 9112 §9.3.2", PLAIN + PLAIN[:-1], TAKEN, rest="head"),
    ok("a message and half a body", "RFC 9112 §9.3.2", _sized("5") + _sized("5", b"he"), posted(), rest="body"),
    bad("a request, then garbage", "RFC 9112 §9.3.2", PLAIN + b"\x00", FRAMING, TAKEN),
    bad("a request, then one without Host", "RFC 9112 §9.3.2", PLAIN + message(GET, host=None), "bad_host", TAKEN),
    bad(
        "a message, then both framings",
        "RFC 9112 §6.3",
        _sized("5") + _coded("chunked\r\nContent-Length: 5"),
        FRAMING,
        posted(),
    ),
]

BODY_CASES: tuple[Case, ...] = (*_LENGTHS, *_CODINGS, *_BODIES, *_PIPELINES)
