"""The words of mail: one row a kind, from which the plain text and a simple HTML form come."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import fill
from typing import NamedTuple

from parlour.ui.page import template


class Words(NamedTuple):
    """A kind of mail. `{site}` is the name of the server; others are details of the mail.

    `link` is what stands before the address of a link, with the end of the path that the link has: `{secret}` for that
    of the mail. `why` says why somebody gets it.
    """

    subject: str
    before: tuple[str, ...]
    link: str
    path: str
    after: tuple[str, ...]
    why: str

    @property
    def needs_secret(self) -> bool:
        """Whether its link works for whoever has it, for a while."""
        return "{secret}" in self.path


_YOURS = "You get this mail because this address is that of your account at {site}."
_NOT_YOU = "If this was not you: set a new password at once, and look through what you are signed in with at {account}."

LETTERS: Mapping[str, Words] = {
    "reset": Words(
        "A new password at {site}",
        ("Somebody, most likely you, has forgotten the password of your account {name} at {site}.",),
        "Set a new password",
        "/reset/{secret}",
        (
            "The link works once, within an hour. You will be signed out everywhere else.",
            "If it was not you, do nothing: nobody but you has this link, and your password is as it was.",
        ),
        _YOURS,
    ),
    "verify": Words(
        "Is this your e-mail address? ({site})",
        ("{name} at {site} says that this is their e-mail address.",),
        "Yes, it is mine",
        "/account/email/{secret}",
        (
            "The link works for a day, in a browser that is signed in as {name}.",
            "If you are not {name}, do nothing: without the link this address is not used.",
        ),
        "You get this mail because somebody has given this address at {site}. Nobody sends you more without the link.",
    ),
    "email_taken": Words(
        "Your e-mail address at {site}",
        (
            "{name} at {site} says that this is their e-mail address. Another account there, most likely yours, has"
            " it already: an address belongs to one account.",
        ),
        "Sign in with the account that has it, or ask for a new password for it",
        "/login",
        ("To use it for {name}, take it away from the other account first. If that was not you, do nothing.",),
        _YOURS,
    ),
    "email_changed": Words(
        "This is no longer your e-mail address at {site}",
        ("Your account {name} at {site} has another e-mail address from now on, or none.",),
        "Look at your account",
        "/account",
        ("If this was not you, write to somebody who runs {site}, who can sign everybody out of your account.",),
        "You get this mail because this address was that of your account at {site}.",
    ),
    "signed_in": Words(
        "A new device is signed in as {name} ({site})",
        ("Somebody has signed in at {site} as {name}, on a device that had not done so before: {device}.",),
        "See what you are signed in with",
        "/account#devices",
        ("If this was you, there is nothing to do.", _NOT_YOU),
        _YOURS,
    ),
    "password": Words(
        "Your password at {site} has been changed",
        ("Your account {name} at {site} has a new password. It was signed out everywhere else.",),
        "Look at your account",
        "/account",
        ("If this was you, there is nothing to do.", _NOT_YOU),
        _YOURS,
    ),
    "linked": Words(
        "{provider} opens your account at {site} now",
        ("Your account {name} at {site} can be signed in to with {provider} from now on, besides the ways before.",),
        "See what opens your account",
        "/account#ways",
        ("If this was you, there is nothing to do.", _NOT_YOU),
        _YOURS,
    ),
    "factors": Words(
        "How you sign in at {site} has changed",
        ("Your account {name} at {site}: {change}",),
        "Look at your second factor",
        "/account/second-factor",
        ("If this was you, there is nothing to do.", _NOT_YOU),
        _YOURS,
    ),
    "invitation": Words(
        "{by} invites you to {site}",
        ("{by} invites you to {site}, a place for people to talk. It needs nothing but a browser.",),
        "Make your account",
        "/join/{secret}",
        ("The link works once, for {days}.",),
        "You get this mail because {by} has given this address. Nobody else at {site} knows it; no more mail comes.",
    ),
    "digest": Words(
        "What you have not read at {site}",
        ("{name}, this is unread in your rooms at {site}:", "{lines}"),
        "Read it",
        "/me",
        (),
        "You get this mail once a day because you have asked for it; it comes only if there is something new. To have"
        " no more of it: {end}",
    ),
    "test": Words(
        "Mail from {site} arrives",
        ("You have asked for this mail in Administration: what {site} sends arrives here.",),
        "Back to Administration",
        "/admin#mail",
        (),
        _YOURS,
    ),
}
"""By the kind of a mail (`chat/mails.py`)."""


class Letter(NamedTuple):
    """A mail, ready to be sent."""

    subject: str
    text: str
    html: str


def letter(kind: str, details: Mapping[str, str], base_url: str, secret: str) -> Letter:
    """A mail of a kind. `base_url` is where people reach the server, without a slash at the end."""
    words = LETTERS[kind]
    site = base_url.partition("://")[2]
    empty = dict.fromkeys(("name", "device", "by", "days", "provider", "change", "lines", "end"), "")
    values = {**empty, **details, "site": site, "account": f"{base_url}/account"}

    def said(text: str) -> str:
        return text.format_map(values)

    address = base_url + words.path.replace("{secret}", secret)
    before, after = [said(each) for each in words.before], [said(each) for each in words.after]
    why = said(words.why)
    lines = [*map(_wrapped, before), f"{said(words.link)}:\n{address}", *map(_wrapped, after), f"-- \n{_wrapped(why)}"]
    html = template("letter.html").render(
        subject=said(words.subject), before=before, link=said(words.link), address=address, after=after, why=why
    )
    return Letter(said(words.subject), "\n\n".join(lines) + "\n", html)


def _wrapped(paragraph: str) -> str:
    if "\n" in paragraph:
        return paragraph
    return fill(paragraph, 72, break_long_words=False, break_on_hyphens=False)
