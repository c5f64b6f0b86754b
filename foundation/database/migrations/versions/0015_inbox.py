"""The inbox: what staff see, search and do, and the events that they follow."""

from foundation.database.migrations.script import run_sql_beside

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
