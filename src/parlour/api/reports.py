"""Reports of messages: made by readers, looked at by moderators, with the actions beside them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast

from msgspec import Struct

from parlour.api.bodies import read_json
from parlour.api.events import EVENT, EventOptions
from parlour.api.forms import Form, errors_of, form_fields, page, sign_in_first
from parlour.api.messages import room_path
from parlour.api.operation import Operation, Success
from parlour.api.parameters import ROOM, TEXT, OnlyJson, one_of
from parlour.api.resource import Resource
from parlour.api.restrictions import author_meant
from parlour.api.sign_ins import DISK, JSON_BODY
from parlour.chat.reports import require_message
from parlour.chat.restrictions import Wanted
from parlour.chat.tables.reports import Report, ReportState
from parlour.core.errors import Refusal
from parlour.core.policy import end_in_words
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.event_json import at_text
from parlour.schema.events import Event, decode_event
from parlour.schema.json_line import encode
from parlour.schema.reports import ChangeReport, NoteInfo, ReportBody, ReportInfo, ReportList, ReportMade

AROUND = 2
"""Events before a reported message, and behind it, that are shown with it."""

_FIELDS = ("do", "id", "note", "reason")

_DONE_ABOUT_IT = frozenset({"delete", "mute", "ban", "ban_server"})
"""The forms of the page that do something about the message, which is noted with the report."""
_REFUSALS = ("not_found", "gone", "forbidden", "bad_text", "rate_limited", *DISK)


class ReportsOptions(OnlyJson, frozen=True, kw_only=True):
    """The reports to list."""

    state: Annotated[Literal["open", "closed"], one_of("open", "closed"), "Those that are open, or closed."] = "open"


class ReportPageOptions(Struct, frozen=True, kw_only=True):
    """The message to report, on a page."""

    room: Annotated[str, ROOM, "The room."]
    item: Annotated[int, EVENT, "The number of the event, its `seq`."]


class QueuePageOptions(Struct, frozen=True, kw_only=True):
    """The reports that the page shows."""

    state: Annotated[Literal["open", "closed"], one_of("open", "closed"), "Those that are open, or closed."] = "open"


class ReportOptions(OnlyJson, frozen=True, kw_only=True):
    """The id of one report."""

    id: Annotated[str, TEXT, "The id of a report."]


class ReportsResource(Resource):
    """The handlers of reports."""

    @Operation(
        "POST",
        "/api/v1/rooms/{room}/messages/{item}/report",
        "Report a message to the moderators",
        id="reportMessage",
        help="For everybody who may read it. A repeat is answered with the report from before.",
        right="read",
        parameters=EventOptions,
        body=ReportBody,
        answers=(Success(201, "The report.", ReportMade),),
        refusals=(*JSON_BODY, *_REFUSALS),
        example='--json \'{"reason":"spam"}\' {url}/api/v1/rooms/lobby/messages/1/report',
    )
    async def report(self, request: Request, options: EventOptions) -> Response:
        """One more report."""
        event, body = await self._seen(request, options), read_json(request, ReportBody)
        made = await self.context.reports.report(request.actor, options.room, event.seq, event.type, body.reason)
        return Response(201, encode(ReportMade(made.id, made.room, made.seq, made.state)), JSON)

    @Operation(
        "GET",
        "/{room}/{item}/report",
        "The page that reports a message",
        right="read",
        rate="reading",
        parameters=ReportPageOptions,
        refusals=("not_found", "gone", "forbidden", "storage_unavailable"),
        example="-H 'Accept: text/html' {url}/lobby/1/report",
    )
    async def ask(self, request: Request, options: ReportPageOptions) -> Response:
        """A field for the reason, beside the message."""
        event = await self._seen(request, options)
        require_message(event.type)
        return self._ask(request, options, event)

    @Operation(
        "POST",
        "/{room}/{item}/report",
        "The form that reports a message",
        right="read",
        parameters=ReportPageOptions,
        body=Form,
        refusals=("bad_form", "unsupported_media_type", *_REFUSALS),
        example="-d reason=spam {url}/lobby/1/report",
    )
    async def report_by_form(self, request: Request, options: ReportPageOptions) -> Response:
        """The same for browsers and curl."""
        event = await self._seen(request, options)
        form = form_fields(request, *_FIELDS)
        try:
            await self.context.reports.report(request.actor, options.room, event.seq, event.type, form["reason"])
        except Refusal as refusal:
            return self._ask(request, options, event, refusal=refusal, reason=form["reason"])
        return self._ask(
            request, options, event, done="Reported. The moderators of this room and of the server see it."
        )

    async def _seen(self, request: Request, options: EventOptions | ReportPageOptions) -> Event:
        """The event, to who may read it. Raises Refusal."""
        channel = await self.context.door.open(request.actor, options.room, "read")
        try:
            if options.item > channel.head:
                raise Refusal("not_found", f"There is no event {options.item} yet.")
            return decode_event((await self.context.door.event(request.actor, channel, options.item)).json)
        finally:
            channel.release()

    def _ask(
        self,
        request: Request,
        options: ReportPageOptions,
        event: Event,
        *,
        refusal: Refusal | None = None,
        reason: str = "",
        done: str = "",
    ) -> Response:
        path = room_path(request.peer.prefix, options.room).decode()
        return page(
            request,
            "report.html",
            "Report a message",
            refusal=refusal,
            event=event,
            path=path,
            reason=reason,
            done=done,
            said=(done or f"{event.by.name}: {event.text or ''}",),
            errors={} if refusal is None else errors_of(refusal, "reason"),
        )

    @Operation(
        "GET",
        "/api/v1/reports",
        "Reported messages",
        id="getReports",
        help="For moderators of the server all of them, for those of rooms what is reported there. What a message says "
        "is read from the log: of a deleted one it is gone here too, and in rooms that you may not read there is none.",
        right="account",
        rate="reading",
        parameters=ReportsOptions,
        answers=(Success(200, "The newest, at most 100.", ReportList),),
        refusals=("storage_unavailable",),
        example="-u alice {url}/api/v1/reports",
    )
    async def list(self, request: Request, options: ReportsOptions) -> Response:
        """The queue."""
        infos = await self._infos(request, options.state)
        total = await self.context.reports.count(request.actor, options.state)
        return Response(body=encode(ReportList(infos, total)), content_type=JSON)

    @Operation(
        "PATCH",
        "/api/v1/reports/{id}",
        "Close a report or open it again, and note something about it",
        id="changeReport",
        right="account",
        parameters=ReportOptions,
        body=ChangeReport,
        answers=(Success(200, "The report.", ReportInfo),),
        refusals=(*JSON_BODY, "not_found", "bad_text", *DISK),
        example='-u alice -X PATCH --json \'{"state":"closed"}\' {url}/api/v1/reports/r_53vdn63huduuored',
    )
    async def change(self, request: Request, options: ReportOptions) -> Response:
        """Another state, or a note."""
        body = read_json(request, ChangeReport)
        report = await self.context.reports.change(request.actor, options.id, body.state, body.note)
        return Response(body=encode(await self._info(request, report)), content_type=JSON)

    @Operation(
        "GET",
        "/admin/reports",
        "The page of reports",
        right=None,
        page_for="account",
        parameters=QueuePageOptions,
        example="-u alice {url}/admin/reports",
    )
    async def show(self, request: Request, options: QueuePageOptions) -> Response:
        """The queue; a guest is led to signing in."""
        if request.actor.account is None:
            return sign_in_first(request)
        return await self._page(request, options.state)

    @Operation(
        "POST",
        "/admin/reports",
        "What the forms of the page of reports do",
        right="account",
        body=Form,
        refusals=("bad_form", "unsupported_media_type", "not_found", "gone", "forbidden", "bad_text", *DISK),
        example="-u alice -d do=close -d id=r_53vdn63huduuored {url}/admin/reports",
    )
    async def submit(self, request: Request) -> Response:
        """One of the forms; the page again, with what came of it."""
        form = form_fields(request, *_FIELDS)
        try:
            return await self._page(request, "open", done=await self._do(request, form))
        except Refusal as refusal:
            return await self._page(request, "open", refusal=refusal)

    async def _do(self, request: Request, form: dict[str, str]) -> str:
        """Carry out a form: the sentence that says so. Raises Refusal."""
        context, actor, do = self.context, request.actor, form["do"]
        state = {"close": "closed", "open": "open"}.get(do)
        report = await context.reports.change(actor, form["id"], cast("ReportState | None", state), form["note"])
        if do in _DONE_ABOUT_IT:
            said, note = await self._act(request, report, do)
            await context.reports.change(actor, report.id, None, note)
            return said
        if do == "note" or state is not None:
            return {"closed": "Closed.", "open": "Open again."}.get(state or "", "Noted.")
        raise Refusal("bad_form", "The page has no such form.", field="do")

    async def _act(self, request: Request, report: Report, do: str) -> tuple[str, str]:
        """Do something about a reported message: the sentence that says so, and what is noted of it. Raises Refusal.

        The note is read by moderators of the server who may not read the room, so it names nobody from there.
        """
        context, actor = self.context, request.actor
        if do == "delete":
            channel = await context.door.open(actor, report.room, "read")
            try:
                event = await context.door.event(actor, channel, report.seq)
            finally:
                channel.release()
            await context.redactions.redact(actor, report.room, event.seq, event.type, decode_event(event.json).by)
            return "The message is deleted.", "Deleted the message."
        whom = await author_meant(context, request, report.room, report.seq, None)
        if do == "ban_server":
            ban = await context.people.bans.ban_guest(actor, whom, report.reason, 1440, newcomers=True)
            noted = f"Banned the author from this server until {_end(ban.until_ms)}."
            return f"{whom.name} is banned from this server for a day.", noted
        wanted = Wanted("muted", 60) if do == "mute" else Wanted("banned", 1440)
        policy = await context.restrictions.restrict(actor, report.room, whom, wanted)
        noted = (
            f"{wanted.what.capitalize()} the author in this room until {_end(policy.restrictions[whom.id].until_ms)}."
        )
        how_long = "muted for an hour" if do == "mute" else "banned for a day"
        return f"{whom.name} is {how_long} in this room.", noted

    async def _infos(self, request: Request, state: ReportState) -> Sequence[ReportInfo]:
        return [await self._info(request, each) for each in await self.context.reports.all(request.actor, state)]

    async def _info(self, request: Request, report: Report) -> ReportInfo:
        """A report with its message, where who asks may read that."""
        account = self.context.people.identities.accounts.get
        events = await self._events(request, report)
        by = account(report.made_by)
        notes = [
            NoteInfo("" if (who := account(note.made_by)) is None else who.name, at_text(note.made_ms), note.text)
            for note in await self.context.reports.notes(report)
        ]
        return ReportInfo(
            report.id,
            report.room,
            report.seq,
            report.reason,
            report.name if by is None else by.name,
            at_text(report.made_ms),
            report.state,
            next((event for event in events if event.seq == report.seq), None),
            [event for event in events if event.seq != report.seq],
            notes,
        )

    async def _events(self, request: Request, report: Report) -> Sequence[Event]:
        """A reported message and those around it; none where who asks may not read them, or they are not kept."""
        door, actor = self.context.door, request.actor
        try:
            channel = await door.open(actor, report.room, "read")
        except Refusal:
            return ()
        try:
            found = await door.before(actor, channel, report.seq + AROUND + 1, 2 * AROUND + 1)
        except Refusal:
            return ()
        finally:
            channel.release()
        return [decode_event(event.json) for event in found]

    async def _page(
        self, request: Request, state: ReportState, *, done: str = "", refusal: Refusal | None = None
    ) -> Response:
        reports = await self._infos(request, state)
        may = self.context.policies.may
        newest = newest_of(len(reports), await self.context.reports.count(request.actor, state))
        words = (
            "".join(f"{each.id}  {each.room}/{each.seq}  {each.state}  {each.reason}\n" for each in reports) + newest
        )
        return await self.framed(
            request,
            "reports.html",
            "Reports",
            refusal=refusal,
            here="reports",
            is_admin=self.context.policies.may_everywhere(request.actor, "administer"),
            reports=[(each, may(request.actor, "restrict", each.room)) for each in reports],
            may_ban=self.context.policies.may_everywhere(request.actor, "order"),
            paths={each.room: room_path(request.peer.prefix, each.room).decode() for each in reports},
            state=state,
            newest=newest,
            done=done,
            said=(done or words.rstrip() or "no reports",),
            errors={} if refusal is None else errors_of(refusal),
        )


def _end(until_ms: int | None) -> str:
    """When something ends that ends by itself."""
    return "" if until_ms is None else end_in_words(until_ms)


def newest_of(shown: int, total: int) -> str:
    """The line above a list of reports that is cut off; empty for a whole list."""
    return f"The newest {shown} of {total}." if total > shown else ""
