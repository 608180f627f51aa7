"""Accounts, sessions, tokens and invitations as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from parlour.core.accounts import (
    MAX_INVITATION_DAYS,
    MAX_INVITATION_USES,
    MAX_PASSWORD_BYTES,
    MAX_TOKEN_DAYS,
    MIN_PASSWORD_CHARS,
    KeptMessages,
    Role,
    Scope,
    State,
)
from parlour.schema.emails import Email
from parlour.schema.fields import AccountName, DisplayName, Hue, Language, RoomName, Status, Time, TimeZone
from parlour.schema.passes import PassInfo

NewPassword = Annotated[
    str,
    Meta(
        description=f"At least {MIN_PASSWORD_CHARS} characters, at most {MAX_PASSWORD_BYTES} bytes of UTF-8, and not "
        "easily guessed.",
        examples=["correct horse battery staple"],
        extra_json_schema={
            "minLength": MIN_PASSWORD_CHARS,
            "maxLength": MAX_PASSWORD_BYTES,
            "pattern": r"^[^\u0000]*$",
        },
    ),
]
Plain = Annotated[str, Meta(extra_json_schema={"pattern": r"^[^\u0000]*$"})]
"""Any text; one with U+0000 is no acceptable JSON."""
_BLANKS = r"\u0000\u0009-\u000d\u001c- \u0085\u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
Label = Annotated[str, Meta(extra_json_schema={"pattern": rf"^[^\u0000]*[^{_BLANKS}][^\u0000]*$"})]
"""Not blank."""


def from_to(least: int, most: int) -> Meta:
    """The schema of a whole number; the verbs refuse others, with what is allowed."""
    return Meta(extra_json_schema={"minimum": least, "maximum": most})


class AccountInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An account. `owner` is the id of the one whose bot it is; `second_factor`: its password alone lets nobody in;
    `hidden`: nobody is shown when it is there."""

    id: str
    name: str
    display: str
    kind: Literal["member", "bot"]
    role: Role
    state: State
    owner: str | None = None
    status: Status = ""
    time_zone: TimeZone = ""
    language: Language = ""
    hue: Hue | None = None
    second_factor: bool = False
    hidden: bool = False


class Profile(msgspec.Struct, frozen=True, omit_defaults=True):
    """The public part of an account, for everybody who has signed in.

    `name` is the one that it has now. `owner` is the name of the account whose bot it is. `state` says that nobody
    signs in with it at present.
    """

    id: str
    name: str
    display: str
    kind: Literal["member", "bot"]
    state: State
    owner: str | None = None
    status: Status = ""
    time_zone: TimeZone = ""
    hue: Hue | None = None


class ProfileList(msgspec.Struct, frozen=True):
    """People, by how they are shown; `more` says that there are others beyond `limit`."""

    people: Sequence[Profile]
    more: bool


class BlockInfo(msgspec.Struct, frozen=True):
    """An account whose messages one does not take, since `made`."""

    id: str
    name: str
    display: str
    kind: Literal["member", "bot"]
    made: Time


class BlockList(msgspec.Struct, frozen=True):
    """The accounts that one has blocked, the newest first."""

    blocks: Sequence[BlockInfo]


class AccountList(msgspec.Struct, frozen=True):
    """All accounts, by name."""

    accounts: Sequence[AccountInfo]


class SignInInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session or a token. `used` is at most five minutes behind; a token that was never used has none.

    `is_this` is the one that asks. `secret` is there once, in the answer to the request that made a token.
    """

    id: str
    kind: Literal["session", "token"]
    label: str
    made: Time
    expires: Time
    used: Time | None = None
    scopes: Sequence[Scope] | None = None
    is_this: bool = False
    rooms: Sequence[str] | None = None
    secret: str | None = None


class Me(msgspec.Struct, frozen=True, omit_defaults=True):
    """The account that asks. A guest has none, but a `guest` by a link; `scopes` are those of the token that asks.

    `sign_in` is the session or token that asks; a password is none.
    """

    kind: Literal["guest", "member", "bot", "system"]
    account: AccountInfo | None = None
    scopes: Sequence[Scope] | None = None
    sign_in: SignInInfo | None = None
    guest: PassInfo | None = None


class SignInList(msgspec.Struct, frozen=True):
    """Sessions and tokens, the newest first."""

    sign_ins: Sequence[SignInInfo]


class TicketInfo(msgspec.Struct, frozen=True):
    """A ticket, which opens one stream or WebSocket until `expires`; it is shown this once."""

    ticket: str
    expires: Time


class InvitationInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An invitation. `url` is its link; it is there once, in the answer to the request that made it.

    `role` is that of the accounts that it makes, `none` where it makes none; `room` is where it leads. `sent_to` is a
    part of the address to which it was sent by mail.
    """

    id: str
    role: Role | Literal["none"]
    uses_left: int
    made: Time
    expires: Time
    room: str | None = None
    url: str | None = None
    sent_to: str = ""


