"""`drivekeeper tokens disconnect`: end somebody's connection in their place."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from commands.output import AsJson, Exit, Yes, ask, show_json, stop
from commands.runtime import DEFAULT_ENV_FILE, Custody, EnvFile, open_custody
from custody_parts import custody as assembled
from security.credential import Owner
from security.custody.disconnect import Farewell
from security.log_schema import MASK
from security.storage.files.locks import is_bot_running


def disconnect(
    mask: Annotated[str, typer.Argument(metavar="MASK", help="An owner, as logs name them.")],
    yes: Yes = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """Do for an owner what /disconnect does: revoke at Google, delete the credential and copies.

    Google is not told where somebody else uses the same account here. Safe beside a running bot;
    cannot be undone: the owner connects again. Exit code 1: nothing was done, or Google could not
    be told.
    """
    if not MASK.fullmatch(mask):
        stop("That is no mask: u_ or d_ and 16 characters.", Exit.USAGE)
    with open_custody(env_file, changes=True) as custody:
        owner = _find(custody, mask)
        if owner is None:
            stop("Nothing was done: of this owner no credential is kept.", Exit.FINDINGS)
        question = f"Disconnect {mask}? This cannot be undone; they would have to connect again"
        ask(question, yes=yes)
        farewell = asyncio.run(_disconnect(custody, owner))
    is_left = not farewell.revoked and not farewell.shared and farewell.was_connected
    if as_json:
        show_json({"owner": mask, "revoked": farewell.revoked, "shared": farewell.shared})
    else:
        typer.echo(f"Disconnected {mask}: the credential and its copies are deleted.")
        if farewell.shared:
            typer.echo("Google was not told: somebody else uses the same account here.")
        elif is_left:
            typer.echo("Google could not be told: the grant stands in the account's settings.")
    raise typer.Exit(Exit.FINDINGS if is_left else Exit.OK)


def _find(custody: Custody, mask: str) -> Owner | None:
    owners = (*custody.store.owners(), *custody.store.copies.owners())
    return next((owner for owner in owners if custody.mask(owner.name) == mask), None)


async def _disconnect(custody: Custody, owner: Owner) -> Farewell:
    remember = is_bot_running(custody.folder) is False
    async with assembled(custody.settings, custody.mask, remember=remember) as parts:
        async with parts.custodian.locked(owner):  # what is approved from now on saves nothing
            await parts.custodian.run(custody.consents.delete, owner)
        return await parts.custodian.disconnect(owner)
