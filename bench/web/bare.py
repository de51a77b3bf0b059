"""What a token's answer costs at least. `python -m bench.web.bare PUBLIC_URL TOKEN`.

A route of FastAPI that takes and gives what the product's does (address, body, model), behind the
same gate and on the same server, and knows its answer: it looks at no key, and asks nobody
for the token.
"""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import Body, FastAPI, Request

from bench.web.ports import serve_at_port
from web.api.tokens import AccessToken, DepartmentName, TokenRequest
from web.gate.bodies import SmallBodies
from web.gate.content_types import JSON_ONLY
from web.gate.headers import SafeHeaders
from web.gate.hosts import OneHost
from web.gate.problems import add_problems


async def main() -> None:
    """Serve until there are no more commands."""
    public_url, token = sys.argv[1:]
    ends = datetime.now(UTC) + timedelta(hours=1)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, redirect_slashes=False)
    add_problems(app)

    @app.post("/api/google/get-access-token", dependencies=JSON_ONLY, response_model=AccessToken)
    async def get_access_token(
        request: Request,
        department: DepartmentName,
        wish: Annotated[TokenRequest | None, Body()] = None,
    ) -> AccessToken:
        return AccessToken(
            access_token=token,
            token_type="Bearer",  # noqa: S106 - a word of RFC 6750
            expires_in=int((ends - datetime.now(UTC)).total_seconds()),
            expires_at=ends,
            scope="https://www.googleapis.com/auth/drive.file",
            department="tanhae",
        )

    app.add_middleware(SmallBodies)
    app.add_middleware(OneHost, public_url=public_url)
    google = "https://accounts.google.com"
    await serve_at_port(SafeHeaders(app, is_https=False, google=google))


if __name__ == "__main__":
    asyncio.run(main())
