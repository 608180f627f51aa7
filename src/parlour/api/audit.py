"""The log of the server for its owners: as JSON, as lines to keep, on a page, and verified."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw, Struct

from parlour.api.audit_words import words_for
from parlour.api.forms import sign_in_first
from parlour.api.operation import Operation, Success
from parlour.api.parameters import TEXT, OnlyJson, ParameterKind, number
from parlour.api.resource import Resource
from parlour.chat.audit import PRIVATE_TYPES, Entry
from parlour.core.cursor import MAX_SEQ
from parlour.core.errors import Refusal
from parlour.http.fields import FieldName
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.audit import AuditEntry, AuditHead, AuditLog, AuditVerdict
from parlour.schema.json_line import encode

MAX_ENTRIES = 1000
SHOWN = 100
"""Entries on one page."""

_HEAD = re.compile(r"([0-9]{1,11}):([0-9a-f]{64})")
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def _event_number(text: str, name: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 11 and int(text) <= MAX_SEQ):
        raise Refusal("bad_parameter", f"{name} is the number of an event.", field=name)
    return int(text)


_AFTER = ParameterKind(Annotated[int, Meta(ge=0, le=MAX_SEQ)], _event_number)


class AuditOptions(OnlyJson, frozen=True, kw_only=True):
    """The range of entries of the log to return."""

    after: Annotated[int, _AFTER, "Entries behind this number."] = 0
    limit: Annotated[int, number(1, MAX_ENTRIES), "How many at most."] = MAX_ENTRIES


class VerifyOptions(OnlyJson, frozen=True, kw_only=True):
    """A link of the chain that was noted elsewhere, to compare the log with."""

    head: Annotated[str, TEXT, "A link that was noted before, `seq:hash`."] = ""


class LogPageOptions(Struct, frozen=True, kw_only=True):
    """The entries of the log that the page shows."""

    before: Annotated[str, TEXT, "Entries before this number."] = ""


def audit_entry(entry: Entry) -> AuditEntry:
    """An entry as JSON."""
    event, link = entry
    digest, hash_ = ("", "") if link is None else (link.digest, link.hash)
    if event.type in PRIVATE_TYPES:
        return AuditEntry(event.seq, digest, hash_)
    return AuditEntry(event.seq, digest, hash_, Raw(event.json))


class AuditResource(Resource):
    """The handlers of the log of the server."""

    @Operation(
        "GET",
        "/api/v1/audit",
        "The log of the server",
        id="getAuditLog",
        help="For owners of the server: what happened to accounts, sign-ins, invitations and settings, by whom and "
        "when, oldest first, each with its link in a chain of hashes. Go on with `after`, the last `seq`.",
        right="audit",
        rate="reading",
        parameters=AuditOptions,
        answers=(Success(200, "The entries.", AuditLog),),
        refusals=("storage_unavailable",),
        example="-u alice '{url}/api/v1/audit?limit=10'",
    )
    async def log(self, request: Request, options: AuditOptions) -> Response:
        """A part of the log."""
        found = await self.context.audit.after(request.actor, options.after, options.limit + 1)
        entries = [audit_entry(entry) for entry in found[: options.limit]]
        body = encode(AuditLog(entries, len(found) > options.limit))
        return Response(body=body, content_type=JSON)

    @Operation(
        "GET",
        "/api/v1/audit/verification",
        "Verify the log of the server",
        id="verifyAuditLog",
        help="For its owners. Compares every event with the chain of hashes: says what was changed, removed, put in "
        "another order or cut off. Who can write to the database can make another chain, which only a `head` tells "
        "that was noted elsewhere.",
        right="audit",
        rate="reading",
        parameters=VerifyOptions,
        answers=(Success(200, "What was found.", AuditVerdict),),
        refusals=("storage_unavailable",),
        example="-u alice {url}/api/v1/audit/verification",
    )
    async def verify(self, request: Request, options: VerifyOptions) -> Response:
        """The log compared with its chain."""
        noted = None
        if options.head:
            found = _HEAD.fullmatch(options.head)
            if found is None:
                raise Refusal("bad_parameter", "head is the number of an event, a colon, and its hash.", field="head")
            noted = int(found[1]), found[2]
        verdict = await self.context.audit.verify(request.actor, noted)
        head = AuditHead(0, "") if verdict.head is None else AuditHead(verdict.head.seq, verdict.head.hash)
        return Response(body=encode(AuditVerdict(verdict.events, head, verdict.wrong)), content_type=JSON)

    @Operation(
        "GET",
        "/admin/log",
        "The page of the server's log",
        right=None,
        page_for="audit",
        parameters=LogPageOptions,
        example="-u alice {url}/admin/log",
    )
    async def show(self, request: Request, options: LogPageOptions) -> Response:
        """The newest entries, or older ones; a guest is led to signing in."""
        if request.actor.account is None:
            return sign_in_first(request)
        text = options.before
        before = int(text) if text.isascii() and text.isdigit() and len(text) <= 11 else None
        found = await self.context.audit.newest(request.actor, before, SHOWN)
        rows = [_row(entry, self._named) for entry in reversed(found)]
        lines = "\n".join(f"{row['seq']}  {row['at'][:19]}Z  {row['by']}  {row['words']}" for row in reversed(rows))
        return await self.framed(
            request,
            "log.html",
            "Log of the server",
            here="admin",
            is_admin=True,
            rows=rows,
            older=found[0].event.seq if found and found[0].event.seq > 1 else None,
            said=(lines,),
        )

    @Operation(
        "GET",
        "/admin/log.jsonl",
        "The log of the server as lines of JSON",
        help="Up to 1000 entries, each as in `GET /api/v1/audit`; go on with `after`.",
        right="audit",
        rate="reading",
        parameters=AuditOptions,
        refusals=("storage_unavailable",),
        example="-u alice {url}/admin/log.jsonl",
    )
    async def lines(self, request: Request, options: AuditOptions) -> Response:
        """The same, a line for each entry."""
        found = await self.context.audit.after(request.actor, options.after, options.limit)
        body = b"".join(encode(audit_entry(entry)) + b"\n" for entry in found)
        disposition = (FieldName.CONTENT_DISPOSITION, b'attachment; filename="log.jsonl"')
        return Response(body=body, content_type=b"application/x-ndjson", fields=(disposition,))

    def _named(self, id_: str) -> str:
        account = self.context.people.identities.accounts.get(id_)
        return id_ if account is None or account.state == "deleted" else account.name


def _row(entry: Entry, named: Callable[[str], str]) -> dict[str, Any]:
    """An entry as the page shows it; `named` says what the account with an id is called."""
    event = _decode(entry.event.json)
    is_private = entry.event.type in PRIVATE_TYPES
    return {
        "seq": entry.event.seq,
        "at": event["at"],
        "by": "" if is_private else event["by"]["name"],
        "words": "somebody has changed whom they have blocked" if is_private else words_for(event, named),
        "hash": "" if entry.link is None else entry.link.hash[:12],
    }
