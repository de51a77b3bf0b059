"""`make api-docs`: docs/api.md, made of the description that the program serves of itself."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
from cryptography.fernet import Fernet
from pydantic import SecretStr

from bot.monitoring.metrics import Metrics
from config import Settings
from processes.storage import mask_of, storage_of
from processes.web import services
from tests.documents import ROOT
from web.api.described import ALWAYS, example, statuses_of
from web.api.reading import Operation, fields, operations
from web.app import create_app
from web.gate.problem_texts import detail_of, known_codes, title_of
from web.site.texts import Texts

PAGE: Final = ROOT / "docs" / "api.md"
_ADDRESS: Final = "https://drive.example.org"
_HEAD: Final = (
    "# The API\n\n"
    "As the program's own OpenAPI says it (`make api-docs` writes this page). Every process that "
    "serves departments has the same at `/api/docs` to be read, and at `/api/openapi.json` for "
    "programs, for anybody. What it is for, and in which order things are asked, is in "
    "[departments](departments.md).\n"
)
_WHO: Final = {
    "administrator": "an administrator's session (cookie `__Host-drivekeeper`)",
    "client": "a computer's key (`Authorization: Bearer dkc_…`)",
}


async def description(folder: Path) -> dict[str, Any]:
    """The OpenAPI document, as a web process serves it to anybody.

    Args:
        folder: an empty one.
    """
    settings = Settings(
        _env_file=None,
        public_url=_ADDRESS,
        user_data_dir=folder,
        token_encryption_key=(SecretStr(Fernet.generate_key().decode()),),
        web_google_client_id="made-up.apps.googleusercontent.com",
        web_google_client_secret=SecretStr("made-up"),
    )
    mask = mask_of(settings)
    async with services(settings, storage_of(settings, mask), mask, Metrics()) as (_, parts):
        to_it = httpx.ASGITransport(create_app(parts))
        async with httpx.AsyncClient(transport=to_it, base_url=_ADDRESS) as anybody:
            answer = await anybody.get("/api/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def page(document: dict[str, Any]) -> str:
    """docs/api.md."""
    found = list(operations(document))
    lines = [_HEAD, f"{document['info']['description']}\n"]
    lines += ["| | who |", "|---|---|"]
    lines += [f"| [`{_title(one)}`](#{_anchor(one)}) | {_asker(one)} |" for one in found]
    lines += [line for one in found for line in _section(one)]
    lines += [*_fields(document), *_refusals()]
    return "\n".join(lines).rstrip() + "\n"


def _section(operation: Operation) -> Iterator[str]:
    yield f"\n## `{_title(operation)}`\n"
    yield f"{operation.says}\n"
    yield f"**Asked by** {_asker(operation)}.\n"
    if operation.parameters:
        yield "| parameter | in | |"
        yield "|---|---|---|"
        for one in operation.parameters:
            says = f"{one.says} {'Required.' if one.is_required else ''}".strip()
            yield f"| `{one.name}` | {one.where} | {says} |"
        yield ""
    if operation.body:
        yield f"Sent, as JSON ({operation.body_of}):\n\n```json\n{operation.body}\n```\n"
    shown = set()
    for answer in operation.answers:
        if answer.of in shown:
            yield f"Answer {answer.status}, of the same form: {answer.says}\n"
        elif answer.example:
            yield f"Answer {answer.status} ({answer.of}):\n\n```json\n{answer.example}\n```\n"
            shown.add(answer.of)
    refused = [
        one.status
        for one in operation.answers
        if one.status >= "4" and int(one.status) not in ALWAYS
    ]
    if refused:
        yield f"[Refused](#refusals) with {', '.join(refused)}."


def _fields(document: dict[str, Any]) -> Iterator[str]:
    """What the fields of all bodies mean, where their names do not say it."""
    yield "\n## Fields\n"
    yield "Of those whose name does not say it all. Times are RFC 3339, in UTC.\n"
    yield "| | field | |"
    yield "|---|---|---|"
    for one in fields(document):
        yield f"| {one.of} | `{one.name}` | {one.says} |"


def _refusals() -> Iterator[str]:
    """Each code that a refusal may have of its own, in English."""
    texts = Texts("en")
    yield "\n## Refusals\n"
    yield (
        "`application/problem+json`: `type`, `title`, `status`, `detail` and `code`; 429 and 503 "
        "come with `Retry-After`, in seconds. With `invalid_request` there is `errors` as well, "
        "where a field is to blame: never with what was sent.\n"
    )
    yield f"```json\n{json.dumps(example(422), ensure_ascii=False, indent=2)}\n```\n"
    always = ", ".join(map(str, ALWAYS))
    yield (
        f"Any request may be refused with {always}. A code that is not here is a fault of the "
        "set-up or of Google's, which the operator sees: [results](operations.md#results).\n"
    )
    yield "| code | status | title | detail |"
    yield "|---|---|---|---|"
    for code in sorted(known_codes()):
        statuses = ", ".join(map(str, statuses_of(code)))
        yield f"| `{code}` | {statuses} | {title_of(code, texts)} | {detail_of(code, texts)} |"


def _title(operation: Operation) -> str:
    return f"{operation.method} {operation.path}"


def _anchor(operation: Operation) -> str:
    """As GitHub makes it of the title."""
    return re.sub(r"[^\w\- ]", "", _title(operation).lower()).replace(" ", "-")


def _asker(operation: Operation) -> str:
    return ", or ".join(_WHO[name] for name in operation.who) or "anybody"


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as made:
        PAGE.write_text(page(asyncio.run(description(Path(made)))), "utf-8")
    sys.stdout.write(f"{PAGE.relative_to(ROOT)} is up to date\n")
