"""Languages as people name them for machines: tags of BCP 47, well-formed and in the usual case (RFC 5646)."""

from __future__ import annotations

import re

from parlour.core.errors import Refusal

MAX_TAG_CHARS = 35
"""What every program has room for (RFC 5646 §4.4.1)."""

_TAG = re.compile(
    r"(?:[a-z]{2,3}(?:-[a-z]{3}){0,3}|[a-z]{4,8})"  # the language
    r"(?:-[a-z]{4})?(?:-(?:[a-z]{2}|[0-9]{3}))?"  # script and region
    r"(?:-(?:[a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*(?:-[0-9a-wyz](?:-[a-z0-9]{2,8})+)*"  # variants and extensions
    r"(?:-x(?:-[a-z0-9]{1,8})+)?|x(?:-[a-z0-9]{1,8})+",
    re.ASCII,
)
_OLD = """
    en-gb-oed i-ami i-bnn i-default i-enochian i-hak i-klingon i-lux i-mingo i-navajo i-pwn i-tao i-tay i-tsu sgn-be-fr
    sgn-be-nl sgn-ch-de
"""
_IRREGULAR = frozenset(_OLD.split())
"""Those of before the rules that fit into none (RFC 5646 §2.2.8)."""


def language_tag(raw: str) -> str:
    """The usual form of a tag (`pt-BR`, `zh-Hant-TW`; RFC 5646 §2.1.1); empty stays empty.

    Raises Refusal("bad_parameter") for one that is not well-formed; whether there is such a language is not looked up.
    """
    tag = raw.strip().lower()
    if tag and (len(tag) > MAX_TAG_CHARS or not (_TAG.fullmatch(tag) or tag in _IRREGULAR)):
        raise Refusal("bad_parameter", "A language is a tag such as en, pt-BR or zh-Hant.", field="language")
    parts = tag.split("-")
    for index, part in enumerate(parts[1:], 1):
        if len(parts[index - 1]) == 1:  # behind a singleton everything stays small
            break
        if part.isalpha():
            parts[index] = {2: part.upper(), 4: part.title()}.get(len(part), part)
    return "-".join(parts)
