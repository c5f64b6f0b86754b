"""Mail that outlives the mail server and the process: posted with what it tells of, sent at least once."""

import json
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError
from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs

from foundation.clients.mail.fakes import KeptMailer
from foundation.clients.mail.port import Mail
from foundation.clients.mail.smtp import SmtpMailer
from foundation.crypto import Sealer
from foundation.database.roles import DatabaseUrls
from foundation.identity.mail_outbox import MailOutbox, expire
from foundation.ids import PersonId, TenantId, new_uuid
from foundation.stack.ports import free_ports
from foundation.tenancy import Tenancy
from serve.background import running
from serve.upkeep import keep_up
from tests.servers.smtp_server import smtp_server
from tests.support.gateway import front_door, settings_for
from tests.support.mail_outbox import SEALER, Silent, post, run_as_definer, silent, waits
from tests.support.people import Browser, Owner, Town, sign_up, town
from tests.support.tenants import audit_actions

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("empty_mail_outbox")]


async def test_a_mail_server_that_is_down_at_sign_up_gets_the_mail_when_it_is_back(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    [port] = free_ports(1)
    email = f"o{new_uuid().hex}@example.com"
    async with town(database_urls, redis_url, tmp_path, smtp_port=port) as place:
        browser = place.browser()
        await browser.did("POST", "/api/auth/sign-up", sign_up(email))
        await waits(database_urls, attempts=1)
        # Nothing of it can be read in the database, or by the role that posts.
        rows = await run_as_definer(
            database_urls, "select recipient, mail, mail_outbox::text from mail_outbox"
        )
        assert len(rows) == 1
        assert email.encode() not in rows[0][1]  # type: ignore[operator]
        assert email not in str(rows[0][2])
        async with smtp_server(port=port) as mail, running(keep_up(place.door.services)):
            token = await mail.token(email)
            await waits(database_urls, none=True)
            assert len(mail.mails) == 1
            await browser.did("POST", "/api/auth/verify", {"token": token})
            assert (await browser.sign_in(email))["person"]["email"] == email


async def test_what_a_killed_process_had_promised_another_one_sends(
    database_urls: DatabaseUrls, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    email = f"o{new_uuid().hex}@example.com"
    async with smtp_server() as mail:
        posted = {"smtp_host": "127.0.0.1", "smtp_port": mail.port, "smtp_from": "replik@example.com"}
        settings = settings_for(database_urls, redis_url, tmp_path).evolve(
            **posted, rate_sign_in=6_000, rate_limits_away="open"
        )
        with monkeypatch.context() as killed:
            killed.setattr(MailOutbox, "_ring", lambda _self: None)
            async with front_door(settings) as door:
                await Browser(door.client).did("POST", "/api/auth/sign-up", sign_up(email))
        assert mail.mails == []
        async with front_door(settings) as door, running(keep_up(door.services)):
            browser = Browser(door.client)
            await browser.did("POST", "/api/auth/verify", {"token": await mail.token(email)})
            await browser.sign_in(email)
        assert len(mail.mails) == 1


async def test_a_mail_goes_with_its_transaction_or_not_at_all(tenancy: Tenancy, system: AsyncEngine) -> None:
    mailer = KeptMailer()
    outbox = MailOutbox(system, SEALER, mailer, b"secret")

    async def undone() -> None:
        async with tenancy.person(PersonId(new_uuid())) as session:
            await outbox.post(session, Mail("a@example.com", "aldrig", "text"))
            raise RuntimeError("planned")

    with pytest.raises(RuntimeError, match="planned"):
        await undone()
    await post(tenancy, outbox, Mail("a@example.com", "ett", "text"))
    await outbox.close()
    assert [mail.subject for mail in mailer.mails] == ["ett"]


async def test_one_readers_mails_keep_their_order_and_hold_up_nobody_elses(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    mailer = KeptMailer(refusals=1)
    outbox = silent(system, mailer)
    for mail in (
        Mail("a@example.com", "ett", ""),
        Mail("a@example.com", "två", ""),
        Mail("b@example.com", "b", ""),
    ):
        await post(tenancy, outbox, mail)
    assert await outbox.work() == 1
    assert [mail.subject for mail in mailer.mails] == ["b"]
    [first, second] = await run_as_definer(
        database_urls,
        "select attempts, round(extract(epoch from due_at - clock_timestamp())) from mail_outbox"
        " order by posted_at",
    )
    assert (first[0], second[0]) == (1, 0)
    assert 1 <= int(first[1]) <= 2  # type: ignore[call-overload]
    await run_as_definer(database_urls, "update mail_outbox set due_at = clock_timestamp()")
    assert await outbox.work() == 2
    assert [mail.subject for mail in mailer.mails] == ["b", "ett", "två"]


async def test_the_pauses_grow_and_after_its_time_a_mail_is_given_up_and_said_so(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    mailer = KeptMailer(refusals=1_000)
    outbox = silent(system, mailer)
    await post(
        tenancy, outbox, Mail("a@example.com", "Bekräfta", "https://x/#hemlig"), good_for=timedelta(days=9)
    )
    pauses = []
    for _ in range(7):
        await run_as_definer(database_urls, "update mail_outbox set due_at = clock_timestamp()")
        await outbox.work()
        [(pause,)] = await run_as_definer(
            database_urls, "select round(extract(epoch from due_at - clock_timestamp())) from mail_outbox"
        )
        pauses.append(int(pause))  # type: ignore[call-overload]
    assert pauses == [2, 8, 32, 128, 512, 900, 900]
    [(lasts,)] = await run_as_definer(
        database_urls, "select expires_at - posted_at <= interval '1 day 1 second' from mail_outbox"
    )
    assert lasts is True
    await run_as_definer(
        database_urls, "update mail_outbox set due_at = clock_timestamp(), expires_at = clock_timestamp()"
    )
    assert await outbox.work() == 0
    with capture_logs() as logs:
        assert await expire(system) == 1
    [line] = logs
    assert (line["event"], line["reason"], line["attempts"]) == ("mail_given_up", "expired", 7)
    assert "hemlig" not in json.dumps(line)
    assert await run_as_definer(database_urls, "select 1 from mail_outbox") == []


async def test_where_no_mail_can_be_sent_what_is_over_goes_too(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls, redis_url: str, tmp_path: Path
) -> None:
    await post(
        tenancy, silent(system, KeptMailer()), Mail("a@example.com", "ett", ""), good_for=timedelta(seconds=0)
    )
    production = settings_for(database_urls, redis_url, tmp_path).evolve(
        mode="production", public_url="https://help.example.com", encryption_key="5e6f708192a3b4c5" * 4
    )
    async with front_door(production) as door:
        assert door.services.identity.letters.mail_outbox is None
        async with running(keep_up(door.services)):
            await waits(database_urls, none=True)


async def test_what_the_mail_server_will_never_take_is_given_up_at_once(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    async with smtp_server() as server:
        outbox = Silent(system, SEALER, SmtpMailer("127.0.0.1", server.port, "r@example.com"), b"secret")
        await post(tenancy, outbox, Mail("a@example.com", "ett", "https://x/#hemlig"))
        server.answers["RCPT"] = "451 later"
        assert await outbox.work() == 0
        [(attempts,)] = await run_as_definer(database_urls, "select attempts from mail_outbox")
        assert attempts == 1
        await run_as_definer(database_urls, "update mail_outbox set due_at = clock_timestamp()")
        server.answers["RCPT"] = "550 nobody of that name"
        with capture_logs() as logs:
            assert await outbox.work() == 0
    assert [(line["event"], line["reason"]) for line in logs] == [
        ("mail_failed", "rejected"),
        ("mail_given_up", "rejected"),
    ]
    assert "hemlig" not in json.dumps(logs)
    assert await run_as_definer(database_urls, "select 1 from mail_outbox") == []


async def test_what_a_process_cannot_open_waits_for_another_until_it_is_over(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls
) -> None:
    mailer = KeptMailer()
    right = silent(system, mailer)
    await post(tenancy, right, Mail("a@example.com", "ett", ""))
    wrong = MailOutbox(system, Sealer.of("6f" * 32), mailer, b"secret")
    with capture_logs() as logs:
        assert await wrong.work() == 0
    assert [(line["event"], line["error"]) for line in logs] == [("mail_unreadable", "SealBroken")]
    await waits(database_urls, attempts=1)
    await run_as_definer(database_urls, "update mail_outbox set due_at = clock_timestamp()")
    assert await right.work() == 1
    assert [mail.subject for mail in mailer.mails] == ["ett"]

    await post(tenancy, right, Mail("a@example.com", "två", ""))
    assert await wrong.work() == 0
    await run_as_definer(
        database_urls, "update mail_outbox set due_at = clock_timestamp(), expires_at = clock_timestamp()"
    )
    assert await wrong.work() == 0
    assert await expire(system) == 1
    assert await run_as_definer(database_urls, "select 1 from mail_outbox") == []


@pytest.mark.parametrize("stored", [b'{"to": "a@example.com", "html": "new"}', b'["a"]', b"no JSON"])
async def test_a_mail_of_another_release_waits_for_it(
    tenancy: Tenancy, system: AsyncEngine, database_urls: DatabaseUrls, stored: bytes
) -> None:
    class Newer(Sealer):
        def seal(self, purpose: str, data: bytes, context: bytes = b"") -> bytes:
            del data
            return SEALER.seal(purpose, stored, context)

    mailer = KeptMailer()
    await post(
        tenancy, Silent(system, Newer.of("5e" * 32), mailer, b"secret"), Mail("a@example.com", "x", "")
    )
    with capture_logs() as logs:
        assert await silent(system, mailer).work() == 0
    assert [line["event"] for line in logs] == ["mail_unreadable"]
    await waits(database_urls, attempts=1)
    assert mailer.mails == []


async def waiting(place: Town) -> list[TenantId | None]:
    """Wait until what was posted was tried; return whose it is."""
    await waits(place.urls, attempts=1)
    return [row[0] for row in await run_as_definer(place.urls, "select tenant_id from mail_outbox")]  # type: ignore[misc]


async def test_a_deleted_tenant_takes_its_mails_along_and_nobody_elses(place: Town, asa: Owner) -> None:
    other = await place.owner()
    await waits(place.urls, none=True)
    place.mail.answers["RCPT"] = "451 later"
    for owner in (asa, other):
        invited = {"email": f"w{new_uuid().hex}@example.com", "role": "viewer"}
        await owner.browser.did("POST", "/api/admin/invitations", invited)
    await place.browser().did("POST", "/api/auth/reset", {"email": other.email})
    assert set(await waiting(place)) == {asa.tenant_id, other.tenant_id, None}
    slug = (await asa.browser.did("GET", "/api/auth/session"))["tenants"][0]["slug"]
    await asa.browser.did("DELETE", "/api/tenant", {"slug": slug})
    assert set(await waiting(place)) == {other.tenant_id, None}


async def test_a_mail_goes_with_its_link(place: Town, asa: Owner) -> None:
    invitations = "/api/admin/invitations"
    await waits(place.urls, none=True)
    place.mail.answers["RCPT"] = "451 later"
    invited = {"email": f"w{new_uuid().hex}@example.com", "role": "viewer"}
    first, second = [await asa.browser.did("POST", invitations, invited) for _ in range(2)]
    assert first["id"] != second["id"]
    assert await waiting(place) == [asa.tenant_id]
    await asa.browser.did("DELETE", f"{invitations}/{second['id']}")
    await waits(place.urls, none=True)
    assert (await audit_actions(place.tenancy, asa.tenant_id))[-1] == "invitation.withdraw"
    for _ in range(2):
        await place.browser().did("POST", "/api/auth/reset", {"email": asa.email})
    assert await waiting(place) == [None]


async def test_the_application_posts_and_reads_nothing(tenancy: Tenancy) -> None:
    for statement in (
        "select * from mail_outbox",
        "delete from mail_outbox",
        "select * from claim_mail(interval '1 minute')",
        "select end_mail(gen_random_uuid(), 1, null)",
        "select * from expire_mails()",
    ):
        async with tenancy.engine.connect() as connection:
            with pytest.raises(ProgrammingError, match="permission denied"):
                await connection.execute(text(statement))
