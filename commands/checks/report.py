"""How findings are told: a line each, or one JSON object, and the exit code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Final, NoReturn

import typer

from commands.checks.finding import Finding, State
from commands.output import Exit, say, show_json, show_table
from commands.wording import count

_SIGNS: Final = {State.OK: "✓", State.WARNING: "!", State.FAILED: "✗", State.SKIPPED: "–"}


def report(title: str, findings: Sequence[Finding], *, as_json: bool) -> NoReturn:
    """Tell them, and end the command: with exit code 1 where something failed."""
    counts = Counter(finding.state for finding in findings)
    if as_json:
        show_json(
            {
                "ok": not counts[State.FAILED],
                "counts": {state.value: counts[state] for state in State},
                "checks": [
                    {"check": f.check, "state": f.state.value, "says": f.says, "do": f.do}
                    for f in findings
                ],
            }
        )
    else:
        show_table(
            title,
            ("", "check", "what was found → what to do"),
            [(_SIGNS[f.state], f.check, _says(f)) for f in findings],
        )
        say(", ".join(_counted(state, counts[state]) for state in State))
    raise typer.Exit(Exit.FINDINGS if counts[State.FAILED] else Exit.OK)


def _counted(state: State, number: int) -> str:
    return count(number, "warning") if state is State.WARNING else f"{number} {state.value}"


def _says(finding: Finding) -> str:
    return f"{finding.says}\n→ {finding.do}" if finding.do else finding.says
