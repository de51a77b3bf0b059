"""`drivekeeper tokens disconnect`: end somebody's connection in their place."""

from __future__ import annotations

import asyncio

import typer

from commands.at_work import at_work, withdraw
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import AsJson, Exit, Mask, Yes, ask, say, show_json, stop
from commands.runtime import Custody, open_custody
from commands.waiting import saying
from security.credential import Owner
from security.custody.disconnect import Disconnection


def disconnect(
    mask: Mask,
    yes: Yes = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
    as_json: AsJson = False,
) -> None:
    """Do for an owner what /disconnect does: revoke at Google, delete the credential and copies.

    Google is not told where somebody else uses the same account here. Safe beside a running bot;
    cannot be undone: the owner connects again. Exit code 1: nothing was done, or Google could not
    be told.
    """
    with open_custody(env_file, changes=True) as custody:
        owner = _find(custody, mask)
        if owner is None:
            stop("Nothing was done: of this owner no credential is kept.", Exit.FINDINGS)
        question = f"Disconnect {mask}? This cannot be undone; they would have to connect again"
        ask(question, yes=yes)
        ended = asyncio.run(_disconnect(custody, owner))
    is_left = not ended.revoked and not ended.shared and ended.was_connected
    if as_json:
        show_json({"owner": mask, "revoked": ended.revoked, "shared": ended.shared})
    else:
        say(f"Disconnected {mask}: the credential and its copies are deleted.")
        if ended.shared:
            say("Google was not told: somebody else uses the same account here.")
        elif is_left:
            say("Google could not be told: the grant stands in the account's settings.")
    raise typer.Exit(Exit.FINDINGS if is_left else Exit.OK)


def _find(custody: Custody, mask: str) -> Owner | None:
    owners = (*custody.store.owners(), *custody.store.copies.owners())
    return next((owner for owner in owners if custody.mask(owner.name) == mask), None)


async def _disconnect(custody: Custody, owner: Owner) -> Disconnection:
    async with at_work(custody) as parts:
        async with parts.leases.held(owner):  # what is approved from now on saves nothing
            await parts.workers.run(custody.consents.delete, owner)
        async with saying("Waiting for Google, which is told that the grant has ended"):
            if owner.kind == "department":
                await withdraw(custody, parts, owner)
            return await parts.disconnecting.disconnect(owner)
