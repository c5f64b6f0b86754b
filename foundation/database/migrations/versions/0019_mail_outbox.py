"""Mails wait in a table until a mail server has taken them."""

from foundation.database.migrations.script import run_sql_beside

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
