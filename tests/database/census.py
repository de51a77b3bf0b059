"""What may be said to a database: every statement's words against an allow-list, with TiDB's word.

Nobody here can run TiDB, so what is sent is kept to what its documents say it does as MySQL does.
Whatever is not on the list is refused: `SKIP LOCKED`, `FOR SHARE`, savepoints, foreign keys,
triggers, CHECK, ENUM and everything else that TiDB parses and leaves out, or does otherwise.
https://docs.pingcap.com/tidb/stable/mysql-compatibility
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import pairwise
from typing import Final

from security.storage.sql.schema import HISTORY
from security.storage.sql.tables import metadata

DOCUMENTS: Final = "https://docs.pingcap.com/tidb/stable/"
MOST_IN_A_LIST: Final = 200
"""Values behind one IN: what a plan is made for, and far from the limits of a statement."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What may be said, in upper case, and the document of TiDB's that says what it does there."""

    document: str
    phrases: frozenset[str]
    in_migrations: bool = False
    """Whether nothing but migrations says it."""


def _rule(document: str, phrases: str, *, in_migrations: bool = False) -> Rule:
    """`phrases` separated by bars."""
    return Rule(document, frozenset(phrases.split(" | ")), in_migrations)


RULES: Final = (
    _rule(
        "sql-statement-select",
        "SELECT | FROM | WHERE | ORDER BY | ASC | DESC | LIMIT | OFFSET | AS | DISTINCT | GROUP BY"
        " | JOIN | ON | UNION ALL",
    ),
    _rule("operators", "AND | OR | NOT | IN | NOT IN | IS NULL | IS NOT NULL | BETWEEN | LIKE"),
    _rule("control-flow-functions", "CASE | WHEN | THEN | ELSE | END"),
    _rule("literal-values", "NULL | TRUE | FALSE"),
    _rule("cast-functions-and-operators", "CAST | SIGNED INTEGER | SIGNED"),
    _rule("aggregate-group-by-functions", "COUNT | MIN | MAX | SUM"),
    _rule("string-functions", "LENGTH | LOWER"),
    _rule("date-and-time-functions", "UNIX_TIMESTAMP | UTC_TIMESTAMP"),
    # Locks last to the transaction's end; READ COMMITTED, so no gap locks, which TiDB lacks.
    _rule("pessimistic-transaction", "FOR UPDATE"),
    # A hint is none of the result's; TiDB knows it in the same place.
    _rule("sql-statement-select", "FORCE INDEX | PRIMARY"),
    # VALUES(column): what the row would have had.
    _rule("sql-statement-insert", "INSERT INTO | VALUES | ON DUPLICATE KEY UPDATE"),
    _rule("sql-statement-update", "UPDATE | SET"),
    _rule("sql-statement-delete", "DELETE FROM"),
    _rule("information-functions", "DATABASE | VERSION | CONNECTION_ID | CURRENT_USER"),
    _rule("sql-statement-show-tables", "SHOW | FULL TABLES"),
    # `drivekeeper db check` and the doctor, of the server and of a session of their own.
    _rule("sql-statement-show-variables", "VARIABLES | VARIABLE_NAME"),
    _rule("sql-statement-show-status", "SESSION STATUS"),
    _rule("sql-statement-show-grants", "GRANTS"),
    _rule("system-variables", "SET SESSION | INNODB_LOCK_WAIT_TIMEOUT"),
    # All that follow: around and in migrations alone.
    _rule("locking-functions", "GET_LOCK | RELEASE_LOCK", in_migrations=True),
    _rule(
        "sql-statement-create-table",
        "CREATE TABLE | PRIMARY KEY | AUTO_INCREMENT | DEFAULT | BIGINT | INTEGER | DATETIME"
        " | VARCHAR | CHARACTER SET | COLLATE | BLOB | MEDIUMBLOB | BINARY | VARBINARY | ENGINE"
        " | INNODB | DEFAULT CHARSET | CHARSET | UTF8MB4 | UTF8MB4_BIN | ASCII | ASCII_BIN"
        " | IF NOT EXISTS",
        in_migrations=True,
    ),
    _rule("sql-statement-describe", "DESCRIBE", in_migrations=True),
    _rule("sql-statement-set-variable", "SESSION | LOCK_WAIT_TIMEOUT", in_migrations=True),
    _rule(
        "sql-statement-create-index",
        "CREATE INDEX | CREATE UNIQUE INDEX | DROP INDEX",
        in_migrations=True,
    ),
    _rule(
        "sql-statement-alter-table",
        "ALTER TABLE | ADD COLUMN | DROP COLUMN | MODIFY COLUMN | DROP TABLE",
        in_migrations=True,
    ),
)
"""On MySQL, MariaDB and TiDB."""
WIRE: Final = (
    _rule("sql-statement-set-names", "SET NAMES UTF8MB4"),
    _rule("sql-statement-set-variable", "SET | SET SESSION | SESSION"),
    _rule("transaction-overview", "AUTOCOMMIT | BEGIN | COMMIT | ROLLBACK"),
    _rule("transaction-isolation-levels", "TRANSACTION ISOLATION LEVEL READ COMMITTED"),
    _rule(
        "system-variables",
        "@@ | TX_ISOLATION | LOWER_CASE_TABLE_NAMES | SQL_MODE | TIME_ZONE | WAIT_TIMEOUT"
        " | INNODB_LOCK_WAIT_TIMEOUT | LOCK_WAIT_TIMEOUT",
    ),
    _rule("", "IDLE_TRANSACTION_TIMEOUT"),  # said to a MariaDB alone
)
"""What is said at a connection's beginning and around transactions: nothing but a proxy sees it."""
OF_MARIADB: Final = (_rule("", "RETURNING", in_migrations=True),)
"""What SQLAlchemy says to a MariaDB and to no other server, for Alembic's own table."""
OF_SQLITE: Final = (
    _rule("", "BEGIN | BEGIN IMMEDIATE | JULIANDAY | INTEGER"),
    _rule("", "ON CONFLICT | DO UPDATE SET | DO NOTHING | EXCLUDED"),
    _rule("", "RETURNING | TEXT | UNIQUE", in_migrations=True),
)
"""What SQLite says in other words; what it says in the same ones is held to the same rules."""

