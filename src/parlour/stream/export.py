"""A room as a file: everything that one may read of it, written as it is taken, up to what is there at that moment."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from parlour.core.event import Stored, shown_name
from parlour.hub.channel import Channel
from parlour.hub.encoder import Encoder
from parlour.hub.hub import Hub
from parlour.schema.events import CaughtUp, Closed, Control, Heartbeat, Reset, decode_event
from parlour.stream.encoding import NDJSON, TEXT
from parlour.stream.follow import FollowSession
from parlour.stream.live import Client, Starts, Timing
from parlour.wire.chunked import chunk

_STYLE = (
    "body{max-width:48rem;margin:2rem auto;padding:0 1rem;font:1rem/1.5 system-ui,sans-serif}"
    "p{margin:.25rem 0;white-space:pre-wrap;overflow-wrap:anywhere}time,i{color:#666;font-size:.875em}"
)


def html_begin(title: str, address: str) -> bytes:
    """The beginning of an export as HTML: one file that needs no other."""
    shown = escape(title)
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n<title>{shown}</title>\n<style>{_STYLE}</style>\n'
        f"<h1><bdi>{shown}</bdi></h1>\n<p><i>{escape(address)}</i></p>\n"
    ).encode()


HTML_END = b"</html>\n"


def _html_events(_room: str, _epoch: str, events: Sequence[Stored]) -> bytes:
    return "".join(map(_html_line, events)).encode()


def _html_line(stored: Stored) -> str:
    event = decode_event(stored.json)
    said = event.shown_text
    if said is None:
        return ""
    at = f'<time datetime="{event.at}">{event.at[:10]} {event.at[11:19]}</time>'
    who = f"<b><bdi>{escape(shown_name(event.by))}</bdi></b>"
    words = f'<span dir="auto">{escape(said)}</span>'
    return f"<p>{at} {who}: {words}</p>\n" if event.text is not None else f"<p>{at} <i>{who} {words}</i></p>\n"


def _html_control(item: Control) -> bytes:
    if isinstance(item, Reset):
        return f"<p><i>Here events up to {item.head_seq} are missing: {item.reason}.</i></p>\n".encode()
    if isinstance(item, Closed):
        return f"<p><i>{escape(item.detail)}</i></p>\n".encode()
    return b""


def _only_gaps(encoder: Encoder) -> Encoder:
    """The same without what is said of the line alone."""

    def control(item: Control) -> bytes:
        return b"" if isinstance(item, CaughtUp | Heartbeat) else encoder.control(item)

    return Encoder(encoder.events, control, encoder.is_shared, encoder.is_costly)


EXPORTS = {
    "text": _only_gaps(TEXT),
    "ndjson": _only_gaps(NDJSON),
    "html": Encoder(_html_events, _html_control, is_costly=True),
}
"""The encoders of files, by their formats."""


class ExportSession(FollowSession):
    """Writes a room from its first event on, and ends at the newest one; a file that is not whole is cut off."""

    __slots__ = ("_last",)

    def __init__(
        self,
        hub: Hub,
        encoder: Encoder,
        starts: Starts,
        client: Client,
        timing: Timing,
        in_chunks: bool,
        first: bytes,
        last: bytes,
    ) -> None:
        super().__init__(hub, encoder, starts, client, timing, in_chunks, first)
        self._last = chunk(last) if in_chunks and last else last

    def caught_up(self, channel: Channel) -> None:
        """All is written that was there."""
        if self._last:
            self.write(self._last)
        self.finish()

    def send_heartbeat(self) -> None:
        """A file says nothing while it waits."""
        if self.sink is not None:
            self.sink.wake_in(self.timing.heartbeat_s)

    def close_with_bye(self, reconnect_after_ms: int, reason: str) -> None:
        """Whoever gets half a file shall know it."""
        self.cut_off()
