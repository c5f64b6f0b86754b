"""Language models of tenants, their budgets, and what they used."""

from foundation.database.migrations.script import run_sql_beside

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
