"""The commands of README and docs/ do what they say, against a running Replik."""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import psycopg
import pytest

from foundation.database.migrate import migrate
from foundation.database.roles import refuse_powerful_app
from foundation.stack.postgres import embedded_postgres
from tests.support.ask import ask
from tests.support.running import Running, short_home
from tests.unit.test_docs import PAGES, ROOT, Block, blocks

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]

PRINTED = "127.0.0.1:8000"
"""Where the pages say that Replik listens."""
SCRIPTS = {page: [block for block in blocks(page, "sh") if block.not_run is None] for page in PAGES}


@pytest.mark.parametrize(
    "page", [page for page, script in SCRIPTS.items() if script], ids=lambda page: page.name
)
def test_every_page_runs_as_it_stands(shop: Running, page: Path) -> None:
    script = SCRIPTS[page]
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", "\n".join(_with_marks(script, shop))],
        cwd=ROOT,
        env=_environment(shop),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    said = done.stdout.split("=== block ===\n")[1:]
    where = f"{page.name}:{script[max(len(said), 1) - 1].line}"
    assert done.returncode == 0, f"{where}:\n{done.stdout}\n{done.stderr}"
    for block, output in zip(script, said, strict=True):
        missing = [words for words in block.expected if words not in output]
        assert not missing, f"{page.name}:{block.line}: no {missing} in:\n{output}\n{done.stderr}"


def _with_marks(script: list[Block], replik: Running) -> Iterator[str]:
    """Yield the blocks with this Replik's address and keys in the place of the printed ones."""
    for block in script:
        yield "echo '=== block ==='"
        text = block.text.replace(PRINTED, replik.url.removeprefix("http://"))
        for prefix, name in (("sk", "server key"), ("pk", "widget key")):
            text = text.replace(f"{prefix}_demo_...", replik.key(name))
        text = text.replace("PASSWORD=demo_...", f"PASSWORD={replik.key('password')}")
        yield text


def _environment(replik: Running) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name in {"PATH", "HOME", "LANG", "TMPDIR"}}
    return kept | {
        "REPLIK_HOME": str(replik.home),
        "REPLIK_PORT": replik.url.rpartition(":")[2],
        "LC_ALL": "C.UTF-8",
    }


def test_what_make_run_prints_is_what_the_readme_shows(shop: Running) -> None:
    [shown] = [block.text for block in blocks(ROOT / "README.md", "text")]
    printed = "".join(shop.lines).replace(shop.url, f"http://{PRINTED}")
    for prefix, name in (("sk", "server key"), ("pk", "widget key")):
        for nth in (0, 1):
            printed = printed.replace(shop.key(name, nth), f"{prefix}_demo_...")
    printed = printed.replace(shop.key("password"), "demo_...")
    assert shown in printed


def test_what_an_import_leaves_is_answered(shop: Running) -> None:
    """The document that docs/admins.md imports; runs after that page, or says so."""
    with httpx.Client(base_url=shop.url, timeout=60) as client:
        sources = client.get("/api/demo/sources").json()["sources"]
        if not any(source["name"] == "oppettider.md" for source in sources):
            pytest.skip("docs/admins.md was not run before")
        answer = ask(client, shop.key("server key", 1), "Vilka öppettider har butiken i Umeå?")
    assert answer["message"]["outcome"] == "answered", json.dumps(answer, ensure_ascii=False)
    assert answer["message"]["citations"][0]["title"]


async def test_the_roles_for_a_database_of_ones_own_suffice() -> None:
    first, second = (block.text for block in blocks(ROOT / "docs" / "operators.md", "sql"))
    with short_home() as home:
        home.mkdir(parents=True)
        async with embedded_postgres(home, os.environ) as server:
            _psql(server.superuser_url, first)
            _psql(_as(server.superuser_url, "postgres"), second)
            migrate(_as(server.superuser_url, "replik_migrator"))
            await refuse_powerful_app(_as(server.superuser_url, "replik_app"))


def _as(superuser_url: str, role: str) -> str:
    return superuser_url.replace("postgres@/postgres?", f"{role}@/replik?")


def _psql(url: str, statements: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for statement in statements.split(";"):
            if statement.strip():
                connection.execute(statement.encode())
