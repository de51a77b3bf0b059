"""The API's description, for whoever writes a program: a document, and a page without any CDN."""

from __future__ import annotations

from typing import Any, Final

from fastapi import APIRouter, FastAPI, Request
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response

from web.api.described import SECURITY_SCHEMES, refusals
from web.gate.problems import ProblemBody
from web.gate.signed_in import SignedIn
from web.site.api_page import render_api
from web.site.frame import Frame, answer
from web.site.routing import READ, PageRoute, frame_of

_SAYS: Final = (
    "What a department's computers and its administrators ask of Drivekeeper. Refusals are "
    "`application/problem+json` (RFC 9457) with a `code` to go by, in the language of "
    "`Accept-Language`. Who asks is looked at first: whoever may not (401, 403) hears nothing of "
    "what else is wrong (404, 415, 422). A parameter that a route takes is refused where its value "
    "is wrong (422, with its name); whatever else an address has is ignored."
)


def describe(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of all routes that are described."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Drivekeeper",
            version=app.version,
            description=_SAYS,
            routes=app.routes,
        )
        components = made.setdefault("components", {})
        schemas = components.setdefault("schemas", {})
        problem = ProblemBody.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas |= problem.pop("$defs")
        schemas[ProblemBody.__name__] = problem
        # The framework's own form of a 422, which is never answered here.
        for unused in ("HTTPValidationError", "ValidationError"):
            schemas.pop(unused, None)
        components["securitySchemes"] = SECURITY_SCHEMES
        app.openapi_schema = made
    return app.openapi_schema


def add_documents(app: FastAPI, signed_in: SignedIn) -> None:
    """Serve the description with `app`."""

    @app.get(
        "/api/openapi.json",
        response_class=JSONResponse,
        responses=refusals(),
        openapi_extra={"security": []},
    )
    async def openapi() -> Response:
        """This description. It is the same everywhere, and says nothing of an installation."""
        return JSONResponse(describe(app))

    pages = APIRouter(route_class=PageRoute, include_in_schema=False)

    @pages.api_route("/api/docs", methods=READ)
    async def docs(request: Request) -> Response:
        """This description, to be read."""
        session = await signed_in.find(request)
        frame = (
            Frame.of(request, version=app.version)
            if session is None
            else frame_of(request, session)
        )
        return answer(request, render_api(frame, describe(app)))

    app.include_router(pages)
