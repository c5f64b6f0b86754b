"""What operators see: what each host is doing, and how much waits."""

from foundation.database.migrations.script import run_sql_beside

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
