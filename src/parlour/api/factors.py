"""Second factors: one's own authenticator app and recovery codes, and those of somebody who has lost them."""

from __future__ import annotations

from urllib.parse import urlsplit

from parlour.api.accounts import AccountOptions
from parlour.api.bodies import read_json
from parlour.api.operation import Operation, Success
from parlour.api.parameters import OnlyJson
from parlour.api.people import named_account, own_account
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY
from parlour.chat.factors import AppSetup
from parlour.core.totp import app_address, shown_secret
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.event_json import at_text
from parlour.schema.json_line import encode
from parlour.schema.people import AddAppBody, AppInfo, AppSetupInfo, FactorsInfo, PasskeyInfo, RecoveryCodes

_CHANGES = ("forbidden", "reauthentication_required", *DISK)


class FactorsResource(Resource):
    """The handlers of second factors."""

    @Operation(
        "GET",
        "/api/v1/me/factors",
        "Your second factors",
        id="getFactors",
        help="For who is signed in, or sends name and password: a token is told nothing of them.",
        right="factor",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "What you have.", FactorsInfo),),
        refusals=("storage_unavailable",),
        example="-u alice {url}/api/v1/me/factors",
    )
    async def show(self, request: Request, _: OnlyJson) -> Response:
        """The second factors that the account has."""
        people, actor = self.context.people, request.actor
        found = await people.factors.of(actor)
        app = None
        if found.app is not None:
            app = AppInfo(at_text(found.app.made_ms), at_text(found.app.used_ms) if found.app.used_ms else None)
        passkeys = [
            PasskeyInfo(row.id, row.label, row.rp, at_text(row.made_ms), at_text(row.used_ms) if row.used_ms else None)
            for row in found.passkeys
        ]
        is_demanded = self.context.policies.demands_factor(own_account(request))
        return Response(body=encode(FactorsInfo(app, found.codes, is_demanded, passkeys)), content_type=JSON)

    @Operation(
        "POST",
        "/api/v1/me/factors/app",
        "Begin to set up an authenticator app",
        id="beginApp",
        help="Gives the secret for the app (TOTP, RFC 6238: SHA-1, 6 digits, 30 seconds). It counts once its first "
        "code has come back, within 15 minutes.",
        right="factor",
        parameters=OnlyJson,
        answers=(Success(200, "What the app needs.", AppSetupInfo),),
        refusals=_CHANGES,
        example="-u alice -X POST {url}/api/v1/me/factors/app",
    )
    def begin(self, request: Request, _: OnlyJson) -> Response:
        """A secret that is nowhere yet."""
        begun = self.context.people.factors.begin_app(request.actor)
        secret = shown_secret(begun.secret).replace(" ", "")
        info = AppSetupInfo(secret, address_of(request, begun), begun.setup, at_text(begun.until_ms))
        return Response(body=encode(info), content_type=JSON)

    @Operation(
        "PUT",
        "/api/v1/me/factors/app",
        "Set up an authenticator app",
        id="setApp",
        help="In place of the one before, with the first code of the new one. From then on your password alone lets "
        "nobody in. With the first second factor come ten recovery codes, which are shown this once; each stands in "
        "for a code once.",
        right="factor",
        parameters=OnlyJson,
        body=AddAppBody,
        answers=(Success(200, "It is set up.", RecoveryCodes),),
        refusals=(*JSON_BODY, "bad_code", *_CHANGES),
        example='-u carol --json \'{"setup":"MTc2…","code":"123456"}\' -X PUT {url}/api/v1/me/factors/app',
    )
    async def add(self, request: Request, _: OnlyJson) -> Response:
        """The app from now on."""
        body = read_json(request, AddAppBody)
        codes = await self.context.people.factors.add_app(request.actor, body.setup, body.code)
        return Response(body=encode(RecoveryCodes(codes)), content_type=JSON)

    @Operation(
        "DELETE",
        "/api/v1/me/factors/app",
        "Take away your authenticator app",
        id="removeApp",
        help="The recovery codes end with the last second factor. The last one stays where the server demands one.",
        right="factor",
        parameters=OnlyJson,
        answers=(Success(204, "It is taken away."),),
        refusals=("not_found", *_CHANGES),
        example="-u dora -H 'Parlour-Code: 123456' -X DELETE {url}/api/v1/me/factors/app",
    )
    async def remove(self, request: Request, _: OnlyJson) -> Response:
        """The end of the app."""
        await self.context.people.factors.remove_app(request.actor)
        return Response(204)

    @Operation(
        "POST",
        "/api/v1/me/factors/codes",
        "Make new recovery codes",
        id="makeCodes",
        help="Ten, which are shown this once; those before end.",
        right="factor",
        parameters=OnlyJson,
        answers=(Success(201, "The codes.", RecoveryCodes),),
        refusals=_CHANGES,
        example="-u dora -H 'Parlour-Code: 123456' -X POST {url}/api/v1/me/factors/codes",
    )
    async def codes(self, request: Request, _: OnlyJson) -> Response:
        """Codes in place of those before."""
        made = await self.context.people.factors.new_codes(request.actor)
        return Response(201, encode(RecoveryCodes(made)), JSON)

    @Operation(
        "DELETE",
        "/api/v1/accounts/{name}/factors",
        "Take away the second factors of somebody",
        id="removeFactors",
        help="For those who have lost everything: their password alone lets them in again, and their sessions end. "
        "Those of an owner are taken away by owners.",
        right="administer",
        parameters=AccountOptions,
        answers=(Success(204, "They are taken away."),),
        refusals=("not_found", *_CHANGES),
        example="-u alice -X DELETE {url}/api/v1/accounts/dora/factors",
    )
    async def remove_all(self, request: Request, options: AccountOptions) -> Response:
        """The end of all that somebody has."""
        people = self.context.people
        await people.factors.remove_all(request.actor, named_account(people.identities, options.name))
        return Response(204)


def address_of(request: Request, begun: AppSetup) -> str:
    """The address inside the QR code: the app shows the name of the site and of the account."""
    return app_address(begun.secret, urlsplit(request.origin).netloc, own_account(request).name)
