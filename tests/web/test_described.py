"""The API's description against the API: schemathesis asks of the one what the other says."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Final

import pytest

from sandbox.clients.google_controls import GoogleControls
from tests.documents import ROOT
from tests.running import in_rest
from tests.security.kit import AMY
from tests.web.kit import SAME_SITE, RunningWeb
from tests.web.sheets_kit import be_there
from web.api.described import ADMINISTRATOR, CLIENT
from web.api.documents import describe
from web.departments import create_departments_app, signed_in_of
from web.gate.problem_texts import known_codes

pytestmark = [pytest.mark.encryption("on"), pytest.mark.one_way("on")]
ROLES: Final = (ADMINISTRATOR, CLIENT, "nobody")
HOOKS: Final = "tests.web.schemathesis_hooks"
_ARGUMENTS: Final = (
    *("--checks", "all", "--mode", "all", "--max-examples", "100", "--no-color"),
    # One: `ast` of Python 3.11 is not to be used by two threads at once.
    *("--workers", "1", "--request-timeout", "60", "--generation-deterministic"),
    # Whether data come fast enough is a question of how busy the machine is.
    *("--suppress-health-check", "too_slow"),
)


SECRETS_OF_ITS_OWN: Final = """
[[operations]]
include-name = "POST /api/clients/pair"
checks.positive_data_acceptance.expected-statuses = ["2xx", "400", "429"]
[[operations]]
include-name = "POST /api/google/upload-sessions"
checks.positive_data_acceptance.expected-statuses = ["2xx", "401", "403", "404", "409", "422"]
"""
SHEETS_THERE: Final = """
[[operations]]
include-path-regex = "^/api/sheets/"
parameters = { "path.department" = "tanhae", "path.name" = "roster" }
"""
"""No generator knows a pairing code, nor which keys it has used for another file already: such a
good request is refused, as it should be; and no name of a sheet."""


@pytest.mark.parametrize("role", [ADMINISTRATOR, *in_rest(CLIENT, "nobody")])
@pytest.mark.one_way
async def test_nothing_is_found_in_the_descriptions_examples(
    unlimited_web: RunningWeb, google: GoogleControls, tmp_path: Path, role: str
) -> None:
    await find_nothing(unlimited_web, google, tmp_path, role, "examples")


@pytest.mark.one_way
@pytest.mark.timeout(900)  # half a minute; five of them were seen at a load of 16
@pytest.mark.parametrize("role", ROLES)
async def test_nothing_is_found_between_the_api_and_its_description(
    unlimited_web: RunningWeb, google: GoogleControls, tmp_path: Path, role: str
) -> None:
    """A hundred examples of each operation, and whatever a schema's words may mean."""
    await find_nothing(unlimited_web, google, tmp_path, role, "examples,coverage,fuzzing")


async def test_anybody_reads_it_and_each_refusal_leads_to_its_words(web: RunningWeb) -> None:
    """Whoever writes a program for a department's computers is no administrator."""
    async with web.browser() as anybody:
        page = await anybody.get("/api/docs")
        assert page.status_code == (await anybody.get("/api/openapi.json")).status_code == 200
        for code in known_codes():
            assert f'<tr id="{code}">' in page.text
        refused = (await anybody.get("/api/clients")).json()
        assert refused["type"] == f"/api/docs#{refused['code']}"
        assert "on_hold" in page.text  # and what each state means


async def find_nothing(
    web: RunningWeb, google: GoogleControls, tmp_path: Path, role: str, phases: str
) -> None:
    await web.authorise(google, AMY)
    await be_there(google)
    await web.sheets.mirror.sync([*web.sheets.sheets])
    app = create_departments_app(web.parts, signed_in_of(web.parts))
    (tmp_path / "openapi.json").write_text(json.dumps(describe(app)), "utf-8")
    auth = ""
    if role == ADMINISTRATOR:
        auth = f'[auth.openapi.{role}]\napi_key = "{await web.sign_in()}"\n'
    elif role == CLIENT:
        _, key = await web.add_computer()
        auth = f'[auth.openapi.{role}]\nbearer = "{key.get_secret_value()}"\n'
    (tmp_path / "schemathesis.toml").write_text(auth + SECRETS_OF_ITS_OWN + SHEETS_THERE, "utf-8")
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "schemathesis.cli", "run", "openapi.json", "--url", web.url),
        *_ARGUMENTS,
        *("--phases", phases),
        *(argument for one in SAME_SITE.items() for argument in ("-H", ": ".join(one))),
        cwd=tmp_path,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": HOOKS},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await run.communicate()
    assert run.returncode == 0, said.decode()[-20000:]
