"""Search by words with filters, and Swedish words that are made of others."""

from foundation.database.migrations.script import run_sql_beside

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
