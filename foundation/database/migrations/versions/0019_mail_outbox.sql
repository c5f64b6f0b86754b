-- A mail is posted in the transaction that it tells of, sealed, and is deleted once a mail server has it. The
-- application may only post: what waits is read by the role that looks after all tenants.

create table mail_outbox (
    id uuid primary key,
    tenant_id uuid references tenants on delete cascade, -- null: a person's own
    recipient bytea not null, -- a keyed hash: the mails of one reader go out in their order
    mail bytea not null, -- sealed
    link bytea, -- the hash of its link's token
    posted_at timestamptz not null default clock_timestamp(),
    due_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    attempts integer not null default 0
);
create index mail_outbox_due on mail_outbox (due_at);
create index mail_outbox_recipient on mail_outbox (recipient, posted_at);
create index mail_outbox_over on mail_outbox (expires_at);
create index mail_outbox_link on mail_outbox (link) where link is not null;
alter table mail_outbox enable row level security;
alter table mail_outbox force row level security;
grant select, insert, update, delete on mail_outbox to replik_definer;

create function post_mail(
    wanted uuid, tenant uuid, reader bytea, sealed bytea, token bytea, good_for interval) returns void
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    insert into public.mail_outbox (id, tenant_id, recipient, mail, link, expires_at)
    values (wanted, tenant, reader, sealed, token, clock_timestamp() + good_for)
$$;

-- One that is due, unless an earlier one to the same reader still waits or is on its way. Whoever claims it has
-- so long: then it is due again. A statement's own time, which stands still, is looked up in the index.
create function claim_mail(lease interval) returns table (id uuid, mail bytea, attempts integer)
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    update public.mail_outbox o set due_at = clock_timestamp() + lease, attempts = o.attempts + 1
    where o.id = (
        select m.id from public.mail_outbox m
        where m.due_at <= statement_timestamp() and m.expires_at > statement_timestamp() and not exists (
            select 1 from public.mail_outbox e
            where e.recipient = m.recipient and (e.posted_at, e.id) < (m.posted_at, m.id))
        order by m.due_at limit 1 for update of m skip locked)
    returning o.id, o.mail, o.attempts
$$;

-- Deletes a claimed mail, or makes it due again after a while; whose attempt is not the last one changes nothing.
create function end_mail(wanted uuid, attempt integer, again interval) returns void
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    delete from public.mail_outbox o where o.id = wanted and o.attempts = attempt and again is null;
    update public.mail_outbox o set due_at = clock_timestamp() + again
    where o.id = wanted and o.attempts = attempt and again is not null;
$$;

-- Deletes what is of no use any more; returns how often each was tried.
create function expire_mails() returns table (id uuid, attempts integer)
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    delete from public.mail_outbox o where o.id in (
        select m.id from public.mail_outbox m where m.expires_at <= statement_timestamp()
        for update skip locked)
    returning o.id, o.attempts
$$;

-- A link that is used, replaced or withdrawn takes the mail along that still waits with it.
create function unpost_mail() returns trigger
    language plpgsql security definer set search_path = pg_catalog, public
as $$
begin
    if tg_table_name = 'invitations' then
        delete from public.mail_outbox o where o.link = old.token_hash;
    else
        delete from public.mail_outbox o where o.link = old.hash;
    end if;
    return null;
end $$;
create trigger unpost_mail after delete on invitations for each row execute function unpost_mail();
create trigger unpost_mail after delete on mail_tokens for each row execute function unpost_mail();

do $$
declare f text;
begin
    foreach f in array array['post_mail(uuid, uuid, bytea, bytea, bytea, interval)', 'claim_mail(interval)',
                             'end_mail(uuid, integer, interval)', 'expire_mails()', 'unpost_mail()']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
    end loop;
end $$;
grant execute on function post_mail(uuid, uuid, bytea, bytea, bytea, interval) to replik_app;
grant execute on function claim_mail(interval), end_mail(uuid, integer, interval), expire_mails()
    to replik_system;
