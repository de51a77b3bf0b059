"""`drivekeeper sheets links` and `unlink`: who is linked to a roster, and the end of that."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from commands.departments.opened import opened
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, Mask, Yes, ask, on, say, show_json, show_table, stop
from commands.runtime import open_custody
from commands.sheets.wording import in_iso
from sheets.people.kinds import CALENDARS
from sheets.people.links import Links
from sheets.people.services import DutyPeople


def list_links(
    in_full: Annotated[
        bool, typer.Option("--in-full", help="Also their staff numbers, which are personal.")
    ] = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """Who is linked to a roster: owner (as a mask), department, since when, what they are told.

    Changes nothing.
    """
    with open_custody(env_file) as custody:
        storage = custody.storage
        links = Links(storage).all()
        found = [
            {
                "owner": custody.mask(link.owner.name),
                "department": link.department,
                **({"number": link.number} if in_full else {}),
                "linked_at": in_iso(link.confirmed_at),
                "changes": link.changes,
                "calendars": len(storage.names(CALENDARS, f"{link.owner.stem}.")),
            }
            for link in links
        ]
    if as_json:
        show_json({"links": found})
        return
    numbers = ("number",) if in_full else ()
    rows = [
        (
            *(one["owner"], one["department"], *(one[name] for name in numbers)),
            on(datetime.fromtimestamp(link.confirmed_at, UTC)),
            *("yes" if link.changes else "no", one["calendars"]),
        )
        for one, link in zip(found, links, strict=True)
    ]
    columns = ("owner", "department", *numbers, "linked", "told of changes", "calendars")
    show_table(f"{len(rows)} linked to a roster", columns, rows)


def unlink(
    mask: Mask,
    department: Annotated[
        str | None, typer.Option(metavar="SLUG", help="Only from this department's.")
    ] = None,
    yes: Yes = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """End somebody's link to a roster: /duty shows them nothing more, calendars' addresses stop.

    The bot may run. They are not told; they may ask to be linked again. Exit code 1: there is no
    such link, or nobody agreed; nothing was changed.
    """
    with opened(env_file) as (custody, _):
        people = DutyPeople.of(custody.storage, {}, lambda owner: True)
        links = [
            link
            for link in people.links.all()
            if custody.mask(link.owner.name) == mask and department in (None, link.department)
        ]
        if not links:
            stop("Nothing was changed: there is no such link.", Exit.FINDINGS)
        where = ", ".join(link.department for link in links)
        ask(f"Unlink {mask} from the roster of {where}?", yes=yes)
        ended = people.end(links[0].owner, department)
    if as_json:
        show_json({"owner": mask, "departments": [link.department for link in ended]})
    else:
        say(f"Unlinked {mask} from the roster of {where}. They are not told.")
