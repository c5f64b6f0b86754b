"""What an API key may do, until when, and for whom; visitors whom a company has vouched for."""

from foundation.database.migrations.script import run_sql_beside

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
