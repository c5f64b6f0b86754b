"""Conversations that stay owned between turns; turns that a newer message ends."""

from foundation.database.migrations.script import run_sql_beside

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
