"""What the server says about itself (docs/protocol.md#api)."""

from __future__ import annotations

import msgspec

from parlour.schema.fields import Epoch


class ServerInfo(msgspec.Struct, frozen=True):
    """What this is, and where the rest is described; `openapi` and `help` are paths."""

    server: str
    version: str
    epoch: Epoch
    openapi: str = "/api/v1/openapi.json"
    help: str = "/help"