class InvitationList(msgspec.Struct, frozen=True):
    """Invitations that can be used, the newest first."""

    invitations: Sequence[InvitationInfo]


class AppInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """An authenticator app: since when, and when a code of it was used last."""

    made: Time
    used: Time | None = None


class PasskeyInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """A passkey: what its owner calls it, the host that it is for, since when, and when it was used last."""

    id: str
    label: str
    host: str
    made: Time
    used: Time | None = None


class FactorsInfo(msgspec.Struct, frozen=True, omit_defaults=True):
    """One's second factors. `recovery_codes` is how many are left; `is_demanded`: the server demands one."""

    app: AppInfo | None
    recovery_codes: int
    is_demanded: bool
    passkeys: Sequence[PasskeyInfo] = ()


class AppSetupInfo(msgspec.Struct, frozen=True):
    """The secret for an app: `secret` in base32, the same as in the `address` that a QR code holds.

    `setup` goes back to the server with the first code, until `expires`.
    """

    secret: str
    address: str
    setup: str
    expires: Time


class RelyingParty(msgspec.Struct, frozen=True):
    """The site that a passkey is for: the name of the host."""

    id: str
    name: str


class PasskeyUser(msgspec.Struct, frozen=True):
    """The account that a new passkey is for; `id` is in base64url."""

    id: str
    name: str
    display_name: Annotated[str, Meta(description="How they are shown.")] = msgspec.field(name="displayName")


class PasskeyKind(msgspec.Struct, frozen=True):
    """An algorithm, by its number in COSE."""

    alg: int
    type: Literal["public-key"] = "public-key"


class PasskeyName(msgspec.Struct, frozen=True):
    """A passkey, by the id that its authenticator gave it."""

    id: str
    type: Literal["public-key"] = "public-key"


class PasskeyChoice(msgspec.Struct, frozen=True):
    """The authenticators that may make a passkey."""

    resident_key: Literal["preferred"] = msgspec.field(name="residentKey", default="preferred")
    user_verification: Literal["preferred"] = msgspec.field(name="userVerification", default="preferred")


class PasskeyOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """Options for a browser: `PublicKeyCredentialCreationOptionsJSON`, or that for requests (WebAuthn §5.4, §5.5)."""

    challenge: str
    timeout: int
    rp: RelyingParty | None = None
    user: PasskeyUser | None = None
    kinds: Sequence[PasskeyKind] = msgspec.field(name="pubKeyCredParams", default=())
    exclude: Sequence[PasskeyName] = msgspec.field(name="excludeCredentials", default=())
    choice: PasskeyChoice | None = msgspec.field(name="authenticatorSelection", default=None)
    rp_id: str | None = msgspec.field(name="rpId", default=None)
    allow: Sequence[PasskeyName] = msgspec.field(name="allowCredentials", default=())
    user_verification: Literal["required", "discouraged"] | None = msgspec.field(name="userVerification", default=None)


class AssertionResponse(msgspec.Struct, frozen=True):
    """A signature of an authenticator, in base64url (WebAuthn, `AuthenticatorAssertionResponseJSON`)."""

    client_data: Plain = msgspec.field(name="clientDataJSON")
    authenticator_data: Plain = msgspec.field(name="authenticatorData")
    signature: Plain
    user_handle: Plain | None = msgspec.field(name="userHandle", default=None)


class AssertionBody(msgspec.Struct, frozen=True):
    """A passkey that was shown, as `toJSON` of a browser gives it; other members are ignored."""

    id: Plain
    response: AssertionResponse


