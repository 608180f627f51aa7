"""The text of `GET /help`: everything a person with curl needs, and what each error means."""

from __future__ import annotations

from parlour.core.errors import ERRORS
from parlour.core.limits import Limits

_HELP = """\
PARLOUR - a room is a URL. Rooms come into being when somebody speaks in them.

SAY SOMETHING
  curl -d 'hello' {origin}/lobby
  curl -d 'hello' '{origin}/lobby?name=alice'
  curl -X POST {origin}/send -d 'message=Hello'          (room=lobby unless you say room=...)
  curl --data-urlencode 'message=5+5 & more' {origin}/lobby   (any text at all; it needs message= before it)
  uptime | curl -T - -X POST {origin}/lobby
  curl -H 'Content-Type: application/json' -d '{{"text":"hello","name":"alice"}}' {origin}/lobby
  The answer 201 comes when the message is safe on disk. A refusal says so and nothing is stored.
  Not sure whether it arrived? Send it again with the same key; it is stored once:
  curl -H 'Idempotency-Key: backup-2026-11-22' -d 'backup done' {origin}/lobby

READ
  curl {origin}/lobby                                    the last 50 messages
  curl '{origin}/lobby?limit=500'                        the last 500
  curl '{origin}/lobby?since=42'                         what came after message 42
  curl '{origin}/lobby?before=42'                        what came before it
  curl {origin}/lobby/42                                 message 42

LISTEN
  curl -N '{origin}/lobby?follow=1'                      as text, until you press Ctrl-C
  curl -N '{origin}/lobby?follow=1&format=ndjson&since=42'   as JSON lines, from 43 on
  curl -N -H 'Accept: text/event-stream' {origin}/lobby  as server-sent events
  curl '{origin}/lobby?format=json&since=42&wait=25'     one long-poll
  A WebSocket on the same address is live too: one JSON event a frame; send {{"op":"send","text":"hello"}}.

FORMATS   format=text | html | json | ndjson | sse, or the Accept field
CURSORS   since=42, or since=k3f9.42 with the epoch: the same on every transport. Nothing is left out silently: what
          cannot be continued is answered 410, or with an item {{"type":"reset"}} in a stream.
MORE      {origin}/api  {origin}/api/v1/openapi.json  {origin}/limits  {origin}/readyz

LIMITS    a message has at most {text_bytes} bytes and {text_lines} lines

ERRORS    one line "error: ..." as text, application/problem+json to those who accept JSON
"""


def help_text(origin: str, limits: Limits) -> str:
    """The page, with addresses as this client can use them."""
    text = _HELP.format(origin=origin, text_bytes=limits.text_bytes, text_lines=limits.text_lines)
    return text + "".join([f"  {kind.status} {kind.code:<22} {kind.title}\n" for kind in ERRORS.values()])
