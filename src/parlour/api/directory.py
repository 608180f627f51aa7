"""The directory of people: everybody with an account, for everybody with an account."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta

from parlour.api.operation import Operation, Success
from parlour.api.parameters import DEFAULT_LIMIT, Limit, OnlyJson, ParameterKind
from parlour.api.people import profile
from parlour.api.resource import Resource
from parlour.core.names import MAX_NAME_CHARS
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode
from parlour.schema.people import ProfileList

_BEGINNING = ParameterKind(
    Annotated[str, Meta(extra_json_schema={"maxLength": MAX_NAME_CHARS})], lambda text, _: text, ("bad_parameter",)
)


class DirectoryOptions(OnlyJson, frozen=True, kw_only=True):
    """The beginning of a name."""

    q: Annotated[str, _BEGINNING, "How a name begins, or a word of how somebody is shown; everybody without it."] = ""
    limit: Limit = None


class DirectoryResource(Resource):
    """The handler of looking for people."""

    @Operation(
        "GET",
        "/api/v1/people",
        "Look for people",
        id="getPeople",
        help="Those with an account that is not disabled, bots among them, by how they are shown. The setting `people` "
        "of the server may leave this to those who run it.",
        right="people",
        rate="reading",
        parameters=DirectoryOptions,
        answers=(Success(200, "The people.", ProfileList),),
        example="-u alice '{url}/api/v1/people?q=bo'",
    )
    def list(self, request: Request, options: DirectoryOptions) -> Response:
        """Those whose names begin like that."""
        people = self.context.people
        bill = self.guard.bill(request)
        began = bill.began()
        found = people.directory.find(request.actor, options.q, options.limit or DEFAULT_LIMIT)
        rows = [profile(people.identities, account) for account in found.people]
        body = encode(ProfileList(rows, found.is_more))
        bill.charge(began, len(body))
        return Response(body=body, content_type=JSON)
