"""`drivekeeper db check`: does this database keep what the storage counts on?"""

from __future__ import annotations

from commands.checks.database import check_server, check_trials
from commands.checks.report import report
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson
from commands.runtime import open_database


def check(env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False) -> None:
    """Try whether the database keeps what is counted on. Exit code 1: something failed.

    Processes may work on it meanwhile: what is tried is done to documents of its own, which are
    taken away again.
    """
    with open_database(env_file) as database:
        findings = [*check_server(database), *check_trials(database)]
    report("The database", findings, as_json=as_json)
