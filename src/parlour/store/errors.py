"""Why data cannot be opened."""

from __future__ import annotations


class StoreError(Exception):
    """The data cannot be opened; the message says why, and what to do."""


class Damaged(StoreError):
    """The data cannot be read, or lacks what was stored."""
