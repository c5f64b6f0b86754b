-- A mail is posted in the transaction that it tells of, sealed, and is deleted once a mail server has it. The
-- application may only post: what waits is read by the role that looks after all tenants.

create table outbox (
    id uuid primary key,
    recipient bytea not null, -- a keyed hash: the mails of one reader go out in their order
    mail bytea not null, -- sealed
    posted_at timestamptz not null default clock_timestamp(),
    due_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    attempts integer not null default 0
);
create index outbox_due on outbox (due_at);
create index outbox_recipient on outbox (recipient, posted_at);
alter table outbox enable row level security;
alter table outbox force row level security;
grant select, insert, update, delete on outbox to replik_definer;

create function post_mail(wanted uuid, reader bytea, sealed bytea, good_for interval) returns void
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    insert into public.outbox (id, recipient, mail, expires_at)
    values (wanted, reader, sealed, clock_timestamp() + good_for)
$$;

-- One that is due, unless an earlier one to the same reader still waits or is on its way. Whoever claims it has
-- so long: then it is due again.
create function claim_mail(lease interval)
    returns table (id uuid, mail bytea, attempts integer, expired boolean)
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    update public.outbox o set due_at = clock_timestamp() + lease, attempts = o.attempts + 1
    where o.id = (
        select m.id from public.outbox m
        where m.due_at <= clock_timestamp() and not exists (
            select 1 from public.outbox e
            where e.recipient = m.recipient and (e.posted_at, e.id) < (m.posted_at, m.id))
        order by m.due_at limit 1 for update of m skip locked)
    returning o.id, o.mail, o.attempts, o.expires_at <= clock_timestamp()
$$;

-- Deletes a claimed mail, or makes it due again after a while.
create function end_mail(wanted uuid, again interval) returns void
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    delete from public.outbox o where o.id = wanted and again is null;
    update public.outbox o set due_at = clock_timestamp() + again where o.id = wanted and again is not null;
$$;

do $$
declare f text;
begin
    foreach f in array array['post_mail(uuid, bytea, bytea, interval)', 'claim_mail(interval)',
                             'end_mail(uuid, interval)']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
        execute 'grant execute on function ' || f || ' to '
            || case when f like 'post%' then 'replik_app' else 'replik_system' end;
    end loop;
end $$;
