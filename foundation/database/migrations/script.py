"""Run the SQL file that stands beside a migration."""

from pathlib import Path

from alembic import op


def run_sql_beside(migration: str) -> None:
    """Run the `.sql` file with the name of the `migration` file, as one script, without placeholders."""
    script = Path(migration).with_suffix(".sql").read_text(encoding="utf-8")
    cursor = op.get_bind().connection.cursor()
    cursor.execute(script)
    cursor.close()
