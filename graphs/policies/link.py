"""Kind `link`: where the agent's links may lead. Grounding has asked for a source already; this asks for a
host.
"""

import re
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field

from foundation.turns import Value
from graphs.policies.port import Finding, Said

_MARKDOWN: Final = re.compile(
    r"\[([^\]\n]*)\]\(\s*<?((?:https?:)?//[^)\s>]+|mailto:[^)\s>]+|www\.[^)\s>]+)>?[^)]*\)"
)
_BARE: Final = re.compile(r"(?:https?://|www\.)[^\s<>()\[\]\"']+", re.IGNORECASE)


class Options(Value):
    """The allowed hosts; a host includes the ones below it."""

    hosts: tuple[str, ...] = Field(default=(), max_length=200)
    sources: bool = True
    """Whether hosts of links in the cited passages are allowed, too."""


def after(said: Said, options: Options) -> Finding | None:
    """Find links to other hosts. Rewriting keeps a link's text and drops a bare address."""
    allowed = {host.casefold().removeprefix("www.") for host in options.hosts}
    allowed |= said.kept if options.sources else set()
    bad = [span for span, address in _links(said.text) if not _below(host_of(address), allowed)]
    if not bad:
        return None
    return Finding("host", tuple(bad), _without(said.text, bad))


def hosts_in(text: str) -> frozenset[str]:
    """Return the hosts of all links in a text, lower case, without `www.`."""
    return frozenset(host_of(address) for _, address in _links(text))


def host_of(address: str) -> str:
    """Return an address's host, lower case, without `www.`; empty when there is none."""
    whole = address if "//" in address else f"//{address.removeprefix('mailto:').rpartition('@')[2]}"
    try:
        host = urlsplit(whole).hostname or ""
    except ValueError:
        return ""
    return host.casefold().removeprefix("www.").rstrip(".")


def _links(text: str) -> list[tuple[tuple[int, int], str]]:
    links = [(match.span(), match[2]) for match in _MARKDOWN.finditer(text)]
    inside = [span for span, _ in links]
    for match in _BARE.finditer(text):
        if not any(start <= match.start() < end for start, end in inside):
            address = match[0].rstrip(".,;:!?")
            links.append(((match.start(), match.start() + len(address)), address))
    return sorted(links)


def _below(host: str, allowed: set[str] | frozenset[str]) -> bool:
    return any(host == one or host.endswith(f".{one}") for one in allowed)


def _without(text: str, spans: list[tuple[int, int]]) -> str:
    for start, end in reversed(spans):
        named = _MARKDOWN.fullmatch(text[start:end])
        text = text[:start] + (named[1] if named else "") + text[end:]
    return re.sub(r"[ \t]{2,}", " ", text).strip()
