"""The operations described by the server itself: a document for programs, a page for people."""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Any

import msgspec

from parlour.api.openapi import describe
from parlour.api.operation import Operation, Success
from parlour.api.parameters import OnlyJson
from parlour.api.reference import reference
from parlour.api.resource import Parts, Resource
from parlour.http.compression import VARY
from parlour.http.fields import FieldName
from parlour.http.request import Request
from parlour.http.response import JSON, Response
from parlour.http.validators import is_known


class DescriptionResource(Resource):
    """The two handlers. The document is made when it is first asked for."""

    def __init__(self, parts: Parts) -> None:
        super().__init__(parts)
        self._cached_document = lru_cache(maxsize=4)(self._make)  # one for each prefix of a proxy

    @Operation(
        "GET",
        "/api/v1/openapi.json",
        "This document",
        id="getDescription",
        tag="server",
        help="OpenAPI 3.1. It changes with the version of the server only.",
        right=None,
        parameters=OnlyJson,
        answers=(
            Success(200, "The document.", dict[str, Any], always=("ETag",)),
            Success(304, "`If-None-Match` names the document that the client has.", always=("ETag",)),
        ),
        example="{url}/api/v1/openapi.json",
    )
    async def document(self, request: Request, options: OnlyJson) -> Response:
        """The document for programs."""
        body, etag = self._cached_document(request.peer.prefix)
        if is_known(request.field(b"if-none-match"), etag):
            return Response(304, fields=((FieldName.ETAG, etag), VARY), cache=b"no-cache")
        return Response(body=body, content_type=JSON, fields=((FieldName.ETAG, etag),), cache=b"no-cache")

    def _make(self, prefix: str) -> tuple[bytes, bytes]:
        context = self._context
        body = msgspec.json.encode(describe(self._parts.operations, context.limits, context.version, prefix))
        return body, b'W/"%b"' % hashlib.sha256(body).hexdigest()[:20].encode()

    @Operation("GET", "/api", "The operations for people", right=None, example="{url}/api")
    async def page(self, request: Request) -> Response:
        """The page for people."""
        return Response(body=reference(self._parts.operations, request.base_url).encode())
