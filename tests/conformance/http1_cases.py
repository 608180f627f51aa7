"""The whole HTTP/1.1 conformance table (docs/decisions/0002-http1-decoder.md)."""

from __future__ import annotations

from tests.conformance.http1_body_cases import BODY_CASES
from tests.conformance.http1_case import MAX_BODY, Case, Taken
from tests.conformance.http1_field_cases import FIELD_CASES
from tests.conformance.http1_line_cases import LINE_CASES

__all__ = ["CASES", "MAX_BODY", "Case", "Taken"]

CASES: tuple[Case, ...] = (*LINE_CASES, *FIELD_CASES, *BODY_CASES)
