"""The page behind a citation: the document as it was read, around the cited place."""

import asyncio
import base64
import hashlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from html import escape
from typing import Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import Row, text

from foundation.errors import NotFound
from foundation.ids import PassageId, TenantId
from foundation.tenancy import TenantSession
from serve.deps import ServicesDep
from serve.links import open_cited
from serve.marked import marked, text_fragment
from serve.plain import NOTHING

router = APIRouter(tags=["citations"], include_in_schema=False)

AROUND = 30
"""Passages shown before and after the cited one; the original has the rest."""

_STYLE = """
:root { color-scheme: light dark; --ink: #1d2a26; --soft: #5d6b66; --line: #d9e0dd; --page: #fff;
  --mark: #fff8dd; --quote: #ffe27a; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e7eeeb; --soft: #9fb0a9; --line: #34423d; --page: #141b19;
    --mark: #332e1a; --quote: #5e5014; }
}
body { margin: 0 auto; max-width: 46rem; padding: 2rem 1.25rem 6rem; font: 1rem/1.6 system-ui, sans-serif;
  color: var(--ink); background: var(--page); }
header { border-bottom: 1px solid var(--line); margin-bottom: 1.5rem; padding-bottom: 1rem; }
h1 { font-size: 1.5rem; margin: 0 0 .25rem; } .place { color: var(--soft); margin: 0; }
section { padding: .25rem .75rem; border-left: 4px solid transparent; border-radius: 4px; }
section > p.at { color: var(--soft); font-size: .8rem; margin: .5rem 0 0; }
#cited { background: var(--mark); border-left-color: #d49b00; scroll-margin-top: 4rem; --line: #b59a3c; }
#quote { background: var(--quote); border-radius: 3px; box-shadow: 0 0 0 .2rem var(--quote);
  scroll-margin-top: 30vh; }
table { border-collapse: collapse; display: block; margin: .5rem 0; overflow-x: auto; }
td, th { border: 1px solid var(--line); padding: .3rem .6rem; text-align: left; }
a { color: inherit; }
@media (max-width: 30rem) { td, th { padding: .25rem .4rem; font-size: .875rem; } }
""".strip()
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_PAGE_POLICY = (
    f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; base-uri 'none'; form-action 'none';"
    " frame-ancestors 'none'"
)
_SANDBOX = f"{NOTHING}; sandbox"
_PDF = "application/pdf"
_TEXT = "text/plain; charset=utf-8"
_FILE_POLICY = {_PDF: NOTHING, _TEXT: _SANDBOX}
"""What is shown, and under which policy: a sandbox would switch off the browser's own viewer of PDFs."""
_LEFT_OUT = '<p class="place">…</p>'
_WORDS = {
    "sv": {"page": "sida", "original": "Öppna originalet", "cited": "Citerat avsnitt"},
    "en": {"page": "page", "original": "Open the original", "cited": "Cited passage"},
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a passage stands."""

    source_id: UUID
    version: int
    ordinal: int
    last: int
    """The ordinal of the document's last passage; the first one's is 0."""
    page: int | None
    language: str
    title: str
    file_key: str
    media_type: str
    name: str
    uri: str | None
    anchor: str | None


@router.get("/cited/{token}", response_class=HTMLResponse)
async def cited(token: str, services: ServicesDep) -> HTMLResponse:
    """Show the cited passage in what stands around it, with the quoted paragraph marked.

    The link's `#quote` opens there; `#cited` is the passage.
    """
    link = open_cited(services.tokens, token)
    async with services.tenancy.session(link.tenant_id) as session:
        place = await _place(session, link.tenant_id, link.passage_id)
        passages = await _passages(session, link.tenant_id, place)
    page = await asyncio.to_thread(_page, token, place, passages, link.quote)
    return HTMLResponse(
        page, headers={"Content-Security-Policy": _PAGE_POLICY, "Referrer-Policy": "no-referrer"}
    )


def _page(token: str, place: Place, passages: Sequence[Row[Any]], quoted: str) -> str:
    words = _WORDS["sv" if place.language == "sv" else "en"]
    sections = [
        _section(row, words, quoted=quoted if row.ordinal == place.ordinal else None) for row in passages
    ]
    cited_text = next(row.text for row in passages if row.ordinal == place.ordinal)
    if place.ordinal > AROUND:
        sections.insert(0, _LEFT_OUT)
    if place.ordinal + AROUND < place.last:
        sections.append(_LEFT_OUT)
    main = "\n".join(sections)
    there = _original(token, place, text_fragment(cited_text, quoted))
    return (
        f'<!doctype html><html lang="{escape(place.language)}"><head><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f'<meta name="robots" content="noindex">'
        f"<title>{escape(place.title)}</title><style>{_STYLE}</style></head><body>"
        f'<header><h1>{escape(place.title)}</h1><p class="place">{escape(place.name)}'
        f' · <a href="{escape(there)}">{words["original"]}</a></p></header>'
        f"<main>{main}</main></body></html>"
    )


@router.get("/cited/{token}/file")
async def original(token: str, services: ServicesDep) -> Response:
    """Return the original file: shown if its content proves that it is PDF or plain text, else to be kept."""
    link = open_cited(services.tokens, token)
    async with services.tenancy.session(link.tenant_id) as session:
        place = await _place(session, link.tenant_id, link.passage_id)
    content = await services.files.read(link.tenant_id, place.file_key)
    media_type = await asyncio.to_thread(_media_type, content, place.media_type)
    name = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "._-") else "_" for letter in place.name
    )
    shown = "inline" if media_type in _FILE_POLICY else "attachment"
    return Response(
        content,
        media_type=media_type,
        headers={
            "Content-Disposition": f'{shown}; filename="{name}"',
            "Content-Security-Policy": _FILE_POLICY.get(media_type, _SANDBOX),
            "Referrer-Policy": "no-referrer",
        },
    )


def _media_type(content: bytes, said: str) -> str:
    """Return PDF or plain text if the content is what was said, else what browsers only download."""
    if said == _PDF and content.startswith(b"%PDF-"):
        return _PDF
    if said == "text/plain" and b"\0" not in content:
        with suppress(UnicodeDecodeError):
            content.decode()
            return _TEXT
    return "application/octet-stream"


def _original(token: str, place: Place, quoted: str) -> str:
    """Return where the document itself opens, at the quote, page or heading where that can be said.

    `quoted` is a text fragment: a browser that finds it goes there, any other to the heading.
    """
    if place.uri is not None:
        anchor = quote(place.anchor, safe="") if place.anchor else ""
        return place.uri + (f"#{anchor}{quoted}" if anchor or quoted else "")
    fragment = f"#page={place.page}" if place.page and place.media_type == "application/pdf" else ""
    return f"/cited/{token}/file{fragment}"


def _section(row: Row[Any], words: dict[str, str], *, quoted: str | None) -> str:
    """Return a passage; the cited one is that with `quoted`, which may be empty."""
    at = " · ".join(part for part in (row.heading, f"{words['page']} {row.page}" if row.page else "") if part)
    attributes = f' id="cited" aria-label="{words["cited"]}"' if quoted is not None else ""
    return (
        f"<section{attributes}>"
        + (f'<p class="at">{escape(at)}</p>' if at else "")
        + marked(row.text, quoted or "")
        + "</section>"
    )


async def _place(session: TenantSession, tenant_id: TenantId, passage_id: PassageId) -> Place:
    found = await session.execute(
        text(
            "select p.source_id, p.version, p.ordinal, p.page, p.language,"
            " coalesce(nullif(v.title, ''), s.name) as title, v.file_key, v.media_type, s.name,"
            " s.uri, p.anchor,"
            " (select max(o.ordinal) from passages o where o.tenant_id = p.tenant_id"
            "   and o.source_id = p.source_id and o.version = p.version) as last"
            " from passages p"
            " join source_versions v on v.tenant_id = p.tenant_id and v.source_id = p.source_id"
            "   and v.version = p.version"
            " join sources s on s.tenant_id = p.tenant_id and s.id = p.source_id"
            " where p.tenant_id = :tenant and p.id = :passage"
        ),
        {"tenant": tenant_id, "passage": passage_id},
    )
    row = found.mappings().first()
    if row is None:
        raise NotFound()
    return Place(**row)


async def _passages(session: TenantSession, tenant_id: TenantId, place: Place) -> Sequence[Row[Any]]:
    found = await session.execute(
        text(
            "select ordinal, heading, page, text from passages"
            " where tenant_id = :tenant and source_id = :source and version = :version"
            " and ordinal between :first and :last order by ordinal"
        ),
        {
            "tenant": tenant_id,
            "source": place.source_id,
            "version": place.version,
            "first": place.ordinal - AROUND,
            "last": place.ordinal + AROUND,
        },
    )
    return found.all()
