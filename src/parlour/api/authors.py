"""The author that a message would have: a name is checked before anything is written under it."""

from __future__ import annotations

from typing import Annotated

from parlour.api.operation import Operation, Success
from parlour.api.parameters import DISPLAY_NAME, JsonOfRoom
from parlour.api.resource import Resource
from parlour.core.event import Author
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.schema.json_line import encode


class AuthorOptions(JsonOfRoom, frozen=True, kw_only=True):
    """The name that is to be checked."""

    name: Annotated[str | None, DISPLAY_NAME, "The display name; without one, whom the server would make of you."] = (
        None
    )


class AuthorsResource(Resource):
    """The handler of names that are to be checked."""

    @Operation(
        "GET",
        "/api/v1/rooms/{room}/author",
        "Who you would write as",
        id="getAuthor",
        help="Checks a display name as a message under it would be checked, and stores nothing: the answer is the `by` "
        "of your messages in this room under that name. A name that is not to be had is refused with the `field` "
        "`name`. It is not kept for you.",
        right="post",
        rate="reading",
        parameters=AuthorOptions,
        answers=(Success(200, "The author.", Author),),
        refusals=("not_found",),
        example="'{url}/api/v1/rooms/lobby/author?name=Maya'",
    )
    async def author(self, request: Request, options: AuthorOptions) -> Response:
        """The author of what one would write."""
        author = self.context.posting.author(request.actor, options.room, options.name)
        return Response(body=encode(author), content_type=JSON)
