"""The settings of the server, for those who run it."""

from __future__ import annotations

from msgspec import structs

from parlour.api.bodies import read_json
from parlour.api.operation import Operation, Success
from parlour.api.parameters import OnlyJson
from parlour.api.resource import Resource
from parlour.api.sign_ins import DISK, JSON_BODY
from parlour.chat.server_settings import LiveSettings
from parlour.core.server_settings import SERVER_SETTINGS
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.server_settings import ChangeSettings, SettingInfo, SettingList


def setting_rows(settings: LiveSettings) -> list[SettingInfo]:
    """All settings, in the order of the table."""
    now = settings.now._asdict()
    return [
        SettingInfo(row.name, now[row.name], row.default, row.meaning, row.values, settings.set_at.get(row.name))
        for row in SERVER_SETTINGS
    ]


class ServerSettingsResource(Resource):
    """The handlers of the server's settings."""

    @Operation(
        "GET",
        "/api/v1/settings",
        "The settings that change while the server runs",
        id="getSettings",
        right="administer",
        rate="reading",
        parameters=OnlyJson,
        answers=(Success(200, "All of them, with what is in force.", SettingList),),
        example="-u alice {url}/api/v1/settings",
    )
    def list(self, request: Request, _: OnlyJson) -> Response:
        """The settings with their present values."""
        return self._answer()

    @Operation(
        "PATCH",
        "/api/v1/settings",
        "Change settings of the server",
        id="changeSettings",
        help="Those that are named; all of them, or none. Answered when it is on disk and in force. With `access` "
        "`members` guests are out at once: what they have open ends, and nothing of theirs is stored any more.",
        right="administer",
        parameters=OnlyJson,
        body=ChangeSettings,
        answers=(Success(200, "All of them, with what is in force.", SettingList),),
        refusals=(*JSON_BODY, "bad_parameter", "reauthentication_required", *DISK),
        example='-u alice -X PATCH --json \'{"registration":"open"}\' {url}/api/v1/settings',
    )
    async def change(self, request: Request, _: OnlyJson) -> Response:
        """Some of them."""
        asked = structs.asdict(read_json(request, ChangeSettings))
        values = {name: value for name, value in asked.items() if value is not None}
        await self.context.people.settings.change(request.actor, values)
        return self._answer()

    def _answer(self) -> Response:
        return Response(body=encode(SettingList(setting_rows(self.context.people.settings))), content_type=JSON)
