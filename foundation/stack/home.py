"""The folder of one installation: made, locked, and with the secrets of demo mode."""

import fcntl
import json
import os
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from foundation.errors import StartError
from foundation.settings import Settings

_OTHER = "set REPLIK_HOME to another folder"


def make_home(home: Path) -> None:
    """Create the folder, for its owner's eyes mainly, and see that files can be written.

    Raises:
        StartError: it cannot be made or written.
    """
    try:
        home.mkdir(mode=0o711, parents=True, exist_ok=True)
        probe = home / f".write-{os.getpid()}"
        probe.write_bytes(b"")
        probe.unlink()
    except OSError as error:
        raise StartError(
            f"REPLIK_HOME {home} cannot be written ({error.strerror}): allow writing there, or {_OTHER}."
        ) from None


@contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the home for the length of the block; the kernel lets go of it however we end.

    Raises:
        StartError: another Replik holds it.
    """
    with (home / "lock").open("a") as file:
        for patience in (0.1, 0.2, None):  # `is_locked` elsewhere holds it for an instant
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if patience is None:
                    raise StartError(
                        f"Replik already runs on REPLIK_HOME {home}: stop it, or {_OTHER}."
                    ) from None
                time.sleep(patience)
        yield


def is_locked(home: Path) -> bool:
    """Tell whether a Replik runs on this home."""
    try:
        with (home / "lock").open("r") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except OSError:
        return True
    return False


def with_secrets(settings: Settings) -> Settings:
    """Return the settings with an encryption key: the given one, or (demo mode) the home's own, made once.

    Raises:
        StartError: the home's `secrets.json` cannot be read.
    """
    if settings.encryption_key is not None:
        return settings
    path = settings.home / "secrets.json"
    try:
        if not path.exists():
            write_private(path, json.dumps({"encryption_key": secrets.token_hex(32)}))
        return settings.evolve(encryption_key=json.loads(path.read_text())["encryption_key"])
    except (OSError, ValueError, KeyError, TypeError):
        raise StartError(
            f"{path} cannot be read: restore it from a backup or set ENCRYPTION_KEY;"
            " without the old key, sealed data is lost."
        ) from None


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read, whole or not at all."""
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
