"""Which paragraph of its page or section a passage begins with."""

from foundation.database.migrations.script import run_sql_beside

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
