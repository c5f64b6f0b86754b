"""People: accounts, sessions, teams and sign-in through a tenant's own provider."""

from foundation.database.migrations.script import run_sql_beside

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    run_sql_beside(__file__)
