"""What the account may do, by what `SHOW GRANTS` says.

A line has the form `GRANT SELECT, INSERT ON `database`.* TO …`, on MariaDB with the hash of the
password behind it: nothing of a line is shown but names of privileges that are known here, and of
other databases. MariaDB adds what everybody may: GRANT … TO PUBLIC.
https://mariadb.com/kb/en/show-grants/, https://dev.mysql.com/doc/refman/8.4/en/show-grants.html,
https://docs.pingcap.com/tidb/stable/sql-statement-show-grants
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

TO_WORK: Final = frozenset({"SELECT", "INSERT", "UPDATE", "DELETE"})
"""What every process needs."""
TO_UPGRADE: Final = frozenset({"CREATE", "ALTER", "INDEX", "DROP"})
"""What `drivekeeper db upgrade` needs besides, and the start on an empty database."""
_HARMLESS: Final = frozenset({"USAGE"})
_EVERYTHING: Final = frozenset({"ALL PRIVILEGES", "ALL"})
_HERE: Final = "this database"
_EVERYWHERE: Final = "every database (*.*)"
_LINE: Final = re.compile(r"GRANT (?P<what>.+?) ON (?P<where>\S.*?) TO ", re.IGNORECASE | re.DOTALL)
_SCOPE: Final = re.compile(r"(?P<database>\*|`(?:[^`]|``)+`|[^`.\s]+)\.(?P<table>\*|\S+)")
_NAME: Final = re.compile(r"[A-Za-z0-9_$%\\-]{1,64}")
_WORD: Final = re.compile(r"[A-Z][A-Z_ ]{2,40}")


@dataclass(frozen=True, slots=True)
class Extra:
    """What nothing here needs, and whoever has the address could do all the same."""

    privileges: frozenset[str]
    where: str
    """On this database, on another one, or on the server itself."""
    is_everybodys: bool = False
    """Whether every account of the server may, this one among them (PUBLIC)."""


@dataclass(frozen=True, slots=True)
class Privileges:
    """What an account may do with one database, and beyond it."""

    here: frozenset[str]
    """With all of the database's tables."""
    too_many: tuple[Extra, ...]
    """Here, with other databases, or with the server itself."""
    has_roles: bool = False
    """Whether it has more by roles, which are not looked into."""

    @property
    def missing_to_work(self) -> frozenset[str]:
        """What every process needs and this account may not."""
        return _without(TO_WORK, self.here)

    @property
    def missing_to_upgrade(self) -> frozenset[str]:
        """What an upgrade needs and this account may not."""
        return _without(TO_UPGRADE, self.here)


def _without(needed: frozenset[str], given: frozenset[str]) -> frozenset[str]:
    return frozenset() if given & _EVERYTHING else needed - given


def read_grants(lines: Iterable[str], database: str) -> Privileges:
    """What the account may with `database`, of the lines that `SHOW GRANTS` gives."""
    here: set[str] = set()
    too_many: list[Extra] = []
    has_roles = False
    for line in lines:
        found = _LINE.match(line)
        if found is None:  # GRANT role TO user, SET DEFAULT ROLE …
            has_roles = has_roles or line.upper().startswith("GRANT")
            continue
        privileges, rest = _privileges(found["what"]), line[found.end() :].upper()
        if "WITH GRANT OPTION" in rest:
            privileges.add("GRANT OPTION")
        scope = _SCOPE.fullmatch(found["where"].strip())
        where = _place(scope, database)
        if where in (_HERE, _EVERYWHERE) and scope is not None and scope["table"] == "*":
            here |= privileges
        extra = privileges - _HARMLESS
        if where == _HERE:
            extra -= TO_WORK | TO_UPGRADE
        if extra:
            too_many.append(Extra(frozenset(extra), where, rest.startswith("PUBLIC")))
    return Privileges(frozenset(here), tuple(too_many), has_roles)


def _place(scope: re.Match[str] | None, database: str) -> str:
    if scope is None:  # ON PROCEDURE …, PROXY ON …
        return "what is no table"
    if scope["database"] == "*":
        return _EVERYWHERE
    if _covers(scope["database"], database):
        return _HERE
    name = scope["database"].strip("`")
    return f"the database {name}" if _NAME.fullmatch(name) else "another database"


def _privileges(listed: str) -> set[str]:
    without_columns = re.sub(r"\([^)]*\)", "", listed)
    words = {word.strip().upper() for word in without_columns.split(",")}
    return {word if _WORD.fullmatch(word) else "another privilege" for word in words}


def _covers(scope: str, database: str) -> bool:
    """Whether a grant's database, in which _ and % stand for any characters, is this one."""
    pattern = scope.strip("`").replace("``", "`")
    if pattern == database:
        return True
    parts = re.findall(r"\\.|.", pattern, re.DOTALL)
    wild = {"%": ".*", "_": "."}
    return (
        re.fullmatch(
            "".join(wild.get(part) or re.escape(part[-1]) for part in parts), database, re.DOTALL
        )
        is not None
    )
