"""Whom the load test asks: an address and keys from the environment, or the demo that runs here."""

from collections.abc import Mapping
from dataclasses import dataclass

from foundation.errors import StartError
from foundation.settings import ROOT, Settings
from foundation.stack.home import with_secrets
from foundation.stack.runfile import RunFile
from serve.demo import OWN, SHOP, demo_key


@dataclass(frozen=True, slots=True)
class Target:
    """An address, and the keys of its tenants."""

    host: str
    keys: tuple[str, ...]
    """Server keys."""
    widget_keys: tuple[str, ...]
    """Publishable keys."""

    def scenarios(self) -> tuple[str, ...]:
        """Return the scenarios for which there are keys enough."""
        widget = ("WidgetChat", "ReconnectStorm") if self.widget_keys else ()
        server = ("ApiChat",) if self.keys else ()
        return (*widget, *server, *(("MixedTenants",) if len(self.keys) > 1 else ()))


def find(environ: Mapping[str, str]) -> Target:
    """Return the target: `HOST` with `KEY` and `WIDGET_KEY` (several with commas between), else the demo.

    Raises:
        StartError: neither is there; the sentence says what to give.
    """
    keys, widget_keys = (
        tuple(filter(None, environ.get(name, "").split(","))) for name in ("KEY", "WIDGET_KEY")
    )
    host = environ.get("HOST", "").rstrip("/")
    if keys or widget_keys:
        if not host.startswith(("http://", "https://")):
            raise StartError("HOST must begin with http:// or https://: give the address that KEY is for.")
        return Target(host, keys, widget_keys)
    settings = Settings.load(environ, ROOT / ".env")
    running = RunFile.read(settings.home)
    if running is None or settings.mode != "demo":
        raise StartError("No demo runs here: give HOST=https://... and KEY=sk_... or WIDGET_KEY=pk_...")
    known = with_secrets(settings)
    return Target(
        f"http://{running.host}:{running.port}",
        tuple(demo_key(known, tenant, "server") for tenant in (SHOP, OWN)),
        tuple(demo_key(known, tenant, "publishable") for tenant in (SHOP, OWN)),
    )
