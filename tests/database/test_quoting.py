"""A database that quotes data in what it says of a fault: neither an answer nor the log has it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Final

import pytest
from pydantic import SecretStr

from sandbox.server import Sandbox
from tests.database.conftest import NewPlace, Place
from tests.web.conftest import sandbox as sandbox
from tests.web.kit import running_web

__all__ = ["sandbox"]
SAID: Final = "zqxquoted"
SQLITE: Final = f"SELECT RAISE(ABORT, 'UNIQUE constraint failed: {SAID}')"
MARIADB: Final = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'Duplicate entry {SAID}'"


def acting(place: Place, request: pytest.FixtureRequest) -> Callable[..., None]:
    """`act(statement)`, by whoever may make triggers; with `fault` what quotes behind it."""
    address = place.url.get_secret_value()
    if address.startswith("sqlite:"):

        def act(statement: str, *, fault: bool = False) -> None:
            with closing(sqlite3.connect(address.removeprefix("sqlite:///"))) as connection:
                connection.execute(f"{statement} BEGIN {SQLITE}; END" if fault else statement)

        return act
    server, name = request.getfixturevalue("mariadb"), address.rpartition("/")[2]

    def act_on_server(statement: str, *, fault: bool = False) -> None:
        said = statement.replace("quoting", f"{name}.quoting").replace("ON doc", f"ON {name}.doc")
        server.sql(f"{said} {MARIADB}" if fault else said)

    return act_on_server


@pytest.mark.encryption("on")
@pytest.mark.one_way("on")
async def test_what_a_database_quotes_nobody_is_told(
    new_place: NewPlace,
    sandbox: Sandbox,
    tmp_path: Path,
    encryption_keys: tuple[SecretStr, ...],
    restored_logging: None,
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> None:
    place, folder = new_place().made(), tmp_path / "user_data"
    settings = {**place.variables, "LOG_LEVEL": "DEBUG"}
    async with running_web(sandbox, folder, encryption_keys, monkeypatch, **settings) as web:  # type: ignore[arg-type]
        cookie = await web.sign_in()
        act = acting(place, request)
        act("CREATE TRIGGER quoting BEFORE INSERT ON documents FOR EACH ROW", fault=True)
        wanted = {"department": "tanhae", "label": SAID, "may": ["upload"]}
        async with web.browser(cookie) as browser:
            for path in ("/api/clients", "/api/clients/pairing-codes"):
                answer = await browser.post(path, json=wanted)
                assert (answer.status_code, answer.json()["code"]) == (503, "store_failed")
                assert SAID not in answer.text
            asked = await browser.get("/api/google/auth-url", params={"department": "tanhae"})
            assert asked.status_code == 503
        act("DROP TRIGGER quoting")
    assert SAID not in web.log.getvalue()
