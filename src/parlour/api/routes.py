"""The route table: every address of the server in one place."""

from __future__ import annotations

from parlour.api.context import Context
from parlour.api.front import Front
from parlour.api.guard import Guard
from parlour.api.info import Info
from parlour.api.many import Many
from parlour.api.messages import Messages
from parlour.api.openapi import OpenApi
from parlour.api.pages import Pages
from parlour.api.rooms import Rooms
from parlour.http.router import Route


def routes(context: Context, guard: Guard, pages: Pages) -> list[Route]:
    """All routes, bound to their handlers."""
    rooms = Rooms(context, guard, pages)
    messages = Messages(context, guard)
    front = Front(messages, rooms, pages, context, guard)
    many = Many(context, guard)
    info = Info(context)
    body = context.limits.body_bytes
    table = [
        Route("GET", "/", front.home),
        Route("POST", "/send", front.post, max_body=body),
        Route("GET", "/{room}", rooms.read),
        Route("POST", "/{room}", front.post, max_body=body),
        Route("PUT", "/{room}", front.post, max_body=body),
        Route("GET", "/{room}/{item}", rooms.event),
        Route("PUT", "/{room}/{item}", messages.put, max_body=body),
        Route("GET", "/api/v1/rooms", rooms.list),
        Route("GET", "/api/v1/rooms/{room}", rooms.describe),
        Route("GET", "/api/v1/rooms/{room}/messages", rooms.api_read),
        Route("POST", "/api/v1/rooms/{room}/messages", messages.api_post, max_body=body),
        Route("GET", "/api/v1/rooms/{room}/messages/{item}", rooms.api_event),
        Route("PUT", "/api/v1/rooms/{room}/messages/{item}", messages.api_put, max_body=body),
        Route("GET", "/api/v1/stream", many.stream),
        Route("GET", "/api/v1", info.version, public=True),
        Route("GET", "/help", info.help, public=True),
        Route("GET", "/limits", info.limits, public=True),
        Route("GET", "/api/v1/limits", info.api_limits, public=True),
        Route("GET", "/healthz", info.alive, public=True),
        Route("GET", "/readyz", info.ready, public=True),
        Route("GET", "/static/{file}", info.asset, public=True),
        Route("GET", "/favicon.ico", info.icon, public=True),
        Route("GET", "/manifest.webmanifest", info.manifest, public=True),
        Route("GET", "/robots.txt", info.robots, public=True),
    ]
    described = OpenApi(table, context)
    table += [
        Route("GET", "/api", described.page, public=True),
        Route("GET", "/api/v1/openapi.json", described.document, public=True),
    ]
    return table
