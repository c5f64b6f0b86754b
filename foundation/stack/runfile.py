"""What a running Replik tells others on the same machine: `REPLIK_HOME/run.json`."""

import os
from pathlib import Path
from typing import Self

from pydantic import BaseModel, ConfigDict, SecretStr, ValidationError

from foundation.settings import Settings
from foundation.stack.home import is_locked, write_private

_URLS = (
    "database_url",
    "database_migrator_url",
    "database_worker_url",
    "database_system_url",
    "database_direct_url",
    "redis_url",
    "chroma_url",
)


class RunFile(BaseModel):
    """The process, where it listens, and the URLs of its services (with passwords: the file is private)."""

    model_config = ConfigDict(frozen=True)

    pid: int
    host: str
    port: int
    urls: dict[str, str]
    """By setting, for example `redis_url`."""

    @classmethod
    def of(cls, settings: Settings) -> Self:
        """Return the file of this process, from the settings that `open_stack` completed."""
        given = {field: getattr(settings, field) for field in _URLS}
        return cls(
            pid=os.getpid(),
            host=settings.host,
            port=settings.port,
            urls={
                field: value.get_secret_value() if isinstance(value, SecretStr) else value
                for field, value in given.items()
                if value is not None
            },
        )

    def write(self, home: Path) -> None:
        """Put the file into the home."""
        write_private(_path(home), self.model_dump_json(indent=2))

    @classmethod
    def read(cls, home: Path) -> Self | None:
        """Return the file of a running Replik; None when there is none, or it is left over from a crash."""
        try:
            found = cls.model_validate_json(_path(home).read_text())
        except (OSError, ValidationError):
            return None
        return found if is_locked(home) else None

    @staticmethod
    def remove(home: Path) -> None:
        """Take the file away, if it is this process's own."""
        try:
            if f'"pid": {os.getpid()},' in _path(home).read_text():
                _path(home).unlink()
        except OSError:
            return


def _path(home: Path) -> Path:
    return home / "run.json"
