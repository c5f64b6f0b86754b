"""Durable jobs: procrastinate 3.10's own schema, as released, inside `jobs`; then who may do what with it."""

from pathlib import Path

from alembic import op

from foundation.database.migrations.script import run_sql_beside

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.execute("create schema jobs")
    op.execute("set local search_path = jobs, pg_catalog")
    # A copy and not the installed file: a migration does the same for ever.
    run_sql_beside(str(Path(__file__).with_name("0003_jobs_procrastinate_3_10.py")))
    op.execute("set local search_path = public, pg_catalog")
    run_sql_beside(__file__)
