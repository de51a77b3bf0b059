"""`drivekeeper sheets accept`: a version that is held counts from now on, or never."""

from __future__ import annotations

from typing import Annotated, Final

import typer

from commands.departments.opened import opened
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, Yes, ask, say, show_json, stop
from commands.sheets.diff import OfMonth, Which
from commands.sheets.file import chosen, configured_sheets
from commands.sheets.held import period_of, state_of
from departments.administrators.who import operator
from sheets.keeping.deciding import Decisions

_BY: Final = operator("command")


def accept_sheet(
    which: Which,
    period: OfMonth = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Forget what is held, and keep what counts.")
    ] = False,
    yes: Yes = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """Take over a version that is held because over half of it had gone; or keep what is.

    Exit code 1: nothing is held, or nobody agreed; nothing was changed.
    """
    with opened(env_file) as (custody, _):
        [sheet] = chosen(configured_sheets(custody.settings), which)
        state = state_of(custody.storage, sheet)
        if not state.held:
            stop(f"Nothing was changed: nothing of {sheet.id} is held.", Exit.FINDINGS)
        month = period_of(state, period, of=state.held)
        one = state.periods[month]
        if not one.held:
            stop(f"Nothing was changed: nothing of {month} is held.", Exit.FINDINGS)
        gone = one.gone
        lost = "" if gone is None else f" {gone.people} of {gone.of_people} people or rows go."
        question = "Keep what counts, and forget what is held?" if keep else f"Take it over?{lost}"
        ask(question, yes=yes)
        decisions = Decisions(custody.storage)
        decide = decisions.keep if keep else decisions.accept
        decided = decide(sheet.id, month, _BY, one.held)
    if decided is None:
        stop("Nothing was changed: something else is held there by now.", Exit.FINDINGS)
    if as_json:
        outcome = "kept" if keep else "accepted"
        document = {"sheet": sheet.id, "period": month or None, "version": decided.id}
        show_json({**document, "outcome": outcome})
    elif keep:
        say("What counted goes on counting. It is not held again until the spreadsheet changes.")
    else:
        say(f"Version {decided.id} counts from now on.")
