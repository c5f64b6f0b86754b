"""The database's roles: who may log in, and who owns what (DESIGN section 5).

`replik_migrator` owns the schema; `replik_app`, `replik_worker` and `replik_system` use it under row-level
security; `replik_definer` cannot log in and owns the few functions that look across tenants.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit, urlunsplit

import psycopg

from foundation.errors import StartError

DATABASE = "replik"
LOGIN_ROLES = ("replik_migrator", "replik_app", "replik_worker", "replik_system")


@dataclass(frozen=True, slots=True)
class DatabaseUrls:
    """One `postgresql://` URL per role."""

    migrator: str
    app: str
    worker: str
    system: str


async def ensure_database(superuser_url: str) -> DatabaseUrls:
    """Create the roles and the database where they are missing; return the URLs of the roles.

    `superuser_url` is used for nothing else. Login is by the server's own rule (the embedded one trusts its
    socket, which only this user can reach).
    """
    async with await psycopg.AsyncConnection.connect(superuser_url, autocommit=True) as connection:
        for role in LOGIN_ROLES:
            await _ensure_role(connection, role, "login nosuperuser nobypassrls noinherit")
        await _ensure_role(connection, "replik_definer", "nologin nosuperuser bypassrls")
        await connection.execute("grant replik_definer to replik_migrator with set true, inherit true")
        found = await connection.execute("select 1 from pg_database where datname = %s", [DATABASE])
        if await found.fetchone() is None:
            await connection.execute(
                f"create database {DATABASE} owner replik_migrator encoding 'UTF8' template template0"
            )
    async with await psycopg.AsyncConnection.connect(
        _with(superuser_url, "postgres", keep_user=True), autocommit=True
    ) as connection:
        await connection.execute("alter schema public owner to replik_migrator")
        await connection.execute("grant usage, create on schema public to replik_definer")
    return DatabaseUrls(**{role.removeprefix("replik_"): _with(superuser_url, role) for role in LOGIN_ROLES})


async def refuse_powerful_app(app_url: str) -> None:
    """Refuse to start when the `app` role could step around row-level security.

    Raises:
        StartError: the role is superuser, bypasses row-level security, or owns a tenant table.
    """
    async with await psycopg.AsyncConnection.connect(app_url) as connection:
        row = await (
            await connection.execute(
                "select rolsuper or rolbypassrls or exists (select 1 from pg_tables"
                " where schemaname = 'public' and tableowner = current_user)"
                " from pg_roles where rolname = current_user"
            )
        ).fetchone()
    if row is None or row[0]:
        raise StartError(
            "DATABASE_URL logs in as a role that bypasses row-level security;"
            " use a plain role such as replik_app."
        )


async def _ensure_role(connection: psycopg.AsyncConnection, role: str, attributes: str) -> None:
    found = await connection.execute("select 1 from pg_roles where rolname = %s", [role])
    verb = "alter" if await found.fetchone() else "create"
    await connection.execute(f"{verb} role {role} {attributes}")


def _with(url: str, user: str, *, keep_user: bool = False) -> str:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    netloc = parts.netloc if keep_user else f"{user}@{host}"
    return urlunsplit(parts._replace(netloc=netloc, path=f"/{DATABASE}"))
