"""The words for an event of the server's log, in a line for its owners."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

_FACTORS = {"app": "authenticator app", "codes": "recovery codes", "code": "recovery code", "all": "everything"}
_EMAIL = {"asked": "a link was sent to it", "verified": "verified", "removed": "removed"}
_ACCOUNT = {"password": "new password", "factors": "another second factor", "name": "new name"}
_SIGN_IN = {"renewed": "renewed, as the password was given"}
"""The words for what an event says; others are said as they are."""


def words_for(event: dict[str, Any], named: Callable[[str], str]) -> str:
    """The words for an event; for a type without words, its members. `named` gives the name of an account."""
    if isinstance(event.get("account"), str) and (words := _of_account(event, named(event["account"]))):
        return words
    what = event.get("what", "")
    match event["type"]:
        case "account":
            account = event["account"]
            name = account.get("name", account["id"])
            value = {"role": account.get("role"), "state": account.get("state")}.get(what, "")
            return f"account {name}: {_ACCOUNT.get(what, what)}{f' {value}' if value else ''}"
        case "invitation":
            into = f" into {event['into']}" if event.get("into") else ""
            role = event.get("role", "none")
            return f"invitation {what}{f' as {role}' if role not in ('', 'none') else ''}{into}"
        case "server":
            return f"setting {event['setting']}: {event['value']}"
        case "ban":
            reason, subject = event.get("reason"), event["subject"]
            whom = event["name"] or (named(subject) if event["kind"] == "account" else subject)
            return f"ban {what}: {event['kind']} {whom}{f' ({reason})' if reason else ''}"
        case "report":
            return f"report {what}: /{event['into']}/{event['message']}"
        case "guest_link":
            return " ".join([f"guest link {what}:", *(f"/{room}" for room in event.get("into", ()))]).removesuffix(":")
        case "pass":
            return f"guest {event['name']}: {what.replace('_', ' ')}"
        case "rewritten":
            return f"{len(event['seqs'])} entries lost a deleted account"
    hidden = {"room", "seq", "type", "at", "by", "key", "ref", "what"}
    more = " ".join(f"{name}={value}" for name, value in event.items() if name not in hidden)
    return f"{event['type']} {what} {more}".replace("  ", " ").strip()


def _of_account(event: dict[str, Any], name: str) -> str | None:
    """The words for an event that names an account by its id."""
    what = event.get("what", "")
    match event["type"]:
        case "sign_in":
            label = event.get("label")
            return f"sign-in of {name}: {_SIGN_IN.get(what, what)}{f' ({label})' if label else ''}"
        case "factor":
            return f"second factor of {name}: {_FACTORS.get(event['factor'], event['factor'])} {what}"
        case "email":
            return f"e-mail address of {name}: {_EMAIL.get(what, what)}"
        case "provider_link":
            return f"account {name}: {what} {'with' if what == 'linked' else 'from'} {event['issuer']}"
        case "invitation":
            return f"link for a new password of {name}: {what}"
    return None
