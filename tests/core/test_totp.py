"""Codes of authenticator apps are those of the RFCs, and recovery codes are read as people type them."""

from __future__ import annotations

import pytest

from parlour.core.recovery import CODE_BYTES, canonical, code_digest, recovery_code
from parlour.core.totp import STEP_MS, app_address, code_at, shown_secret, step_of

SECRET = b"12345678901234567890"


@pytest.mark.parametrize(
    ("second", "code"),
    [(59, "287082"), (1111111109, "081804"), (1234567890, "005924"), (2000000000, "279037"), (20000000000, "353130")],
)
def test_codes_are_those_of_the_rfc(second: int, code: str) -> None:
    """RFC 6238, appendix B, the last six digits of those with SHA-1."""
    assert code_at(SECRET, second // 30) == code
    assert step_of(SECRET, code, second * 1000) == second // 30


def test_a_code_counts_a_step_before_and_after_its_time() -> None:
    code = code_at(SECRET, 100)
    found = [step_of(SECRET, code, step * STEP_MS) for step in range(98, 103)]
    assert found == [None, 100, 100, 100, None]
    assert step_of(SECRET, "", 100 * STEP_MS) is None
    assert step_of(SECRET, "２８７０８２", 59000) is None


def test_the_address_for_an_app_names_server_and_person() -> None:
    assert app_address(b"12345678901234567890", "chat.example:8080", "zoë") == (
        "otpauth://totp/chat.example%3A8080:zo%C3%AB?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
        "&issuer=chat.example%3A8080&digits=6&period=30"
    )
    assert shown_secret(SECRET).split(" ")[:2] == ["GEZD", "GNBV"]


def test_a_recovery_code_is_known_however_it_is_typed() -> None:
    code = recovery_code(bytes(range(CODE_BYTES)))
    assert [len(part) for part in code.split("-")] == [6, 6, 6, 6]
    plain = canonical(code)
    assert plain == code.replace("-", "")
    for typed in (code.upper(), f" {code} ", code.replace("-", " "), plain, code.replace("0", "O").replace("1", "l")):
        assert canonical(typed) == plain
    for none in ("", "123456", code + "0", code[:-1], code[:-1] + "u"):
        assert canonical(none) == ""
    assert code_digest("u_1", plain) != code_digest("u_2", plain)
    assert recovery_code(b"\xff" * CODE_BYTES) == "zzzzzz-zzzzzz-zzzzzz-zzzzzz"
