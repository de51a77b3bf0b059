"""What the account may do, by what `SHOW GRANTS` says.

A line has the form `GRANT SELECT, INSERT ON `database`.* TO …`, on MariaDB with the hash of the
password behind it: nothing of a line is shown but names of privileges that are known here.
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
_LINE: Final = re.compile(r"GRANT (?P<what>.+?) ON (?P<where>\S.*?) TO ", re.IGNORECASE | re.DOTALL)
_SCOPE: Final = re.compile(r"(?P<database>\*|`(?:[^`]|``)+`|[^`.\s]+)\.(?P<table>\*|\S+)")
_WORD: Final = re.compile(r"[A-Z][A-Z_ ]{2,40}")


@dataclass(frozen=True, slots=True)
class Privileges:
    """What an account may do with one database, and beyond it."""

    here: frozenset[str]
    """With all of the database's tables."""
    beyond: frozenset[str]
    """With other databases, or with the server itself."""
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

    @property
    def too_many(self) -> frozenset[str]:
        """What nothing here needs, and whoever has the address could do all the same."""
        return (self.here - TO_WORK - TO_UPGRADE - _HARMLESS) | (self.beyond - _HARMLESS)


def _without(needed: frozenset[str], given: frozenset[str]) -> frozenset[str]:
    return frozenset() if given & _EVERYTHING else needed - given


def read_grants(lines: Iterable[str], database: str) -> Privileges:
    """What the account may with `database`, of the lines that `SHOW GRANTS` gives."""
    here: set[str] = set()
    beyond: set[str] = set()
    has_roles = False
    for line in lines:
        found = _LINE.match(line)
        if found is None:  # GRANT role TO user, SET DEFAULT ROLE …
            has_roles = has_roles or line.upper().startswith("GRANT")
            continue
        scope = _SCOPE.fullmatch(found["where"].strip())
        privileges = _privileges(found["what"])
        if "WITH GRANT OPTION" in line[found.end() :].upper():
            privileges.add("GRANT OPTION")
        if scope is None:  # ON PROCEDURE …, PROXY ON …
            beyond |= privileges
        elif scope["database"] == "*":
            here |= privileges
            beyond |= privileges
        elif scope["table"] == "*" and _covers(scope["database"], database):
            here |= privileges
        elif not _covers(scope["database"], database):
            beyond |= privileges
    return Privileges(frozenset(here), frozenset(beyond), has_roles)


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
