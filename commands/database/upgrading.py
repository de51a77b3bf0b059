"""`drivekeeper db upgrade`: the tables as this version wants them."""

from __future__ import annotations

from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, say, show_json
from commands.runtime import open_database
from commands.wording import count


def upgrade(env_file: EnvFile = DEFAULT_ENV_FILE, as_json: AsJson = False) -> None:
    """Make the database's tables, or bring them up to date.

    Stop every process that works on the database first, and back it up: earlier versions refuse a
    newer one's tables. Several of these commands at once are safe, and so is running it again
    after it was cut short.
    """
    with open_database(env_file) as database:
        made = database.upgrade()
    if as_json:
        show_json({"changes": made})
    elif made:
        say(f"The database is up to date: {count(len(made), 'change')} made.")
    else:
        say("The database was up to date: nothing was changed.")
