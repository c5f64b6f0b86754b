"""Random tokens that people carry in cookies and links, and what is stored of them."""

import secrets
from hashlib import sha256


def new_token() -> str:
    """Return 256 random bits for a cookie or a link."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """Return what is stored: the SHA-256. Tokens are long and random, so a slow hash would add nothing."""
    return sha256(token.encode()).digest()
