"""The system account PostgreSQL runs as when Replik runs as root, since it refuses to run as root."""

import os
import pwd
import stat
import subprocess
from pathlib import Path

from foundation.errors import StartError

_NAME = "pgserver"
_ORDINARY = "run Replik as an ordinary user, or set DATABASE_URL to a server of your own"


def for_postgres(home: Path, programs: Path) -> str | None:
    """Return the account's name, able to reach the home and the programs; None when we are not root.

    Raises:
        StartError: the account cannot be made.
    """
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam(_NAME)
    except KeyError:
        _make()
    for place in (home, programs, programs.parent / "lib"):
        _open_way(place)
    return _NAME


def number(name: str) -> int:
    """Return the account's user id."""
    return pwd.getpwnam(name).pw_uid


def group(name: str) -> int:
    """Return the account's group id."""
    return pwd.getpwnam(name).pw_gid


def _make() -> None:
    try:
        subprocess.run(
            ["useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", _NAME],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError):
        raise StartError(
            f"PostgreSQL does not run as root and the account {_NAME} cannot be made: {_ORDINARY}."
        ) from None


def _open_way(place: Path) -> None:
    """Let the account pass through the folders above `place`: pass, not list or read."""
    try:
        for folder in (place, *place.resolve().parents):
            mode = folder.stat().st_mode
            if not mode & stat.S_IXOTH:
                folder.chmod(mode | stat.S_IXOTH)
    except OSError as error:
        raise StartError(
            f"The account {_NAME} cannot pass through {error.filename}: set REPLIK_HOME to a folder everybody"
            f" may pass through, {_ORDINARY}."
        ) from None
