"""A link by which an operator signs in to the web pages: from any machine that has the settings."""

from __future__ import annotations

from typing import Annotated

import typer

from commands.departments.opened import opened
from commands.options import DEFAULT_ENV_FILE, EnvFile
from commands.output import Exit, stop
from departments.administrators import who
from departments.administrators.links import LIFE_SECONDS, SignInLinks, TooManyLinks, address_of
from departments.administrators.sessions import Sessions


def console_link(
    name: Annotated[
        str, typer.Option("--as", help="Who signs in: shown to the others, and kept.")
    ] = "operator",
    revoke: Annotated[
        bool, typer.Option("--revoke", help="End this operator's sessions and links instead.")
    ] = False,
    env_file: EnvFile = DEFAULT_ENV_FILE,
) -> None:
    """Print a link that signs an operator in to the web pages, once, within five minutes."""
    try:
        operator = who.operator(name)
    except ValueError as fault:
        stop(f"--as: {fault}.", Exit.USAGE)
    with opened(env_file) as (custody, secret):
        settings, storage = custody.settings, custody.storage
        links = SignInLinks(storage, secret)
        if revoke:
            links.end_all(operator)
            count = Sessions(storage, secret, lambda _: True).end_all(operator)
            typer.echo(f"Sessions ended: {count}")
            return
        if settings.public_url is None:
            stop(
                "PUBLIC_URL is not set, and the link has to lead there: set it to the address at "
                "which browsers reach these pages, such as https://drive.example.org.",
                Exit.USAGE,
            )
        try:
            code = links.make(operator)
        except TooManyLinks as fault:
            minutes = round(fault.seconds / 60) or 1
            stop(f"{name} has made five links within the hour: wait {minutes} min.", Exit.FAULT)
        typer.echo(address_of(settings.public_url, code))
        typer.echo(
            f"It signs {name} in once, within {LIFE_SECONDS // 60} minutes: open it in a browser, "
            "and press the button there.",
            err=True,
        )
        if settings.web_google_client is None:
            typer.echo(
                "No bot serves these pages without WEB_GOOGLE_CLIENT_ID; `drivekeeper web` does.",
                err=True,
            )
