"""Engines on PostgreSQL through psycopg 3."""

from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine


def sqlalchemy_url(url: str) -> str:
    """Return `url` with the driver named, as SQLAlchemy wants it."""
    scheme, separator, rest = url.partition("://")
    return f"postgresql+psycopg{separator}{rest}" if scheme in {"postgres", "postgresql"} else url


def connect(url: str, *, pool_size: int = 10) -> AsyncEngine:
    """Return an engine with a small pool; connections are checked before use, so a restart heals itself.

    Values of statements stay out of errors and so out of the log: they are what customers say.
    """
    return create_async_engine(
        sqlalchemy_url(url),
        pool_size=pool_size,
        max_overflow=pool_size,
        pool_pre_ping=True,
        pool_timeout=10,
        hide_parameters=True,
    )
