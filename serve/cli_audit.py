"""`replik audit …` and `replik secrets …`."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import click

from serve.cli_support import complete_settings, plain_errors


@click.group()
def audit() -> None:
    """Check and export audit logs."""


@audit.command()
@click.argument("file", required=False, type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.option("--tenant", help="The tenant's short name; without it, all are checked.")
@click.option("--against", metavar="HEAD", help="A head that was kept: it must still be in the log.")
def verify(file: Path | None, tenant: str | None, against: str | None) -> None:
    """Say whether audit logs are as they were written, and name the first row that is not.

    With FILE, an exported log, nothing else is needed.
    """
    from foundation.audit_chain import Head  # noqa: PLC0415 - other commands do without

    if against and not (file or tenant):
        raise click.UsageError("--against is of one log: give --tenant or FILE")
    with plain_errors():
        head = Head.parse(against) if against else None
        from serve import commands_audit  # noqa: PLC0415 - slow, and other commands do without

        if file is not None:
            found: list[dict[str, Any]] = [commands_audit.verified_file(file, head)]
        else:
            found = asyncio.run(commands_audit.verified(complete_settings(), os.environ, tenant, head))
    for each in found:
        click.echo(json.dumps(each))
    faults = list(commands_audit.faults(found))
    for fault in faults:
        click.echo(f"replik: {fault}", err=True)
    sys.exit(1 if faults else 0)


@audit.command()
@click.option("--tenant", required=True, help="The tenant's short name.")
@click.option(
    "-o", "target", required=True, type=click.Path(dir_okay=False, path_type=Path), help="The file to write."
)
def export(tenant: str, target: Path) -> None:
    """Write a tenant's audit log as JSON lines; what is personal in it stays sealed."""
    with plain_errors():
        settings = complete_settings()
        from serve.commands_audit import exported  # noqa: PLC0415

        click.echo(json.dumps(asyncio.run(exported(settings, os.environ, tenant, target))))


@click.group()
def secrets() -> None:
    """Look after what is sealed."""


@secrets.command()
def rotate() -> None:
    """Seal everything anew under ENCRYPTION_KEY, so that ENCRYPTION_KEYS_OLD can go.

    May be stopped and run again.
    """
    with plain_errors():
        settings = complete_settings()
        from serve.commands_audit import rotated  # noqa: PLC0415

        counts = asyncio.run(rotated(settings, os.environ))
    click.echo(json.dumps(counts))
    left = sum(each["left"] for each in counts.values())
    if left:
        click.echo(
            f"replik: {left} values are still under another key: keep ENCRYPTION_KEYS_OLD,"
            " restart all with the new key, and run this again.",
            err=True,
        )
    sys.exit(1 if left else 0)
