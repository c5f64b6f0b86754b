"""The audit log as a chain per tenant, and a key per person."""

from foundation.database.migrations.script import run_sql_beside

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
