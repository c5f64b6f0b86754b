"""`replik person …`."""

import asyncio
import json
import os
import sys
from typing import get_args

import click

from foundation.permissions import Role
from serve.cli_support import complete_settings, plain_errors


@click.group()
def person() -> None:
    """Work with people's accounts."""


@person.command("create")
@click.option("--email", required=True, help="The person's e-mail address; it counts as confirmed.")
@click.option("--tenant", "slug", required=True, help="Short name of the tenant whose team they join.")
@click.option("--role", type=click.Choice(get_args(Role)), default="owner", show_default=True)
@click.option("--name", help="The person's name; without one, what stands before the @.")
def create(email: str, slug: str, role: Role, name: str | None) -> None:
    """Take a person into a team, with a new account if they have none.

    The password is asked for, or read from the input; who has an account keeps theirs.
    """
    from serve.commands_person import make_person  # noqa: PLC0415
    from serve.persons import WantedPerson  # noqa: PLC0415

    name = name or email.partition("@")[0]

    password = (
        click.prompt("Password", hide_input=True, confirmation_prompt=True)
        if sys.stdin.isatty()
        else sys.stdin.readline().rstrip("\r\n")
    )
    with plain_errors():
        made = asyncio.run(
            make_person(complete_settings(), os.environ, slug, WantedPerson(email, name, password, role))
        )
    click.echo(json.dumps(made))
