"""Tenant settings, plans, retention, and what a person asks about their own data."""

from foundation.database.migrations.script import run_sql_beside

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
