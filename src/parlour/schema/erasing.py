"""Takes deleted accounts out of events: their ids stay, and what they said where that is kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from parlour.core.accounts import DELETED_NAME, KeptMessages, erased_name
from parlour.core.event import Stored
from parlour.core.payloads import AccountChanged, MemberChanged, Message, Redacted, Restricted, SignInChanged
from parlour.schema.json_line import encode

NAMES_IN = frozenset({MemberChanged.type, Restricted.type, AccountChanged.type, SignInChanged.type})
"""Types of events that can say something of an account which they are not by."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


def without_accounts(event: Stored, erased: Mapping[str, KeptMessages]) -> Stored | None:
    """The event as it is once these accounts are deleted, in the same place; None where it says nothing of them.

    `erased` has their ids, and what becomes of their messages. The name by which an event is is replaced by
    DELETED_NAME, that of a member too; a message that is not kept becomes a tombstone. In the log of the server nothing
    is left of their profiles and devices. What this version does not know stays.
    """
    old = _decode(event.json)
    new = dict(old)
    by = old["by"]
    if by["id"] in erased:
        new["by"] = {"id": by["id"], "name": DELETED_NAME, "kind": by["kind"]}
        if event.type == Message.type and erased[by["id"]] == "remove":
            new = {"room": old["room"], "seq": old["seq"], "type": Redacted.type, "at": old["at"], "by": new["by"]}
            if "key" in old:
                new["key"] = old["key"]
            return Stored(event.seq, encode(new), Redacted.type)
    if event.type in (MemberChanged.type, Restricted.type) and old.get("account", old.get("whom")) in erased:
        new["name"] = DELETED_NAME
    elif event.type == SignInChanged.type and old["account"] in erased:
        new["label"] = ""
    elif event.type == AccountChanged.type and old["account"]["id"] in erased:
        new["account"] = _without_profile(old["account"])
    return None if new == old else Stored(event.seq, encode(new), event.type, event.ref)


def accounts_in(event: Stored, erased: Mapping[str, KeptMessages]) -> frozenset[str]:
    """Those of these accounts that an event names."""
    old = _decode(event.json)
    other = old.get("account", old.get("whom"))
    named = {old["by"]["id"], other["id"] if isinstance(other, dict) else other}
    return frozenset(named & erased.keys())


def _without_profile(account: Mapping[str, Any]) -> Mapping[str, Any]:
    kept = {name: account[name] for name in ("kind", "role", "owner", "state") if name in account}
    return {"id": account["id"], "name": erased_name(account["id"]), "display": DELETED_NAME, **kept}
