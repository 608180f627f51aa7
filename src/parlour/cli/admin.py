"""`parlour admin`: owner, settings, invitations, people and rooms of a running server, by the operator's socket."""

from __future__ import annotations

import json
import sys
from ipaddress import ip_address
from pathlib import Path
from typing import Any, get_args
from urllib.parse import quote, urlsplit

import click

from parlour.cli.data import data_option
from parlour.cli.operator import ask_server
from parlour.cli.output import EXIT_REFUSED, EXIT_UNREACHABLE, fail
from parlour.cli.streams import complain, write_line
from parlour.client.account import is_on_this_machine
from parlour.core.accounts import ROLE_MEANINGS, ROLES, KeptMessages
from parlour.core.errors import Refusal
from parlour.core.guest_links import MAX_MINUTES, MAX_PEOPLE, MIN_MINUTES
from parlour.core.ranges import address_range
from parlour.core.server_settings import SERVER_SETTINGS, check_setting
from parlour.core.text import visible

_EXIT_CODES = (
    "Exit codes: 0 done; 1 refused; 2 wrong usage; 3 no server runs on the data directory, or it cannot be reached; 4 "
    "the server was told and did not answer; 6 standard output could not be written."
)


_ROLE_HELP = "What they become. " + ". ".join(f"{role}: {ROLE_MEANINGS[role]}" for role in ROLES[:-1]) + "."


@click.group("admin", epilog=_EXIT_CODES)
def admin() -> None:
    """Make the owner, invite people, and change accounts of the server that runs on a data directory.

    It is told through a socket there, `operator.sock`, which only the user who runs the server can open.
    """


@admin.command("owner", epilog=_EXIT_CODES)
@data_option()
def owner(directory: Path) -> int:
    """Print a link that makes an owner: it works once, for an hour, and ends the one before."""
    return _link(directory, "/api/v1/invitations", {"role": "owner"})


@admin.command("invite", epilog=_EXIT_CODES)
@click.option("--role", type=click.Choice(ROLES[:-1]), default="member", help=_ROLE_HELP, show_default=True)
@click.option("--uses", type=click.IntRange(1, 1000), default=1, help="How many people.", show_default=True)
@click.option("--days", type=click.IntRange(1, 90), default=7, help="How long it works.", show_default=True)
@data_option()
def invite(directory: Path, role: str, uses: int, days: int) -> int:
    """Print a link by which people make accounts."""
    code = _link(directory, "/api/v1/invitations", {"role": role, "uses": uses, "days": days})
    rows = _ask(directory, "GET", "/api/v1/settings", None)["settings"]
    if any((row["name"], row["value"]) == ("registration", "closed") for row in rows):
        complain(
            "registration is closed, so nobody can use this link, unless it is opened while the link works: parlour "
            "admin set registration invitation"
        )
    return code


@admin.command("invitations", epilog=_EXIT_CODES)
@click.option("--end", "id_", metavar="ID", help="End this one.")
@data_option()
def invitations(directory: Path, id_: str | None) -> int:
    """List the invitations that can be used, or end one."""
    if id_ is not None:
        return _run(directory, "DELETE", f"/api/v1/invitations/{quote(id_, safe='')}", None, lambda _: f"ended {id_}")
    return _run(
        directory,
        "GET",
        "/api/v1/invitations",
        None,
        lambda found: "\n".join(
            f"{each['id']}  {each['role']}  {each['uses_left']} left  until {each['expires']}"
            for each in found["invitations"]
        ),
    )


@admin.command("guest-link", epilog=_EXIT_CODES)
@click.argument("room")
@click.option(
    "--people", type=click.IntRange(1, MAX_PEOPLE), default=50, show_default=True, help="For how many people."
)
@click.option(
    "--minutes",
    type=click.IntRange(MIN_MINUTES, MAX_MINUTES),
    default=120,
    show_default=True,
    help="How long it works, and its guests stay.",
)
@data_option()
def guest_link(room: str, people: int, minutes: int, directory: Path) -> int:
    """Print a link by which guests come into ROOM without an account, and its QR code for a phone to read."""
    body = {"people": people, "minutes": minutes}
    return _link(directory, f"/api/v1/rooms/{quote(room, safe='')}/guest-links", body, with_qr=True)


@admin.command("people", epilog=_EXIT_CODES)
@data_option()
def people(directory: Path) -> int:
    """List all accounts."""
    return _run(
        directory,
        "GET",
        "/api/v1/accounts",
        None,
        lambda found: "\n".join(
            f"{each['name']}  {each['role']}  {each['kind']}  {each['state']}" for each in found["accounts"]
        ),
    )


@admin.command("rooms", epilog=_EXIT_CODES)
@data_option()
def rooms(directory: Path) -> int:
    """List the rooms that have a name, settings or members, private ones too."""
    return _run(
        directory,
        "GET",
        "/api/v1/admin/rooms",
        None,
        lambda found: "\n".join(_room_line(each) for each in found["rooms"]),
    )


