"""The models say what the migrated database says."""

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import create_engine

from foundation.database.engine import sqlalchemy_url
from foundation.database.models import Base
from foundation.database.roles import DatabaseUrls


def test_models_and_migrations_agree(database_urls: DatabaseUrls) -> None:
    engine = create_engine(sqlalchemy_url(database_urls.migrator))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        differences = compare_metadata(context, Base.metadata)
    engine.dispose()
    assert differences == []
