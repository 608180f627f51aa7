"""Names for the program behind a User-Agent in a list of sessions: `Firefox on Linux`, `curl`."""

from __future__ import annotations

from parlour.core.text import visible

_BROWSERS = {"Firefox/": "Firefox", "Edg/": "Edge", "OPR/": "Opera", "Chrome/": "Chrome", "Safari/": "Safari"}
"""The first that is found counts: most say that they are the later ones too."""

_SYSTEMS = {
    "Android": "Android",
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def device(user_agent: str) -> str:
    """The name, or the first word of the User-Agent where it is not that of a known browser."""
    browser = next((name for part, name in _BROWSERS.items() if part in user_agent), "")
    system = next((name for part, name in _SYSTEMS.items() if part in user_agent), "")
    if browser:
        return f"{browser} on {system}" if system else browser
    return visible(user_agent.partition("/")[0])
