"""A version of Drivekeeper with its clock set: `python at_moment.py SECONDS WHAT …`.

PYTHONPATH says which version. SECONDS (Unix) is its time when it begins; from there it goes on, as
for asyncio it always does. WHAT is a command as `drivekeeper` takes it; or it is `commands`, and
stdin has a JSON list of command lines, each a list: they are run one after another, and stdout has
a JSON list of [exit code, stdout, stderr].
"""

from __future__ import annotations

import json
import os
import sys
from datetime import UTC, datetime

import freezegun
import pydantic.v1  # noqa: F401 - FastAPI loads it, and it cannot be where the clock is set
from freezegun import freeze_time


def main() -> None:
    """As this module says."""
    del sys.path[0]  # this folder: what lies in it is not the version's
    freezegun.configure(default_ignore_list=[])  # else threads would have the machine's clock
    moment = datetime.fromtimestamp(float(sys.argv[1]), UTC).replace(tzinfo=None)
    with freeze_time(moment, tick=True, real_asyncio=True):
        import cli

        if sys.argv[2] == "commands":
            answer_all(cli.app)
        else:
            sys.argv[:] = ["drivekeeper", *sys.argv[2:]]
            cli.main()


def answer_all(app: object) -> None:
    """Run what stdin says."""
    from typer import Typer
    from typer.testing import CliRunner

    assert isinstance(app, Typer)
    answers = []
    for line in json.load(sys.stdin):
        result = CliRunner().invoke(app, [*line, "--env-file", os.devnull])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        answers.append([result.exit_code, result.stdout, result.stderr])
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
