"""`replik knowledge …`: a tenant's knowledge from the command line, beside a running Replik or alone."""

import asyncio
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from serve.cli_support import complete_settings, plain_errors


@click.group()
def knowledge() -> None:
    """Work with a tenant's knowledge."""


_tenant = click.option("--tenant", required=True, help="The tenant's short name.")
_source = click.argument("source")
_audience = click.option(
    "--audience",
    type=click.Choice(["customer", "staff"]),
    default="customer",
    show_default=True,
    help="Whom it answers; `customer` is everybody.",
)
_every = click.option("--every", type=int, help="Seconds between looks at what has changed.")


@knowledge.command("import")
@click.argument("folder", type=click.Path(exists=True, file_okay=False, path_type=Path))
@_tenant
def import_(folder: Path, tenant: str) -> None:
    """Read every document in FOLDER into a tenant's knowledge, with a progress bar.

    Works beside a running Replik, or starts the services for itself.
    """
    with plain_errors():
        settings = complete_settings()
        from serve.commands import import_into  # noqa: PLC0415 - slow, and other commands do without

        summary = asyncio.run(import_into(settings, os.environ, folder, tenant))
    click.echo(json.dumps(summary, ensure_ascii=False))


@knowledge.command("list")
@_tenant
def list_(tenant: str) -> None:
    """List the sources with their states."""
    _run(tenant, "listed")


@knowledge.command()
@click.argument("what")
@_audience
@_every
@_tenant
def add(what: str, audience: str, every: int | None, tenant: str) -> None:
    """Add WHAT, a file or a web address; a running Replik reads it."""
    _run(tenant, "added", what, audience, every)


@knowledge.command()
@click.argument("url")
@click.option("--sitemap", is_flag=True, help="URL is a sitemap: read the pages that it lists.")
@click.option("--depth", type=click.IntRange(0, 10), default=2, show_default=True, help="Links to follow.")
@click.option("--pages", type=click.IntRange(1, 10_000), default=200, show_default=True, help="At most.")
@click.option("--include", multiple=True, help="A pattern of paths, as /help/*; any of several.")
@click.option("--exclude", multiple=True, help="A pattern of paths that are left out.")
@_audience
@_every
@_tenant
def crawl(url: str, sitemap: bool, tenant: str, **options: Any) -> None:
    """Read the site at URL and show how far the walk is; a running Replik does the walking."""
    _run(tenant, "crawled", url, "sitemap" if sitemap else "site", options)


@knowledge.command()
@_tenant
def watch(tenant: str) -> None:
    """Show how far the reading is, until nothing is being read; a running Replik does the reading."""
    _run(tenant, "watched")


@knowledge.command()
@_source
@_tenant
def resync(source: str, tenant: str) -> None:
    """Queue SOURCE (`src_…`) to be read again, or the site of a crawl (`crl_…`) to be walked again."""
    _run(tenant, "resynced", source)


@knowledge.command()
@_source
@_tenant
def cancel(source: str, tenant: str) -> None:
    """Stop reading SOURCE; what was live stays live."""
    _run(tenant, "cancelled", source)


@knowledge.command()
@_source
@_tenant
def delete(source: str, tenant: str) -> None:
    """Delete SOURCE and print what a check found left; or a crawl (`crl_…`) with the pages it found."""
    _run(tenant, "deleted", source)


@knowledge.command()
@_source
@_tenant
def history(source: str, tenant: str) -> None:
    """List the versions of SOURCE, newest first."""
    _run(tenant, "history", source)


@knowledge.command()
@_source
@click.argument("before", type=int)
@click.argument("after", type=int)
@_tenant
def diff(source: str, before: int, after: int, tenant: str) -> None:
    """Show how two versions of SOURCE differ, by their numbers."""
    _run(tenant, "differences", source, before, after)


@knowledge.command()
@_source
@click.argument("version", type=int)
@_tenant
def restore(source: str, version: int, tenant: str) -> None:
    """Put VERSION of SOURCE back, as a new version."""
    _run(tenant, "restored", source, version)


@knowledge.command()
@click.option("--days", type=click.IntRange(1, 365), default=30, show_default=True)
@_tenant
def changed(days: int, tenant: str) -> None:
    """List answers of the last days that cited what has changed since."""
    _run(tenant, "changed", days)


@knowledge.command()
@click.argument("question")
@_tenant
def ask(question: str, tenant: str) -> None:
    """Show which passages QUESTION finds, in which order and why."""
    _run(tenant, "asked", question)


@knowledge.command()
@_tenant
def reindex(tenant: str) -> None:
    """Make the index anew with the present embedding model; a running Replik does the work."""
    _run(tenant, "reindexed")


@knowledge.command()
@_tenant
def check(tenant: str) -> None:
    """Report what is said twice, and what contradicts itself."""
    _run(tenant, "checked")


@knowledge.command()
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
@click.option("--history", is_flag=True, help="Also the versions that were live before.")
@click.option("--vectors", is_flag=True, help="Also the passages' vectors.")
@_tenant
def export(file: Path, history: bool, vectors: bool, tenant: str) -> None:
    """Write the knowledge to FILE, an archive."""
    _run(tenant, "exported", file, history, vectors)


@knowledge.command("import-archive")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@_tenant
def import_archive(file: Path, tenant: str) -> None:
    """Add what the archive FILE has and the tenant has not."""
    _run(tenant, "archive_imported", file)


def _run(tenant: str, name: str, *arguments: Any) -> None:
    """Run a command of `serve.commands_knowledge` on the tenant's desk and print what it returns."""
    with plain_errors():
        settings = complete_settings()
        from serve import commands_knowledge  # noqa: PLC0415 - slow, and other commands do without

        command: Callable[..., Any] = getattr(commands_knowledge, name)
        said = asyncio.run(commands_knowledge.at_desk(settings, os.environ, tenant, command, *arguments))
    click.echo(said if isinstance(said, str) else json.dumps(said, ensure_ascii=False, default=str))
