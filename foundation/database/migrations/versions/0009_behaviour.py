"""What a tenant writes about its agent's behaviour: policies, settings, approved answers."""

from foundation.database.migrations.script import run_sql_beside

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
