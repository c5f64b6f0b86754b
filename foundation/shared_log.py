"""One log on one machine: every process appends lines to it, and the foreground shows them as they come."""

from pathlib import Path

from foundation.log import configure_logging
from foundation.settings import Settings


def log_path(settings: Settings) -> Path:
    return settings.home / "logs" / "replik.log"


def log_to_foreground(settings: Settings) -> None:
    """Log to the shared file; on a cluster, which shares no folder, to standard error."""
    if settings.ray_address is not None:
        configure_logging(settings.log_level, settings.log_format)
        return
    path = log_path(settings)
    path.parent.mkdir(parents=True, exist_ok=True)
    stream = path.open("a", buffering=1, encoding="utf-8")
    configure_logging(settings.log_level, settings.log_format, stream)
