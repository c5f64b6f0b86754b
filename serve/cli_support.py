"""What all commands share: settings, and errors as one sentence."""

import os
import sys

import click

from foundation.errors import ReplikError, StartError
from foundation.settings import ROOT, Settings
from serve.ingress import ray_environment

ENV_FILE = ROOT / ".env"


def complete_settings() -> Settings:
    """Return the settings. Ray reads the environment when it is imported: import it after this."""
    settings = Settings.load(os.environ, ENV_FILE)
    os.environ.update(ray_environment(settings))
    return settings


class plain_errors:  # noqa: N801 - reads as a phrase
    """Turns expected errors into one sentence and exit code 1."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, StartError):
            click.echo(f"replik: {error.sentence}", err=True)
            sys.exit(1)
        if isinstance(error, ReplikError):
            told = ", ".join(f"{name} {value}" for name, value in error.data.items())
            click.echo(f"replik: {error.message} ({error.code}{': ' if told else ''}{told})", err=True)
            sys.exit(1)
