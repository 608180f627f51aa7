"""The first step of what somebody changes: they are still who they were when their right was judged."""

from __future__ import annotations

from parlour.chat.tables.accounts import ACCOUNT
from parlour.chat.tables.sign_ins import SIGN_IN_BY_ID, SignIn
from parlour.chat.transactions import Transaction
from parlour.core.accounts import Account
from parlour.core.actor import Actor
from parlour.core.errors import Refusal
from parlour.core.sign_outs import SIGNED_OUT


def require_unchanged(actor: Actor) -> Transaction[SignIn | None]:
    """The sign-in of the actor as it is now; None for a password, or for nobody.

    A request may be under way, or wait for its turn, while its account is disabled or given another role, or its
    session or token ended. Raises Refusal("login_required") or ("forbidden") then.
    """
    if actor.account is None:
        return None
    accounts: list[Account] = yield ACCOUNT(actor.account.id)
    if not accounts or accounts[0].state != "active":
        raise Refusal("login_required", SIGNED_OUT[""])
    if accounts[0].role != actor.account.role:
        raise Refusal("forbidden", "Your role on this server has just been changed: ask again.")
    if actor.sign_in is None:
        return None
    sign_ins: list[SignIn] = yield SIGN_IN_BY_ID(actor.sign_in)
    if not sign_ins:
        raise Refusal("login_required", SIGNED_OUT[""])
    return sign_ins[0]
