"""`replik graph …`: graph configs checked, shown and drawn, without any service."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import click

if TYPE_CHECKING:
    from graphs.config import GraphConfig


@click.group()
def graph() -> None:
    """Work with graph configs: a FILE, or the NAME of one in configs/graphs/."""


_name = click.argument("name")
_output = click.option(
    "-o",
    "--output",
    type=click.Path(dir_okay=False, writable=True, path_type=Path),
    help="The file to write; without it the text is printed.",
)


@graph.command()
@click.argument("names", nargs=-1, required=True)
def check(names: Sequence[str]) -> None:
    """Say of each of NAMES what is wrong, one line a problem with file, line, field and remedy."""
    from serve.commands_graph import checked  # noqa: PLC0415 - slow, and other commands do without

    well = True
    for name in names:
        config, lines = checked(name)
        click.echo("\n".join(lines))
        well = well and config is not None
    sys.exit(0 if well else 1)


@graph.command()
@_name
def show(name: str) -> None:
    """Show the nodes of NAME, their options with the values in effect, and where they lead."""
    from rich.console import Console  # noqa: PLC0415

    from serve.commands_graph import shown  # noqa: PLC0415

    console = Console(width=None if sys.stdout.isatty() else 140)
    for table in shown(_loaded(name)):
        console.print(table)


@graph.command()
@_name
@click.option(
    "--format",
    "form",
    type=click.Choice(["svg", "mermaid"]),
    default="svg",
    show_default=True,
    help="As what.",
)
@_output
def draw(name: str, form: str, output: Path | None) -> None:
    """Draw NAME."""
    from serve.commands_graph import drawn  # noqa: PLC0415

    _write(drawn(_loaded(name), form), output)


@graph.command()
@click.option("--import", "modules", multiple=True, help="A module with nodes of your own; any of several.")
@_output
def schema(modules: Sequence[str], output: Path | None) -> None:
    """Write the JSON Schema by which editors complete and check graph configs."""
    from serve.commands_graph import schema as schema_of  # noqa: PLC0415

    text, problems = schema_of(modules)
    if text is None:
        _refuse(problems)
    _write(text, output)


def _loaded(name: str) -> "GraphConfig":
    from serve.commands_graph import checked  # noqa: PLC0415

    config, lines = checked(name)
    if config is None:
        _refuse(lines)
    return config


def _refuse(problems: Sequence[str]) -> NoReturn:
    click.echo("\n".join(problems), err=True)
    sys.exit(1)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        click.echo(text, nl=False)
        return
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        _refuse([f"replik: {output} cannot be written ({error.strerror}): name another file."])
