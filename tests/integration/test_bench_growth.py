"""The benchmark of growth, small: it fills, measures both stores, and says what its issue asks for."""

import psycopg
import pytest

from foundation.database.engine import connect
from foundation.tenancy import Tenancy
from tests.bench.embedded import embedded
from tests.bench.filled import fill
from tests.bench.growth import Plan, run
from tests.support.tenants import make_tenant


async def test_growth_is_measured_on_both_stores() -> None:
    result = await run(Plan(small=150, large=600, rounds=2, turns=6))
    assert (result["conversations"], result["messages"]) == (600, 3_000)
    assert result["turns_measured"] == 12
    assert len(result["ratios"]) == 2
    assert result["ratio"] > 0
    for size in ("small", "large"):
        assert 0 < result[f"p50_{size}_ms"] <= result[f"p99_{size}_ms"]


async def test_filled_rows_refer_to_each_other_and_the_keys_are_back_on() -> None:
    async with embedded() as services:
        tenancy = Tenancy(connect(services.settings.require("database_url")))
        tenants = [await make_tenant(tenancy) for _ in range(3)]
        await tenancy.close()
        rows = fill(services.superuser_url, tenants, 30, waiting=10)
        assert rows == {"conversations": 30, "messages": 140, "turns": 60}
        with psycopg.connect(services.superuser_url) as connection:
            keys = connection.execute(
                "select conrelid::regclass::text, conname, pg_get_constraintdef(oid) from pg_constraint"
                " where contype = 'f' and conrelid::regclass::text = any(%s)",
                [["conversations", "activations", "messages", "turns", "traces"]],
            ).fetchall()
            assert len(keys) >= 5
            for table, name, definition in keys:
                # Adding a key checks every row that is there.
                connection.execute(f"alter table {table} drop constraint {name}")
                connection.execute(f"alter table {table} add constraint {name} {definition}")
            queued = connection.execute("select count(*) from turns where state = 'queued'").fetchone()
            assert queued == (10,)
            with pytest.raises(psycopg.errors.ForeignKeyViolation):
                connection.execute("insert into activations values (gen_random_uuid(), gen_random_uuid())")
