"""What programs that we start may see of the environment."""

from collections.abc import Mapping

from foundation.settings import Settings, env_name

_SETTINGS = frozenset(map(env_name, Settings.model_fields))
_FOREIGN = ("CHROMA_", "PG", "OTEL_")
"""Prefixes by which the services would take orders past their configuration."""


def quiet_environment() -> dict[str, str]:
    """Return the variables that keep every part from phoning home, to be set before Ray and others load."""
    return {
        "ANONYMIZED_TELEMETRY": "False",
        "DO_NOT_TRACK": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "LANGCHAIN_TRACING_V2": "false",
        "LANGSMITH_TRACING": "false",
        "NEXT_TELEMETRY_DISABLED": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
    }


def child_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what an embedded service gets: no secret of ours, no stray configuration, no telemetry."""
    kept = {k: v for k, v in environ.items() if k not in _SETTINGS and not k.startswith(_FOREIGN)}
    return {**kept, **quiet_environment(), "LC_ALL": "C.UTF-8", "TZ": "UTC"}
