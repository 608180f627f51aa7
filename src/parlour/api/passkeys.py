"""Passkeys: what a browser is asked for one, signing in with one, setting one up and taking one away."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

from parlour.api.bodies import read_json
from parlour.api.operation import Operation, Success
from parlour.api.parameters import TEXT, OnlyJson
from parlour.api.passkey_answers import assertion, attestation
from parlour.api.people import account_info, own_account
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY, begin_by_passkey
from parlour.chat.passkeys import CHALLENGE_MS, base64url
from parlour.chat.sign_ins import HalfSignIn
from parlour.chat.tables.passkeys import PasskeyRow
from parlour.core.passkeys import Place, place_of
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.people import (
    AddPasskeyBody,
    Me,
    PasskeyChoice,
    PasskeyKind,
    PasskeyName,
    PasskeyOptions,
    PasskeyOptionsBody,
    PasskeySignInBody,
    PasskeyUser,
    RecoveryCodes,
    RelyingParty,
)

_KINDS = (PasskeyKind(-8), PasskeyKind(-7), PasskeyKind(-257))
"""EdDSA, ECDSA with P-256, RSA with SHA-256: what authenticators have."""


class PasskeyIdOptions(OnlyJson, frozen=True, kw_only=True):
    """One passkey."""

    id: Annotated[str, TEXT, "The id of a passkey, from the list of them."]


class PasskeysResource(Resource):
    """The handlers of passkeys."""

    @Operation(
        "POST",
        "/api/v1/passkeys/options",
        "What a browser is asked for a passkey",
        id="getPasskeyOptions",
        help="The options for `navigator.credentials.get` (to `sign_in` without a password; as the `second_step` of "
        "one, with its `half`; to `confirm` that it is you, in place of the password) or `.create` (to `add` one). The "
        "challenge in them counts once, for five minutes.",
        right=None,
        rate="reading",
        parameters=OnlyJson,
        body=PasskeyOptionsBody,
        answers=(Success(200, "The options.", PasskeyOptions),),
        refusals=(*JSON_BODY, "login_required", "forbidden", "reauthentication_required", "storage_unavailable"),
        example='--json \'{"for":"sign_in"}\' {url}/api/v1/passkeys/options',
    )
    async def options(self, request: Request, _: OnlyJson) -> Response:
        """A challenge, with what belongs to it."""
        body, place = read_json(request, PasskeyOptionsBody), place_of(request.origin)
        people = self.context.people
        if body.for_ == "add":
            challenge, there = await people.factors.begin_passkey(request.actor)
            return Response(body=encode(_creation(request, place, challenge, there)), content_type=JSON)
        if body.for_ == "confirm":
            challenge, there = await people.sign_ins.confirm_challenge(request.actor)
        else:
            half = HalfSignIn(body.half) if body.for_ == "second_step" else None
            challenge, there = await people.sign_ins.passkey_challenge(half)
        options = PasskeyOptions(
            challenge,
            CHALLENGE_MS,
            rp_id=place.rp,
            allow=[PasskeyName(row.credential) for row in there if row.rp == place.rp],
            user_verification="discouraged" if body.for_ == "second_step" else "required",
        )
        return Response(body=encode(options), content_type=JSON)

    @Operation(
        "POST",
        "/api/v1/session/passkey",
        "Sign in with a passkey",
        id="signInWithPasskey",
        help="Without name and password. Its holder has to show the authenticator who they are, by a PIN or a finger.",
        right=None,
        rate="reading",
        parameters=OnlyJson,
        body=PasskeySignInBody,
        answers=(Success(201, "You are signed in.", Me, always=("Set-Cookie",)),),
        refusals=(*JSON_BODY, "bad_passkey", "forbidden", *DISK),
        example='--json \'{"passkey":{"id":"LFdo…","response":{"clientDataJSON":"eyJ0…","authenticatorData":"SZYN…",'
        '"signature":"MEUC…"}}}\' {url}/api/v1/session/passkey',
    )
    async def sign_in(self, request: Request, _: OnlyJson) -> Response:
        """A session for who holds the passkey."""
        answer = assertion(read_json(request, PasskeySignInBody).passkey)
        account, fields = await begin_by_passkey(self.context.people, request, answer)
        return Response(201, encode(Me(account.kind, account_info(account))), JSON, fields)

    @Operation(
        "POST",
        "/api/v1/me/factors/passkeys",
        "Set up a passkey",
        id="addPasskey",
        help="It signs in by itself, and is a second factor: from then on your password alone lets nobody in. With the "
        "first second factor come ten recovery codes, which are shown this once.",
        right="factor",
        parameters=OnlyJson,
        body=AddPasskeyBody,
        answers=(Success(201, "It is set up.", RecoveryCodes),),
        refusals=(*JSON_BODY, "bad_passkey", "bad_text", "forbidden", "reauthentication_required", *DISK),
        example='-u carol --json \'{"label":"Phone","passkey":{"id":"LFdo…","response":{"clientDataJSON":"eyJ0…",'
        '"attestationObject":"o2Nm…"}}}\' {url}/api/v1/me/factors/passkeys',
    )
    async def add(self, request: Request, _: OnlyJson) -> Response:
        """One more passkey."""
        body = read_json(request, AddPasskeyBody)
        place = place_of(request.origin)
        codes = await self.context.people.factors.add_passkey(
            request.actor, body.label, attestation(body.passkey), place
        )
        return Response(201, encode(RecoveryCodes(codes)), JSON)

    @Operation(
        "DELETE",
        "/api/v1/me/factors/passkeys/{id}",
        "Take away a passkey",
        id="removePasskey",
        help="At once. The last second factor stays where the server demands one.",
        right="factor",
        parameters=PasskeyIdOptions,
        answers=(Success(204, "It is taken away."),),
        refusals=("not_found", "forbidden", "reauthentication_required", *DISK),
        example="-u carol -H 'Parlour-Code: 123456' -X DELETE {url}/api/v1/me/factors/passkeys/k_53vdn63huduuored",
    )
    async def remove(self, request: Request, options: PasskeyIdOptions) -> Response:
        """The end of one."""
        await self.context.people.factors.remove_passkey(request.actor, options.id)
        return Response(204)


def _creation(request: Request, place: Place, challenge: str, there: Sequence[PasskeyRow]) -> PasskeyOptions:
    account = own_account(request)
    return PasskeyOptions(
        challenge,
        CHALLENGE_MS,
        rp=RelyingParty(place.rp, place.rp),
        user=PasskeyUser(base64url(account.id.encode()), account.name, account.display),
        kinds=_KINDS,
        exclude=[PasskeyName(row.credential) for row in there],
        choice=PasskeyChoice(),
    )
