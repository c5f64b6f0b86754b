-- What a tenant sets of itself, what its plan allows, how long things are kept, and one person's data.

-- Tenants that were there before plans have the largest one.
alter table tenants add column plan text not null default 'business' check (plan in ('free', 'team', 'business'));

-- Name, zone and language stand on `tenants`; no row is the version 0, with nothing set.
create table tenant_settings (
    tenant_id uuid not null references tenants (id) on delete cascade,
    version integer not null,
    settings jsonb not null default '{}', -- as in agents/tenant_settings.py
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id)
);

create table tenant_settings_history (
    tenant_id uuid not null references tenants (id) on delete cascade,
    version integer not null,
    actor text not null,
    before jsonb not null,
    after jsonb not null,
    at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, version)
);

-- Conversations that were started, by calendar month of the tenant's zone. Counted here and not from the
-- conversations: erasing one gives nothing back. In parts, so that those who start at once seldom wait for each other.
create table started_conversations (
    tenant_id uuid not null references tenants (id) on delete cascade,
    month date not null,
    part smallint not null,
    started bigint not null,
    primary key (tenant_id, month, part)
) with (fillfactor = 50);

-- The last time a tenant's old rows were cleared away, and how far that has come.
create table retention_runs (
    tenant_id uuid not null references tenants (id) on delete cascade,
    counts jsonb not null default '{}',
    claimed_until timestamptz,
    done_at timestamptz,
    primary key (tenant_id)
);

-- One person's data: to be handed out, or to be erased.
create table privacy_jobs (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    kind text not null check (kind in ('export', 'erase')),
    state text not null default 'queued' check (state in ('queued', 'running', 'done', 'failed', 'gone')),
    actor text not null,
    subject bytea, -- who it is about and what was found of them, sealed; null once that is no longer needed
    report jsonb not null default '{}', -- numbers and ids only
    attempts integer not null default 0,
    claimed_until timestamptz,
    expires_at timestamptz, -- of an export's file
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id)
);
create index privacy_jobs_unfinished on privacy_jobs (created_at)
    where state in ('queued', 'running') or expires_at is not null;

select confine_to_tenant(t) from unnest(array['tenant_settings', 'tenant_settings_history', 'started_conversations',
                                             'retention_runs', 'privacy_jobs']) as t;
revoke update, delete on tenant_settings_history from replik_app, replik_worker;

-- For the gateways' clock: tenants that keep something for a time only and were not looked at for `every`.
create function due_retention(every interval, at_most integer) returns table (tenant_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select s.tenant_id
    from public.tenant_settings s
    left join public.retention_runs r on r.tenant_id = s.tenant_id
    where jsonb_path_exists(s.settings, '$.retention.* ? (@ != null)')
      and (r.done_at is null or r.done_at < clock_timestamp() - every)
      and (r.claimed_until is null or r.claimed_until < clock_timestamp())
    order by r.done_at nulls first
    limit at_most
$$;

-- Exports and erasures that nobody works on, and exports whose time is up.
create function due_privacy(at_most integer) returns table (tenant_id uuid, id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select p.tenant_id, p.id
    from public.privacy_jobs p
    where (p.state in ('queued', 'running') or p.expires_at is not null)
      and (p.state in ('queued', 'running') or p.expires_at < clock_timestamp())
      and (p.claimed_until is null or p.claimed_until < clock_timestamp())
    order by p.created_at
    limit at_most
$$;

-- People's sessions, and what was mailed to them to be used once, are no tenant's.
create index sessions_over on sessions (expires_at);
create index mail_tokens_over on mail_tokens (expires_at);
create function forget_access(at_most integer) returns bigint
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    with sessions_gone as (
        delete from public.sessions s using (
            select id from public.sessions where expires_at < clock_timestamp() limit at_most
        ) old
        where s.id = old.id returning 1
    ), tokens_gone as (
        delete from public.mail_tokens t using (
            select hash from public.mail_tokens where expires_at < clock_timestamp() limit at_most
        ) old
        where t.hash = old.hash returning 1
    )
    select (select count(*) from sessions_gone) + (select count(*) from tokens_gone)
$$;
grant delete on sessions, mail_tokens to replik_definer;

do $$
declare f text;
begin
    foreach f in array array['due_retention(interval, integer)', 'due_privacy(integer)', 'forget_access(integer)']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
        execute 'grant execute on function ' || f || ' to replik_system';
    end loop;
end $$;
