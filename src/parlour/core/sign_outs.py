"""Why somebody is signed out, and the sentence that tells them: they have shown who they are, so they may know."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

SignOut: TypeAlias = Literal["", "by_hand", "idle", "over", "password", "role", "too_many", "factors"]
"""Why a session or token has ended; empty where an event of an earlier version does not say."""

SIGNED_OUT: Mapping[SignOut, str] = {
    "": "You were signed out.",
    "by_hand": "You were signed out: this sign-in was ended, in this browser or from elsewhere.",
    "idle": "You were signed out: this session was not used for too long.",
    "over": "You were signed out: the time of this sign-in is over.",
    "password": "You were signed out: the account has another password now.",
    "role": "You were signed out: you have another role now. Sign in again to use it.",
    "factors": "You were signed out: what your account needs for signing in has changed.",
    "too_many": "You were signed out: you have signed in on too many other devices.",
}

DISABLED = "This account is disabled: ask somebody who runs this server."
FACTOR_DEMANDED = "This server demands a second factor of you now: set one up on the page of your account."
DELETED = "You were signed out: this account is deleted."