_TOKEN: Final = re.compile(
    r"""(?sx)
    \s+ | --[^\n]*
    | (?P<value> '(?:[^'\\]|''|\\.)*' | %\(\w+\)s | %s | \? | :\w+ | \d+(?:\.\d+)? | _binary
        | X'[0-9A-Fa-f]*' )
    | (?P<named> `[^`]+` | "[^"]+" )
    | (?P<word> @@ | [A-Za-z_][A-Za-z0-9_$]* )
    | (?P<sign> <=> | <> | != | <= | >= | [-+*/(),.=<>;] )
    """
)
_MADE_UP: Final = re.compile("[a-z_]+_[0-9]+|now|new")
"""What SQLAlchemy, or the product, calls a column or a row of one statement."""
_LONGEST_PHRASE: Final = 5


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of a statement: a value, a named identifier, a word, or a sign."""

    kind: str
    text: str


@lru_cache(maxsize=4096)  # the same few hundred are said a hundred thousand times
def complaints(
    statement: str, dialect: str, *, in_migrations: bool = False, on_the_wire: bool = False
) -> tuple[str, ...]:
    """What a statement says that it may not.

    Args:
        dialect: `mysql`, `mariadb` or `sqlite`.
        on_the_wire: it is as it was sent, values and all, and may be the driver's own.
    """
    if dialect == "sqlite" and ("sqlite_master" in statement or statement.startswith("PRAGMA")):
        return ()  # SQLite's own, and SQLAlchemy's way to look at what there is
    try:
        tokens = list(_tokens(statement))
    except ValueError as error:
        return (str(error),)
    own = OF_SQLITE if dialect == "sqlite" else OF_MARIADB
    rules = (*RULES, *(WIRE if on_the_wire else ()), *own)
    found = list(_unknown(tokens, rules, in_migrations))
    found += _too_long_lists(tokens)
    texts = [token.text.upper() for token in tokens]
    if any(
        text == "*" and before in ("SELECT", "DISTINCT", ",", ".")
        for before, text in pairwise(texts)
    ):
        found.append("SELECT *: whose columns nobody has named")
    if texts[:2] == ["ALTER", "TABLE"]:
        changes = sum(text in ("ADD", "DROP", "MODIFY", "CHANGE", "RENAME") for text in texts)
        found += ["several changes in one ALTER TABLE"] if changes > 1 else []
    if texts[:2] == ["CREATE", "TABLE"] and dialect != "sqlite":
        found += _without_collation(statement)
    return tuple(found)


def _tokens(statement: str) -> Iterator[Token]:
    at = 0
    while at < len(statement):
        found = _TOKEN.match(statement, at)
        if found is None:
            raise ValueError(f"not understood: {statement[at : at + 20]!r}")
        at = found.end()
        if found.lastgroup is not None:
            yield Token(found.lastgroup, found[0])


def _unknown(tokens: list[Token], rules: Collection[Rule], in_migrations: bool) -> Iterator[str]:
    phrases = {
        phrase: rule
        for rule in rules
        for phrase in rule.phrases
        if in_migrations or not rule.in_migrations
    }
    at = 0
    while at < len(tokens):
        if tokens[at].kind != "word":
            at += 1
            continue
        for length in range(_LONGEST_PHRASE, 0, -1):
            words = tokens[at : at + length]
            phrase = " ".join(token.text.upper() for token in words)
            if all(token.kind == "word" for token in words) and phrase in phrases:
                break
        else:
            length = 1
            if tokens[at].text not in _our_names() and not _MADE_UP.fullmatch(tokens[at].text):
                yield f"{tokens[at].text}: not on the list"
        at += length


@cache
def _our_names() -> frozenset[str]:
    """Tables, columns and indexes."""
    names = {HISTORY.name, *(column.name for column in HISTORY.columns)}
    for table in metadata.tables.values():
        names |= {table.name, *(column.name for column in table.columns)}
        names |= {str(index.name) for index in table.indexes}
    return frozenset(names)


def _too_long_lists(tokens: list[Token]) -> Iterator[str]:
    for at, token in enumerate(tokens):
        if token.text.upper() != "IN" or tokens[at + 1 : at + 2] != [Token("sign", "(")]:
            continue
        values, depth = 1, 0
        for inner in tokens[at + 1 :]:
            depth += {"(": 1, ")": -1}.get(inner.text, 0)
            values += inner.text == "," and depth == 1
            if depth == 0:
                break
        if values > MOST_IN_A_LIST:
            yield f"{values} values behind one IN"


def _without_collation(statement: str) -> Iterator[str]:
    for line in statement.splitlines():
        if re.search(r"\b(?:VAR)?CHAR\(", line, re.IGNORECASE) and "COLLATE" not in line.upper():
            yield f"a column without its collation: {line.strip()}"