@admin.command("role", epilog=_EXIT_CODES)
@click.argument("name")
@click.argument("role", type=click.Choice(ROLES))
@data_option()
def role(directory: Path, name: str, role: str) -> int:
    """Give the account NAME another ROLE."""
    return _change(directory, name, {"role": role}, f"{name} is {role} now")


@admin.command("disable", epilog=_EXIT_CODES)
@click.argument("name")
@data_option()
def disable(directory: Path, name: str) -> int:
    """End everything that the account NAME is signed in with, and let it sign in no more."""
    return _change(directory, name, {"state": "disabled"}, f"{name} is disabled")


@admin.command("enable", epilog=_EXIT_CODES)
@click.argument("name")
@data_option()
def enable(directory: Path, name: str) -> int:
    """Let the account NAME sign in again."""
    return _change(directory, name, {"state": "active"}, f"{name} can sign in")


@admin.command("delete", epilog=_EXIT_CODES)
@click.argument("name")
@click.option(
    "--messages",
    type=click.Choice(get_args(KeptMessages)),
    help="Whether what it has said stays, under the name “deleted account”: keep, where the server lets you choose.",
)
@click.option("--yes", is_flag=True, help="Do not ask whether this is meant.")
@data_option()
def delete(directory: Path, name: str, messages: str | None, yes: bool) -> int:
    """Delete the account NAME with its bots, for good."""
    if not yes and not sys.stdin.isatty():
        raise click.UsageError("There is nobody to ask whether this is meant: say --yes.")
    if not yes and not click.confirm(f"Delete the account {name} for good?", err=True):
        fail(EXIT_REFUSED, "Nothing is deleted.")
    query = "" if messages is None else f"?messages={messages}"
    path = f"/api/v1/accounts/{quote(name, safe='')}{query}"
    return _run(directory, "DELETE", path, None, lambda _: f"{name} is deleted")


@admin.command("reset", epilog=_EXIT_CODES)
@click.argument("name")
@data_option()
def reset(directory: Path, name: str) -> int:
    """Print a link by which the account NAME sets a new password: it works once, for a day."""
    return _link(directory, f"/api/v1/accounts/{quote(name, safe='')}/reset", None)


@admin.command("remove-factors", epilog=_EXIT_CODES)
@click.argument("name")
@data_option()
def remove_factors(directory: Path, name: str) -> int:
    """Take away the second factors of the account NAME, for somebody who has lost them: its sessions end."""
    path = f"/api/v1/accounts/{quote(name, safe='')}/factors"
    return _run(directory, "DELETE", path, None, lambda _: f"{name} signs in with the password alone now")


@admin.command("tokens", epilog=_EXIT_CODES)
@click.argument("name")
@click.option("--end", "id_", metavar="ID", help="End this one, with what is open by it.")
@data_option()
def tokens(directory: Path, name: str, id_: str | None) -> int:
    """List the sessions and tokens of the account NAME, or end one."""
    path = f"/api/v1/accounts/{quote(name, safe='')}/sign-ins"
    if id_ is not None:
        return _run(directory, "DELETE", f"{path}/{quote(id_, safe='')}", None, lambda _: f"ended {id_}")
    return _run(directory, "GET", path, None, lambda found: "\n".join(map(_sign_in, found["sign_ins"])))


def _sign_in(row: dict[str, Any]) -> str:
    scopes = f"  {' '.join(row['scopes'])}" if "scopes" in row else ""
    rooms = f"  for {' '.join(row['rooms'])}" if "rooms" in row else ""
    used = f"used {row['used']}" if "used" in row else "never used"
    return f"{row['id']}  {row['kind']}  {visible(row['label'])}{scopes}{rooms}  {used}  until {row['expires']}"


def _room_line(room: Any) -> str:
    kinds = [room["access"], *(word for word, member in _MARKS.items() if room.get(member))]
    owners = f"owned by {', '.join(room['owners'])}" if room["owners"] else "no owner"
    members = f"{room['members']} member{'' if room['members'] == 1 else 's'}"
    title = f"  {room['title']}" if room.get("title") else ""
    return f"{room['room']}  {', '.join(kinds)}  {members}  {owners}{title}"


_MARKS = {"announcements": "read_only", "archived": "archived"}


@admin.command("raid", epilog=_EXIT_CODES)
@click.argument("state", type=click.Choice(["on", "off"]))
@data_option()
def raid(directory: Path, state: str) -> int:
    """Take no new guests, and have slow mode in all rooms; or end that."""
    return _run(directory, "PATCH", "/api/v1/settings", {"raid": state}, lambda _: f"the raid switch is {state}")


@admin.command("bans", epilog=_EXIT_CODES)
@click.option("--lift", "id_", metavar="ID", help="Lift this one, or approve that account.")
@data_option()
def bans(directory: Path, id_: str | None) -> int:
    """List who is kept out of the server, or lift a ban."""
    if id_ is not None:
        return _run(directory, "DELETE", f"/api/v1/bans/{quote(id_, safe='')}", None, lambda _: f"lifted {id_}")
    return _run(directory, "GET", "/api/v1/bans", None, lambda found: "\n".join(map(_ban_line, found["bans"])))


