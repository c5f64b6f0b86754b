"""Bring the schema up to date."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine, text

from foundation.database.engine import sqlalchemy_url

_LOCK = 0x5EE9_11C


def migrate(migrator_url: str, revision: str = "head") -> None:
    """Run the pending migrations, up to `revision`, as the owner; safe when several processes start at once.

    `lock_timeout` keeps a migration from queueing behind a long transaction and blocking everybody.
    """
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
    engine = create_engine(sqlalchemy_url(migrator_url))
    try:
        with engine.connect() as connection:
            connection.execute(text("select pg_advisory_lock(:key)"), {"key": _LOCK})
            connection.execute(text("set lock_timeout = '5s'"))
            connection.commit()
            config.attributes["connection"] = connection
            command.upgrade(config, revision)
            connection.commit()
            connection.execute(text("select pg_advisory_unlock(:key)"), {"key": _LOCK})
            connection.commit()
    finally:
        engine.dispose()
