"""Knowledge that is kept up: crawls, re-sync, history, who cited what, re-indexing, erasure."""

from foundation.database.migrations.script import run_sql_beside

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