def _ban_line(ban: dict[str, Any]) -> str:
    until = f"until {ban['until']}" if "until" in ban else "until it is lifted"
    return "  ".join((ban["id"], ban["kind"], visible(ban["subject"]), until, visible(ban.get("reason", "")))).rstrip()


@admin.command("ban", epilog=_EXIT_CODES)
@click.argument("whom")
@click.option("--minutes", type=click.IntRange(1, 527_040), help="For how long; without it, until it is lifted.")
@click.option("--reason", default="", help="Why: they are told.")
@data_option()
def ban(directory: Path, whom: str, minutes: int | None, reason: str) -> int:
    """Keep WHOM out of the server: the name of an account, or an address or range."""
    kind = "account" if _is_no_range(whom) else "address"
    body = {kind: whom, "reason": reason, "minutes": minutes}
    return _run(directory, "POST", "/api/v1/bans", body, lambda made: f"banned {made['subject']}  {made['id']}")


def _is_no_range(text: str) -> bool:
    try:
        address_range(text)
    except Refusal:
        return True
    return False


@admin.command("audit", epilog=_EXIT_CODES)
@click.option("--verify", is_flag=True, help="Compare the log with its chain of hashes instead of printing it.")
@click.option("--head", metavar="SEQ:HASH", help="With --verify: a head that was noted before.")
@data_option()
def audit(directory: Path, verify: bool, head: str | None) -> int:
    """Print the log of the server, an entry a line, as JSON; or verify it.

    What --verify prints as the head is worth noting elsewhere: it shows a log whose end was cut off, or that was made
    again by somebody who could write to the database.
    """
    if head is not None and not verify:
        raise click.UsageError("--head goes with --verify.")
    if verify:
        query = "" if head is None else f"?head={quote(head, safe='')}"
        found = _ask(directory, "GET", f"/api/v1/audit/verification{query}", None)
        for sentence in found["wrong"]:
            complain(sentence)
        write_line(f"{found['events']} events, head {found['head']['seq']}:{found['head']['hash']}")
        return EXIT_REFUSED if found["wrong"] else 0
    after, more = 0, True
    while more:
        found = _ask(directory, "GET", f"/api/v1/audit?after={after}", None)
        for entry in found["entries"]:
            write_line(json.dumps(entry, ensure_ascii=False, separators=(",", ":")))
            after = entry["seq"]
        more = found["more"]
    return 0


@admin.command("settings", epilog=_EXIT_CODES)
@data_option()
def settings(directory: Path) -> int:
    """List the settings that change while the server runs, with what each can be."""
    return _run(directory, "GET", "/api/v1/settings", None, _settings)


@admin.command("set", epilog=_EXIT_CODES)
@click.argument("name", type=click.Choice([row.name for row in SERVER_SETTINGS]))
@click.argument("value")
@data_option()
def set_(name: str, value: str, directory: Path) -> int:
    """Set the setting NAME to VALUE, at once and for good: a later start goes on with it."""
    try:
        check_setting(name, value)
    except Refusal as refusal:
        raise click.BadParameter(refusal.detail, param_hint="VALUE") from refusal
    return _run(directory, "PATCH", "/api/v1/settings", {name: value}, lambda _: f"{name} is {value}")


def _settings(found: Any) -> str:
    lines = []
    for each in found["settings"]:
        by = "" if "seq" in each else "  (nobody has set it)"
        lines.append(f"{each['name']} = {each['value']}{by}  {each['meaning']}:")
        lines += [f"    {value:<12} {meaning}" for value, meaning in each["values"].items()]
    return "\n".join(lines)


def _change(directory: Path, name: str, body: object, done: str) -> int:
    return _run(directory, "PATCH", f"/api/v1/accounts/{quote(name, safe='')}", body, lambda _: done)


def _link(directory: Path, path: str, body: object, *, with_qr: bool = False) -> int:
    """Have the server make a link and print it; who else can open it is said on standard error."""
    url = _ask(directory, "POST", path, body)["url"]
    if with_qr:
        from parlour.ui.qr import qr_text  # here: its library is for those who use it

        write_line(qr_text(url))
    write_line(url)
    host = urlsplit(url).hostname or ""
    if _is_no_address(host):
        complain(f"{host} is no address to open: start the server with --public-url and the address that people have")
    elif is_on_this_machine(url):
        complain(
            f"{host} leads every machine to itself, so this link opens on this one alone: start the server with "
            "--public-url and the address that others have"
        )
    return 0


def _is_no_address(host: str) -> bool:
    """Whether a host is the one that a server which listens to everybody calls itself: `0.0.0.0`, `::`."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return False


def _run(directory: Path, method: str, path: str, body: object, words: Any) -> int:
    """Ask the server and print what `words` makes of its answer."""
    if line := words(_ask(directory, method, path, body)):
        write_line(line)
    return 0


def _ask(directory: Path, method: str, path: str, body: object) -> Any:
    try:
        return ask_server(directory, method, path, body)
    except OSError:
        fail(EXIT_UNREACHABLE, f"No server runs on {directory}: name its data directory with --data, or start it.")
