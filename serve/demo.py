"""Demo mode: a shop to ask, and a desk to try one's own documents. Only for browsers on this machine."""

import hmac
import ipaddress
from dataclasses import dataclass
from urllib.parse import urlsplit

from fastapi import APIRouter, Depends, Request
from pydantic import BaseModel

from admin_api import sources
from foundation.errors import NotFound
from foundation.permissions import Permission, Principal
from foundation.settings import Settings
from serve.deps import ServicesDep
from serve.knowledge import open_desk


@dataclass(frozen=True, slots=True)
class DemoTenant:
    """A tenant that demo mode makes."""

    slug: str
    name: str
    language: str


SHOP = DemoTenant("fjallglod", "Fjällglöd Friluft", "sv")
OWN = DemoTenant("own", "Ditt företag", "sv")
OWNER_EMAIL = "demo@replik.localhost"

_MAY: frozenset[Permission] = frozenset({"knowledge.read", "knowledge.write"})
_PASSED_ON = {"x-forwarded-for", "forwarded"}
"""Headers of proxies: whoever asks sits behind one, and need not be on this machine."""
_UNREAD = {"queued", "extracting", "embedding"}
_SUGGESTIONS = {
    "sv": (
        "Hur många dagars öppet köp har jag?",
        "Vad kostar frakten?",
        "Hur tvättar jag en dunjacka?",
        "Vad kostar det att hyra lavinpaket?",
    ),
    "en": (
        "How long do I have to return something?",
        "Do you ship to Norway?",
        "How do I choose the right boot size?",
        "Is there a student discount?",
    ),
}


class Reading(BaseModel):
    """How far the shop's documents are read."""

    done: int
    total: int


class ShopView(BaseModel):
    name: str
    reading: Reading
    publishable_key: str
    suggestions: dict[str, list[str]]


class OwnView(BaseModel):
    name: str
    publishable_key: str


class Demo(BaseModel):
    demo: ShopView
    own: OwnView


def demo_key(settings: Settings, tenant: DemoTenant, kind: str) -> str:
    """Return a demo tenant's API key, derived from the installation's secret so that it needs no keeping."""
    secret = bytes.fromhex(settings.require("encryption_key"))
    digest = hmac.digest(secret, f"demo key:{tenant.slug}:{kind}".encode(), "sha256").hex()[:40]
    return f"{'sk' if kind == 'server' else 'pk'}_demo_{digest}"


def demo_password(settings: Settings) -> str:
    """Return the demo owner's password, derived like the keys."""
    secret = bytes.fromhex(settings.require("encryption_key"))
    return f"demo_{hmac.digest(secret, b'demo password', 'sha256').hex()[:24]}"


async def _only_here(request: Request, services: ServicesDep) -> None:
    """Refuse, as if there was nothing here, unless this is demo mode and a browser on this machine asks.

    The `Host` and `Origin` are checked too: a foreign page must not use the visitor's browser to get in.
    """
    if services.settings.mode != "demo" or request.client is None or _PASSED_ON & set(request.headers):
        raise NotFound()
    # The header itself: `request.url` falls back on the server's own address when it is odd.
    asked = f"//{request.headers.get('host', '')}"
    origin = request.headers.get("origin", asked)
    if not all(map(_loopback, (request.client.host, _name(asked), _name(origin)))):
        raise NotFound()


def _name(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _loopback(name: str) -> bool:
    try:
        return name == "localhost" or ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


async def _own_desk(request: Request, services: ServicesDep) -> None:
    tenant_id = await services.tenancy.tenant_of_slug(OWN.slug)
    if tenant_id is None:
        raise NotFound()
    request.state.desk = open_desk(services, request, Principal(tenant_id, "demo", _MAY))


router = APIRouter(prefix="/api/demo", dependencies=[Depends(_only_here)])
router.include_router(sources.router, tags=["knowledge"], dependencies=[Depends(_own_desk)])


@router.get("", tags=["demo"])
async def demo(services: ServicesDep) -> Demo:
    """Return what the start page needs: whom to ask, and where one's own documents go."""
    tenant_id = await services.tenancy.tenant_of_slug(SHOP.slug)
    documents = [] if tenant_id is None else await services.sources.list(tenant_id)
    read = [document for document in documents if document.state not in _UNREAD]
    return _demo(services.settings, Reading(done=len(read), total=len(documents)))


def _demo(settings: Settings, reading: Reading) -> Demo:
    return Demo(
        demo=ShopView(
            name=SHOP.name,
            reading=reading,
            publishable_key=demo_key(settings, SHOP, "publishable"),
            suggestions={language: list(questions) for language, questions in _SUGGESTIONS.items()},
        ),
        own=OwnView(name=OWN.name, publishable_key=demo_key(settings, OWN, "publishable")),
    )
