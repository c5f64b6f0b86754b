-- People are global: one e-mail, one account, many tenants. Their tables are confined to one person as those of
-- tenants are to one tenant; a tenant sees who is in its team, and of them nothing but the name and the e-mail.

create table people (
    id uuid primary key,
    email text not null unique check (email = lower(email)),
    name text not null,
    language text not null default 'sv' check (language in ('sv', 'en')),
    verified_at timestamptz, -- when the person showed that the mailbox is theirs
    created_at timestamptz not null default clock_timestamp()
);

create table credentials (
    person_id uuid primary key references people (id) on delete cascade,
    password_hash text, -- argon2id; none for who signs in through a tenant's provider only
    password_at timestamptz,
    totp_secret bytea, -- sealed
    totp_confirmed_at timestamptz,
    totp_step bigint not null default 0 -- the newest one that was used: none is taken twice
);

create table recovery_codes (
    person_id uuid not null references people (id) on delete cascade,
    hash bytea not null,
    primary key (person_id, hash)
);

create table sessions (
    id uuid primary key,
    person_id uuid not null references people (id) on delete cascade,
    token_hash bytea not null unique,
    tenant_id uuid references tenants (id) on delete set null, -- the one they work in now
    only_tenant uuid references tenants (id) on delete cascade, -- whose provider vouched: no other is reached
    factor_owed boolean not null default false,
    device text not null,
    address text not null, -- shortened
    created_at timestamptz not null default clock_timestamp(),
    seen_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null
);
create index sessions_person on sessions (person_id);
create index sessions_tenant on sessions (tenant_id);

create table mail_tokens (
    hash bytea primary key,
    person_id uuid not null references people (id) on delete cascade,
    kind text not null check (kind in ('verify', 'reset')),
    expires_at timestamptz not null
);
create index mail_tokens_person on mail_tokens (person_id, kind);

-- Attempts that failed or are under way, by the hash of an account or an address.
create table throttles (
    key bytea primary key,
    attempts integer not null default 0,
    last_at timestamptz not null default clock_timestamp(),
    blocked_until timestamptz
);
create index throttles_last on throttles (last_at);

-- Teams -------------------------------------------------------------------------------------------

create table roles (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    name text not null,
    permissions text[] not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, name)
);

-- Either a role that every tenant has, by its name, or one of the tenant's own.
create table memberships (
    tenant_id uuid not null references tenants (id) on delete cascade,
    person_id uuid not null references people (id) on delete cascade,
    role text check (role in ('owner', 'admin', 'editor', 'agent', 'viewer')),
    role_id uuid,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, person_id),
    foreign key (tenant_id, role_id) references roles (tenant_id, id),
    check (num_nonnulls(role, role_id) = 1)
);
create index memberships_person on memberships (person_id);
create index memberships_role on memberships (tenant_id, role_id) where role_id is not null;

create table invitations (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    email text not null check (email = lower(email)),
    role text check (role in ('owner', 'admin', 'editor', 'agent', 'viewer')),
    role_id uuid,
    token_hash bytea not null,
    invited_by text not null,
    created_at timestamptz not null default clock_timestamp(),
    expires_at timestamptz not null,
    primary key (tenant_id, id),
    unique (tenant_id, email),
    foreign key (tenant_id, role_id) references roles (tenant_id, id),
    check (num_nonnulls(role, role_id) = 1)
);
create index invitations_token on invitations (token_hash);
create index invitations_role on invitations (tenant_id, role_id) where role_id is not null;

create table oidc_settings (
    tenant_id uuid not null references tenants (id) on delete cascade,
    issuer text not null,
    client_id text not null,
    client_secret bytea not null, -- sealed
    domains text[] not null,
    default_role text check (default_role in ('owner', 'admin', 'editor', 'agent', 'viewer')), -- null: only members
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id)
);

select confine_to_tenant(t) from unnest(array['roles', 'memberships', 'invitations', 'oidc_settings']) as t;

-- Row-level security of what belongs to a person ----------------------------------------------------

do $$
declare
    t text;
    whose text;
