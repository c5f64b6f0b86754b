"""The nodes graph configs can name, one per file; importing this registers them."""

from graphs.nodes import (
    approved,
    cached,
    clarify,
    confidence,
    generate,
    policy,
    post_policy,
    query,
    retrieve,
    smalltalk,
    unknown,
)

__all__ = [
    "approved",
    "cached",
    "clarify",
    "confidence",
    "generate",
    "policy",
    "post_policy",
    "query",
    "retrieve",
    "smalltalk",
    "unknown",
]
