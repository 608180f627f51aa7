"""Parlour: a chat server that any HTTP client can join."""

from __future__ import annotations

from typing import TYPE_CHECKING

from parlour.version import __version__

__all__ = ["RunningServer", "__version__", "handle_client", "send_message", "start_server", "start_server_async"]

if TYPE_CHECKING:
    from parlour.embed import RunningServer, handle_client, send_message, start_server, start_server_async


def __getattr__(name: str) -> object:
    """Load the server only for those who embed it: `parlour chat` starts faster without."""
    if name in __all__:
        from parlour import embed

        return getattr(embed, name)
    raise AttributeError(f"module 'parlour' has no attribute {name!r}")