begin
    foreach t in array array['people', 'credentials', 'recovery_codes', 'sessions', 'mail_tokens']
    loop
        whose := case t when 'people' then 'id' else 'person_id' end;
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy person on %I
                using (%I = (select nullif(current_setting(''app.person_id'', true), '''')::uuid))
                with check (%I = (select nullif(current_setting(''app.person_id'', true), '''')::uuid))', t, whose, whose);
        execute format('grant select, insert, update, delete on %I to replik_app', t);
        execute format('grant select on %I to replik_definer', t);
    end loop;
end $$;
grant select on people to replik_worker;
grant update on sessions to replik_definer;
grant select, insert, update, delete on throttles to replik_definer;
alter table throttles enable row level security;
alter table throttles force row level security;

-- A tenant sees the people of its team: `memberships` is confined to the tenant itself.
create policy team on people for select
    using (exists (select 1 from memberships m where m.person_id = people.id));

-- Lookups before a person or a tenant is known ------------------------------------------------------

create function person_of_email(wanted text) returns uuid
    language sql stable security definer set search_path = pg_catalog, public
as $$ select p.id from public.people p where p.email = wanted $$;

create function person_of_mail_token(token_hash bytea, wanted text) returns uuid
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select t.person_id from public.mail_tokens t
    where t.hash = token_hash and t.kind = wanted and t.expires_at > clock_timestamp()
$$;

create function invitation_of_token(wanted bytea)
    returns table (tenant_id uuid, id uuid, email text, person_id uuid, verified boolean)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select i.tenant_id, i.id, i.email, p.id, p.verified_at is not null
    from public.invitations i left join public.people p on p.email = i.email
    where i.token_hash = wanted and i.expires_at > clock_timestamp()
$$;

-- Who shows this cookie, and what their membership lets them do now; it also notes, once a minute, that they were seen.
create function session_of_token(wanted bytea, idle interval)
    returns table (id uuid, person_id uuid, tenant_id uuid, only_tenant uuid, factor_owed boolean, role text,
                   permissions text[])
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    with alive as (
        select s.* from public.sessions s
        where s.token_hash = wanted and s.expires_at > clock_timestamp() and s.seen_at > clock_timestamp() - idle
    ), seen as (
        update public.sessions s set seen_at = clock_timestamp()
        from alive a where s.id = a.id and a.seen_at < clock_timestamp() - interval '1 minute'
    )
    select a.id, a.person_id, m.tenant_id, a.only_tenant, a.factor_owed, m.role, r.permissions
    from alive a
    left join public.memberships m on m.tenant_id = a.tenant_id and m.person_id = a.person_id
    left join public.roles r on r.tenant_id = m.tenant_id and r.id = m.role_id
$$;

create function memberships_of(wanted uuid)
    returns table (tenant_id uuid, slug text, name text, role text, role_name text)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select t.id, t.slug, t.name, m.role, coalesce(r.name, m.role)
    from public.memberships m
    join public.tenants t on t.id = m.tenant_id
    left join public.roles r on r.tenant_id = m.tenant_id and r.id = m.role_id
    where m.person_id = wanted
    order by m.created_at, t.id
$$;

-- Counts an attempt under each key and returns 0; or, while one of them must wait, counts nothing and returns the
-- seconds. After `free` attempts each further one doubles the wait, from a second up to `longest`. Counted before
-- the outcome is known, so that attempts at the same time gain nothing.
create function take_attempt(keys bytea[], free integer, longest interval) returns double precision
    language plpgsql volatile security definer set search_path = pg_catalog, public
as $$
declare
    wait double precision;
begin
    delete from public.throttles t where t.key in (
        select o.key from public.throttles o where o.last_at < clock_timestamp() - interval '1 day'
        limit 100 for update skip locked);
    insert into public.throttles (key) select k from unnest(keys) k order by k on conflict do nothing;
    perform 1 from public.throttles t where t.key = any (keys) order by t.key for update;
    select max(extract(epoch from t.blocked_until - clock_timestamp())) into wait
    from public.throttles t where t.key = any (keys) and t.blocked_until > clock_timestamp();
    if wait is not null then
        return wait;
    end if;
    update public.throttles t
    set attempts = t.attempts + 1,
        last_at = clock_timestamp(),
        blocked_until = case when t.attempts + 1 >= free then
            clock_timestamp() + least(longest, power(2, least(t.attempts + 1 - free, 20)) * interval '1 second') end
    where t.key = any (keys);
    return 0;
end $$;

-- After a success: one key is forgotten, another (the address, which others share) gets its attempt back.
create function forget_attempts(forgotten bytea, given_back bytea) returns void
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    delete from public.throttles t where t.key = forgotten;
    update public.throttles t set attempts = greatest(t.attempts - 1, 0), blocked_until = null where t.key = given_back;
$$;

do $$
declare f text;
begin
    foreach f in array array['person_of_email(text)', 'person_of_mail_token(bytea, text)',
                             'invitation_of_token(bytea)', 'session_of_token(bytea, interval)',
                             'memberships_of(uuid)', 'take_attempt(bytea[], integer, interval)',
                             'forget_attempts(bytea, bytea)']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
        execute 'grant execute on function ' || f || ' to replik_app';
    end loop;
end $$;