class AttestationResponse(msgspec.Struct, frozen=True):
    """A new passkey as the authenticator describes it, in base64url."""

    client_data: Plain = msgspec.field(name="clientDataJSON")
    attestation: Plain = msgspec.field(name="attestationObject")


class AttestationBody(msgspec.Struct, frozen=True):
    """A new passkey, as `toJSON` of a browser gives it; other members are ignored."""

    id: Plain
    response: AttestationResponse


class RecoveryCodes(msgspec.Struct, frozen=True):
    """New recovery codes, which are shown this once; none where there are some."""

    recovery_codes: Sequence[str]


class _Body(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What clients send."""


class SignInBody(_Body, frozen=True):
    """Name and password of an account, and a code where it has a second factor."""

    name: Plain
    password: Plain
    code: Plain = ""


class RegisterBody(_Body, frozen=True):
    """A new account: a name, a password, and how one is shown.

    `invitation` is the secret at the end of a link; where registration is open, none is needed.
    """

    name: AccountName
    password: NewPassword
    invitation: Plain | None = None
    display: DisplayName | Literal[""] = ""


class PasswordBody(_Body, frozen=True):
    """The password of one's account once more, and a code where it has a second factor; or a passkey in their place."""

    password: Plain = ""
    code: Plain = ""
    passkey: AssertionBody | None = None


class PasskeyOptionsBody(_Body, frozen=True, rename={"for_": "for"}):
    """The purpose of a passkey; `half` is that of a sign-in, for its second step."""

    for_: Literal["sign_in", "second_step", "confirm", "add"]
    half: Plain = ""


class PasskeySignInBody(_Body, frozen=True):
    """A passkey for a new session."""

    passkey: AssertionBody


class AddPasskeyBody(_Body, frozen=True):
    """A new passkey, and what to call it."""

    label: Plain
    passkey: AttestationBody


class AddAppBody(_Body, frozen=True):
    """An authenticator app: what began its setup, and the first code that it shows."""

    setup: Plain
    code: Plain


class ResetBody(_Body, frozen=True):
    """A new password: the secret at the end of the link, and the password."""

    link: Plain
    password: NewPassword


class ChangeMe(_Body, frozen=True):
    """Changes of one's own account: all of them, or none if one is refused.

    The `hue` null is the colour that comes from the id; with `hidden` nobody is shown when you are there. A new
    `password` needs the `old_password`, but for an account without a password.
    """

    name: AccountName | None = None
    display: DisplayName | None = None
    status: Status | None = None
    time_zone: TimeZone | None = None
    language: Language | None = None
    hue: Hue | msgspec.UnsetType | None = msgspec.UNSET
    hidden: bool | None = None
    password: NewPassword | None = None
    old_password: Plain | None = None


class DeleteMe(_Body, frozen=True):
    """The end of one's own account: its password, and whether what it has said stays, under another name."""

    password: Plain
    messages: KeptMessages | None = None


class ChangeAccount(_Body, frozen=True):
    """Changes of an account. `disabled` ends all its sessions, tokens and streams."""

    role: Role | None = None
    state: Literal["active", "disabled"] | None = None


class TokenBody(_Body, frozen=True):
    """A new token. `account` is the name of a bot of one's own; without it the token is for oneself.

    With `rooms` it is for these rooms alone.
    """

    label: Label
    scopes: Annotated[Sequence[Scope], Meta(extra_json_schema={"minItems": 1})]
    days: Annotated[int, from_to(1, MAX_TOKEN_DAYS)] = 90
    account: Plain | None = None
    rooms: Annotated[Sequence[RoomName], Meta(extra_json_schema={"minItems": 1})] | None = None


class InvitationBody(_Body, frozen=True):
    """A new invitation: the role that it gives, how many can use it, and for how many days.

    With an `email` it is sent there, works once, and is in no answer.
    """

    role: Role = "member"
    uses: Annotated[int, from_to(1, MAX_INVITATION_USES)] = 1
    days: Annotated[int, from_to(1, MAX_INVITATION_DAYS)] = 7
    email: Email | None = None


class BotBody(_Body, frozen=True):
    """A new bot of one's own."""

    name: AccountName
    display: DisplayName | Literal[""] = ""
