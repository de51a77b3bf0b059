"""What accounts may do, by the lines that servers give."""

from __future__ import annotations

import pytest

from security.storage.sql.checks.privileges import TO_UPGRADE, TO_WORK, read_grants
from security.storage.sql.checks.server import product_of

pytestmark = pytest.mark.one_way("off")

ALL_EIGHT = "SELECT, INSERT, UPDATE, DELETE, CREATE, DROP, INDEX, ALTER"
USAGE = "GRANT USAGE ON *.* TO `drive`@`%` IDENTIFIED BY PASSWORD '*0123456789ABCDEF' REQUIRE SSL"


@pytest.mark.parametrize(
    ("lines", "missing", "too_many"),
    [
        # As docs/scaling.md has it, on MariaDB, MySQL 8 and TiDB
        ([USAGE, f"GRANT {ALL_EIGHT} ON `drive`.* TO `drive`@`%`"], "", ""),
        (["GRANT USAGE ON *.* TO `d`@`%`", f"GRANT {ALL_EIGHT} ON `drive`.* TO `d`@`%`"], "", ""),
        (["GRANT USAGE ON *.* TO 'd'@'%'", f"GRANT {ALL_EIGHT} ON drive.* TO 'd'@'%'"], "", ""),
        # Less
        ([USAGE], "DELETE, INSERT, SELECT, UPDATE", ""),
        ([USAGE, "GRANT SELECT, INSERT ON `drive`.* TO `d`@`%`"], "DELETE, UPDATE", ""),
        ([f"GRANT {ALL_EIGHT} ON `other`.* TO `d`@`%`"], "DELETE, INSERT, SELECT, UPDATE", "…"),
        (["GRANT SELECT ON `drive`.`documents` TO `d`@`%`"], "DELETE, INSERT, SELECT, UPDATE", ""),
        # More
        (["GRANT ALL PRIVILEGES ON `drive`.* TO `d`@`%`"], "", "ALL PRIVILEGES"),
        (["GRANT ALL PRIVILEGES ON *.* TO `d`@`%` WITH GRANT OPTION"], "", "…"),
        ([f"GRANT {ALL_EIGHT}, TRIGGER ON `drive`.* TO `d`@`%`"], "", "TRIGGER"),
        ([f"GRANT {ALL_EIGHT} ON `drive`.* TO `d`@`%` WITH GRANT OPTION"], "", "GRANT OPTION"),
        (
            [USAGE.replace("USAGE", "FILE"), f"GRANT {ALL_EIGHT} ON `drive`.* TO `d`@`%`"],
            "",
            "FILE",
        ),
        ([f"GRANT {ALL_EIGHT} ON *.* TO `d`@`%`"], "", "…"),
        (
            [f"GRANT {ALL_EIGHT} ON `drive`.* TO `d`@`%`", "GRANT SELECT ON `other`.* TO `d`@`%`"],
            *("", "SELECT"),
        ),
        (
            [
                f"GRANT {ALL_EIGHT} ON `drive`.* TO `d`@`%`",
                "GRANT EXECUTE ON PROCEDURE `drive`.`p` TO `d`@`%`",
            ],
            *("", "EXECUTE"),
        ),
    ],
)
def test_privileges_are_weighed_against_what_is_needed(
    lines: list[str], missing: str, too_many: str
) -> None:
    """On the one database: "…" is whatever, but something."""
    found = read_grants(lines, "drive")
    assert ", ".join(sorted(found.missing_to_work)) == missing
    said = ", ".join(sorted({one for extra in found.too_many for one in extra.privileges}))
    assert bool(said) if too_many == "…" else said == too_many


def test_what_is_too_much_is_said_with_where_and_whose_it_is() -> None:
    """As `mariadb-install-db` leaves a server, with the account of docs/scaling.md."""
    lines = [
        USAGE,
        f"GRANT {ALL_EIGHT}, TRIGGER ON `drive`.* TO `drive`@`%`",
        r"GRANT SELECT, UPDATE ON `test\_%`.* TO PUBLIC",
        "GRANT SELECT ON `can``ary`.* TO `drive`@`%`",
    ]
    assert [
        (sorted(extra.privileges), extra.where, extra.is_everybodys)
        for extra in read_grants(lines, "drive").too_many
    ] == [
        (["TRIGGER"], "this database", False),
        (["SELECT", "UPDATE"], r"the database test\_%", True),
        (["SELECT"], "another database", False),
    ]


def test_an_account_may_work_and_not_upgrade() -> None:
    """It is the better one for processes."""
    found = read_grants(["GRANT SELECT, INSERT, UPDATE, DELETE ON `drive`.* TO `d`@`%`"], "drive")
    assert (found.here, found.missing_to_upgrade) == (TO_WORK, TO_UPGRADE)
    assert not found.too_many


@pytest.mark.parametrize(
    ("scope", "database", "is_covered"),
    [
        ("`drive\\_keeper`", "drive_keeper", True),
        ("`drive\\_keeper`", "drivexkeeper", False),
        ("`drive_keeper`", "drivexkeeper", True),
        ("`drive%`", "drivekeeper", True),
        ("`dri``ve`", "dri`ve", True),
        ("`a.b`", "a.b", True),
    ],
)
def test_wildcards_of_a_grant_are_followed(scope: str, database: str, is_covered: bool) -> None:
    """https://mariadb.com/kb/en/grant/#database-privileges."""
    found = read_grants([f"GRANT SELECT ON {scope}.* TO `d`@`%`"], database)
    assert ("SELECT" in found.here) is is_covered


@pytest.mark.parametrize(
    "line", ["GRANT `clerk`@`%` TO `d`@`%`", "GRANT `clerk` TO `d`@`%`", "GRANT 'clerk' TO 'd'@'%'"]
)
def test_roles_are_told_and_not_guessed_at(line: str) -> None:
    """What they bring stands elsewhere."""
    assert read_grants([USAGE, line], "drive").has_roles
    assert not read_grants([USAGE, "SET DEFAULT ROLE `clerk` FOR `d`@`%`"], "drive").has_roles


def test_nothing_of_a_line_is_repeated_but_known_words() -> None:
    """MariaDB's lines hold a hash of the password."""
    lines = [USAGE, "GRANT secret-canary ON *.* TO `d`@`%`"]
    assert "canary" not in str(read_grants(lines, "drive"))
    assert "0123456789" not in str(read_grants(lines, "drive"))


@pytest.mark.parametrize(
    ("said", "product", "version"),
    [
        ("10.11.19-MariaDB-0+deb12u1", "MariaDB", "10.11.19"),
        ("11.8.2-MariaDB-ubu2404", "MariaDB", "11.8.2"),
        ("8.4.3", "MySQL", "8.4.3"),
        ("8.0.36-28.1", "MySQL", "8.0.36"),
        ("8.0.11-TiDB-v8.5.1", "TiDB", "8.5.1"),
        ("5.7.28-TiDB-Serverless", "TiDB", "?"),
        ("canary", "MySQL", "?"),
    ],
)
def test_products_are_known_by_what_they_call_themselves(
    said: str, product: str, version: str
) -> None:
    """TiDB gives MySQL's version first, for MySQL's clients."""
    assert product_of(said) == (product, version)
