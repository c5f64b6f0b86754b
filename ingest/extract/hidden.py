"""What a web page holds and no visitor sees: a place for text that is meant for machines only.

Judged by attributes and inline styles. What style sheets or scripts hide is not known here, and `opacity: 0`
is left alone: it is how pages fade their real text in.
"""

import re
from typing import Final

from lxml.html import HtmlElement

_FURTHEST: Final = 500
"""Pixels; text moved further than this to the left or up is moved away, not aside."""
_HIDES: Final = re.compile(
    r"(?:^|;)(?:display:none|visibility:(?:hidden|collapse)"
    r"|font-size:(?:0|[01]?\.\d+|1)(?:px|pt|em|rem|%)?"
    r"|color:(?:transparent|rgba\([\d.,]+,0?\.?0+\))"
    r"|clip:rect\((?:0|1px)(?:px)?[,0-9px]*\)|clip-path:inset\((?:50|100)%\))(?:!important)?(?:;|$)"
)
_EM_SIZE: Final = re.compile(r"(?:^|;)font-size:1(?:em|rem)(?:!important)?(?:;|$)")
_MOVED: Final = re.compile(r"(?:^|;)(?:left|top|text-indent|margin-left|margin-top):-(\d+)(px|pt|em|rem|%)?")
_COLOUR: Final = re.compile(r"(?:^|;)color:([^;!]+)")
_BACKGROUND: Final = re.compile(r"(?:^|;)background(?:-color|-image)?:([^;!]+)")
_WHITES: Final = frozenset({"#fff", "#ffffff", "white", "rgb(255,255,255)", "rgba(255,255,255,1)"})


def drop_hidden(page: HtmlElement) -> None:
    """Take out of a page what it hides; what stands after a hidden element stays."""
    body = page.find("body")
    if body is None:
        return
    for element in list(body.iterdescendants()):
        if isinstance(element, HtmlElement) and isinstance(element.tag, str) and is_hidden(element):
            element.drop_tree()


def is_hidden(element: HtmlElement) -> bool:
    """Say whether an element itself is hidden, whatever stands around it."""
    if element.get("hidden") is not None or (element.get("aria-hidden") or "").strip().lower() == "true":
        return True
    style = _style(element)
    if not style and not element.get("color"):
        return False
    if _HIDES.search(style) and not _EM_SIZE.search(style):
        return True
    moved = _MOVED.search(style)
    if moved and int(moved[1]) * (16 if moved[2] in ("em", "rem") else 1) > _FURTHEST:
        return True
    return _is_white(element, style) and not _stands_on_colour(element)


def _style(element: HtmlElement) -> str:
    return re.sub(r"\s+", "", element.get("style") or "").lower()


def _is_white(element: HtmlElement, style: str) -> bool:
    colour = _COLOUR.search(style)
    return (colour[1] if colour else (element.get("color") or "").strip().lower()) in _WHITES


def _stands_on_colour(element: HtmlElement) -> bool:
    """Say whether white text has something behind it: a background, or a class that may bring one."""
    for around in (element, *element.iterancestors()):
        if around.tag in ("body", "html") and not around.get("style") and not around.get("bgcolor"):
            return False
        background = _BACKGROUND.search(_style(around))
        declared = background[1] if background else (around.get("bgcolor") or "").strip().lower()
        if declared and declared != "transparent":
            return declared not in _WHITES
        if around.get("class") or around.tag in ("button", "td", "th"):
            return True
    return False
