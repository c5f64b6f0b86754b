"""The `replik` command."""

import asyncio
import json
import os
import re
import sys
from contextlib import suppress

import click
from rich.console import Console

from foundation.plans import PlanName
from foundation.settings import Settings
from foundation.stack.environment import quiet_environment
from serve.cli_audit import audit, secrets
from serve.cli_graph import graph
from serve.cli_knowledge import knowledge
from serve.cli_person import person
from serve.cli_support import ENV_FILE, complete_settings, plain_errors


@click.group()
def main() -> None:
    """Replik: AI customer support that quotes your own documents."""
    # Before Ray and others load: nothing may phone home.
    os.environ.update(quiet_environment())


@main.command()
def run() -> None:
    """Start everything on this machine and stay in the foreground."""
    with plain_errors():
        settings = complete_settings()
        from serve.start import run as start  # noqa: PLC0415 - other commands do without

        asyncio.run(start(settings, os.environ))


@main.command()
def doctor() -> None:
    """Check every part and say what to do about what is wrong."""
    from foundation.database.roles import ensure_database  # noqa: PLC0415
    from foundation.stack.doctor import examine, healthy, table  # noqa: PLC0415
    from serve.checks import ray_check  # noqa: PLC0415

    checks = asyncio.run(examine(os.environ, ENV_FILE, ensure_database, [("Ray", ray_check)]))
    Console().print(table(checks))
    sys.exit(0 if healthy(checks) else 1)


@main.command()
@click.option("--once", is_flag=True, help="Print one frame and end.")
@click.option("--json", "as_json", is_flag=True, help="Print one frame as a line of JSON and end.")
@click.option(
    "--every", "every_s", type=click.FloatRange(1, 60), default=2.0, help="Seconds between readings."
)
def top(once: bool, as_json: bool, every_s: float) -> None:
    """Show what the hosts are doing, live; Ctrl-C ends it."""
    from serve.top import top as show  # noqa: PLC0415

    with plain_errors(), suppress(KeyboardInterrupt):
        settings = Settings.load(os.environ, ENV_FILE)
        console = Console(width=None if sys.stdout.isatty() else 200)
        asyncio.run(show(settings, console, every_s=every_s, once=once, as_json=as_json))


@main.group()
def tenant() -> None:
    """Work with tenants."""


@tenant.command("create")
@click.argument("slug")
@click.option("--name", required=True, help="The company's name.")
@click.option("--language", type=click.Choice(["sv", "en"]), default="sv", show_default=True)
def create(slug: str, name: str, language: str) -> None:
    """Make a tenant with the short name SLUG and print its keys, once."""
    from serve.commands import make_tenant  # noqa: PLC0415

    if not re.fullmatch(r"[a-z0-9][a-z0-9-]{0,62}", slug):
        raise click.BadParameter("use small letters, digits and hyphens", param_hint="SLUG")
    with plain_errors():
        made = asyncio.run(make_tenant(complete_settings(), os.environ, slug, name, language))
    click.echo(json.dumps(made))


@tenant.command("delete")
@click.argument("slug")
@click.option("--yes", is_flag=True, help="Do not ask.")
def delete_(slug: str, yes: bool) -> None:
    """Delete the tenant SLUG with everything it has, and print what a check found left."""
    from serve.commands import delete_tenant_of  # noqa: PLC0415

    if not yes:
        click.confirm(f"Delete {slug!r} with its knowledge and its conversations?", abort=True)
    with plain_errors():
        proof = asyncio.run(delete_tenant_of(complete_settings(), os.environ, slug))
    click.echo(json.dumps(proof))
    sys.exit(0 if not any(proof.values()) else 1)


main.add_command(audit)


@tenant.command("plan")
@click.option("--tenant", "slug", required=True, help="The tenant's short name.")
@click.option("--plan", type=click.Choice(["free", "team", "business"]), required=True)
def plan_(slug: str, plan: PlanName) -> None:
    """Put a tenant on a plan; what it has beyond that stays, it only cannot add to it."""
    from serve.commands import change_plan  # noqa: PLC0415

    with plain_errors():
        changed = asyncio.run(change_plan(complete_settings(), os.environ, slug, plan))
    click.echo(json.dumps(changed))


main.add_command(graph)
main.add_command(knowledge)
main.add_command(secrets)
main.add_command(person)


if __name__ == "__main__":
    main()
