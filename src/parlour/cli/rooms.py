"""`parlour rooms`: closes rooms to guests and opens them again, on a running server or in its data directory."""

from __future__ import annotations

import asyncio
from pathlib import Path
from urllib.parse import quote

import click

from parlour.chat.policies import Policies
from parlour.chat.rooms import Rooms
from parlour.cli.data import data_option
from parlour.cli.operator import ask_server
from parlour.cli.output import EXIT_REFUSED, EXIT_UNREACHABLE, fail
from parlour.cli.streams import write_line
from parlour.clock import SystemClock, SystemIds
from parlour.core.actor import OPERATOR
from parlour.core.errors import Refusal
from parlour.core.names import room_name
from parlour.core.payloads import Access, Settings
from parlour.store.errors import StoreError
from parlour.store.sqlite.directory import DATABASE
from parlour.store.sqlite.errors import DirectoryInUse
from parlour.store.sqlite.store import SqliteStore

_EXIT_CODES = (
    "Exit codes: 0 done, also if it was so already; 1 refused; 2 wrong usage; 3 there is no such data directory, it "
    "cannot be used, or its server has no operator's socket; 4 the server was told and did not answer: ask again; 6 "
    "standard output could not be written."
)


@click.group("rooms", epilog=_EXIT_CODES)
def rooms() -> None:
    """Close rooms to guests, or open them again.

    While a server runs on the data directory, it is told through a socket there, `operator.sock`, which only the user
    who runs the server can open.
    """


@rooms.command("close", epilog=_EXIT_CODES)
@click.argument("room")
@data_option()
def close(room: str, directory: Path) -> int:
    """Close ROOM to guests: they post nothing more in it, and are shown nothing more of it."""
    return _set(directory, room, "members")


@rooms.command("open", epilog=_EXIT_CODES)
@click.argument("room")
@data_option()
def open_(room: str, directory: Path) -> int:
    """Open ROOM to guests again, with everything that is in it."""
    return _set(directory, room, "open")


def _set(directory: Path, room: str, access: Access) -> int:
    try:
        name = room_name(room)
    except Refusal as refusal:
        raise click.BadParameter(refusal.detail, param_hint="ROOM") from refusal
    seq = _tell_server(directory, name, access)
    if seq is None:
        seq = asyncio.run(_set_in_directory(directory, name, access))
    words = "closed" if access == "members" else "open"
    write_line(f"{name} is {words} to guests since event {seq}" if seq else f"{name} was never closed")
    return 0


def _tell_server(directory: Path, room: str, access: Access) -> int | None:
    """Have the running server do it: the seq of the policy in force; None if no server listens."""
    try:
        answer = ask_server(directory, "PATCH", f"/api/v1/rooms/{quote(room, safe='')}", {"access": access})
    except OSError:
        return None
    seq: int = answer.get("policy_seq", 0)
    return seq


async def _set_in_directory(directory: Path, room: str, access: Access) -> int:
    """Do it in a directory on which no server runs."""
    if not (directory / DATABASE).exists():
        fail(EXIT_UNREACHABLE, f"There is no data in {directory}: name the data directory with --data.")
    try:
        store = await SqliteStore.open(directory, clock=SystemClock(), ids=SystemIds(), on_fatal=lambda _error: None)
    except DirectoryInUse as error:
        who = f"process {error.pid}" if error.pid else "another process"
        text = f"A server ({who}) runs on {directory}, but it has no operator's socket there, or not yet"
        fail(EXIT_UNREACHABLE, f"{text}: its log says why (no_operator_socket); restart it to make one.")
    except StoreError as error:
        fail(EXIT_UNREACHABLE, str(error))
    try:
        policies = Policies("open")
        policies.load(await store.policies())
        policy = await Rooms(store, SystemIds(), policies).change(OPERATOR, room, Settings(access=access))
    except Refusal as refusal:
        fail(EXIT_REFUSED, f"refused: {refusal.detail} ({refusal.code})")
    finally:
        await store.close()
    return policy.seq
