"""The base of background work such as retention: handles each commit once, in order, from a cursor in the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from parlour.chat.transactions import CommitsAfter, Committed, GetCursor, SetCursor, Transaction

COMMITS_PER_STEP = 500
"""What one transaction handles: some milliseconds, because messages may be waiting behind it."""


def follow(follower: str, handle: Callable[[Sequence[Committed]], Transaction[None]]) -> Transaction[bool]:
    """Handle the next commits of a follower that has a cursor; gives whether there may be more.

    What `handle` changes and the new cursor are stored together: each commit is handled once, also over a crash.
    """
    position: int = yield GetCursor(follower)
    commits: Sequence[Committed] = yield CommitsAfter(position, COMMITS_PER_STEP)
    if commits:
        yield from handle(commits)
        yield SetCursor(follower, commits[-1].position)
    return len(commits) == COMMITS_PER_STEP


def forget(follower: str) -> Transaction[None]:
    """Remove the cursor of a follower that does not run: the log of commits is kept for nobody."""
    yield SetCursor(follower, None)
