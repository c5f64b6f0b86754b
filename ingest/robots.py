"""What a site's robots.txt lets us read (RFC 9309), and how long it wants us to wait between pages."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from fnmatch import translate
from functools import lru_cache
from urllib.parse import unquote

AGENT = "Replik-Knowledge"
"""Our name in robots.txt, and the first word of the user agent that pages are asked for with."""
LONGEST_PAUSE_S = 10.0
"""A longer `Crawl-delay` is taken for this."""

_MAX_BYTES = 512_000
_MAX_RULES = 2_000


@dataclass(frozen=True, slots=True)
class _Rule:
    allow: bool
    pattern: str

    def matches(self, path: str) -> bool:
        return _compiled(self.pattern).match(path) is not None


@dataclass(frozen=True, slots=True)
class Robots:
    """The rules for us; without any, everything may be read."""

    rules: tuple[_Rule, ...] = ()
    pause_s: float = 0.0
    sitemaps: tuple[str, ...] = ()

    def allows(self, path: str) -> bool:
        """Return whether a path (with its query) may be read: the longest rule decides, of equals `Allow`."""
        wanted = unquote(path)
        matching = [rule for rule in self.rules if rule.matches(wanted)]
        return max(((len(rule.pattern), rule.allow) for rule in matching), default=(0, True))[1]


@dataclass(slots=True)
class _Group:
    agents: list[str] = field(default_factory=list)
    rules: list[_Rule] = field(default_factory=list)
    pause_s: float = 0.0


def robots_of(content: bytes) -> Robots:
    """Return the rules that a robots.txt has for us: those under our name, or else those for everybody."""
    groups: list[_Group] = []
    sitemaps: list[str] = []
    open_to_agents = False
    for name, value in _lines(content):
        if name == "sitemap":
            sitemaps.append(value)
        elif name == "user-agent":
            if not open_to_agents:
                groups.append(_Group())
            groups[-1].agents.append(value.lower())
        elif groups and name in {"allow", "disallow"} and value:
            groups[-1].rules.append(_Rule(name == "allow", unquote(value)))
        elif groups and name == "crawl-delay":
            groups[-1].pause_s = _seconds(value)
        open_to_agents = name == "user-agent" or (open_to_agents and name == "sitemap")
    ours = [group for group in groups if AGENT.lower() in group.agents]
    chosen = ours or [group for group in groups if "*" in group.agents]
    rules = tuple(rule for group in chosen for rule in group.rules)[:_MAX_RULES]
    return Robots(rules, max((group.pause_s for group in chosen), default=0.0), tuple(sitemaps))


def _lines(content: bytes) -> Iterator[tuple[str, str]]:
    text = content[:_MAX_BYTES].decode("utf-8-sig", errors="replace")
    for line in re.split(r"\r\n|\r|\n", text):
        name, colon, value = line.partition("#")[0].partition(":")
        if colon:
            yield name.strip().lower(), value.strip()


def _seconds(value: str) -> float:
    found = re.fullmatch(r"\d{1,6}(?:\.\d{1,6})?", value)
    return min(float(value), LONGEST_PAUSE_S) if found else 0.0


@lru_cache(maxsize=_MAX_RULES)
def _compiled(pattern: str) -> re.Pattern[str]:
    """`*` is anything, `$` at the end is the end. The stars of `translate` never backtrack."""
    ends = pattern.endswith("$")
    literal = re.sub(r"[?\[]", lambda special: f"[{special[0]}]", pattern.removesuffix("$"))
    return re.compile(translate(literal if ends else literal + "*"))
