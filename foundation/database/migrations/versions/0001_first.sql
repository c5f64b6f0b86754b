-- The first schema. House rules: every key starts with tenant_id, row-level security is forced,
-- and before a tenant is known only the lookup functions at the end may run.

create table tenants (
    id uuid primary key,
    slug text not null unique,
    name text not null,
    zone text not null default 'Europe/Stockholm',
    language text not null default 'sv',
    created_at timestamptz not null default clock_timestamp()
);

create table api_keys (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    kind text not null check (kind in ('server', 'publishable')),
    prefix text not null,
    hash bytea not null,
    allowed_origins text[] not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    revoked_at timestamptz,
    primary key (tenant_id, id),
    unique (tenant_id, hash)
);
create index api_keys_hash on api_keys (hash);

create table releases (
    tenant_id uuid not null references tenants (id) on delete cascade,
    number integer not null,
    behaviour jsonb not null,
    published_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, number)
);

-- Conversations -----------------------------------------------------------------------------------

create table conversations (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    channel text not null,
    status text not null default 'active',
    language text,
    visitor_id uuid,
    idempotency_key text,
    metadata jsonb not null default '{}',
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, idempotency_key)
);

-- One narrow row per conversation: it orders everything and says who owns the conversation now.
create table activations (
    tenant_id uuid not null,
    conversation_id uuid not null,
    position bigint not null default 0,
    mode text not null default 'agent' check (mode in ('agent', 'human')),
    control_version integer not null default 0,
    host_id uuid,
    incarnation bigint,
    epoch bigint not null default 0,
    primary key (tenant_id, conversation_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
) with (fillfactor = 70);
create index activations_owner on activations (host_id) where host_id is not null;

create table hosts (
    id uuid primary key,
    incarnation bigint not null,
    lease_until timestamptz not null
);

-- The conversation's one ordered stream: what was said, and control events (handover).
create table messages (
    tenant_id uuid not null,
    conversation_id uuid not null,
    position bigint not null,
    id uuid not null,
    turn_id uuid,
    author text not null check (author in ('customer', 'agent', 'staff', 'system')),
    kind text not null check (kind in ('text', 'partial', 'event')),
    visibility text not null default 'public' check (visibility in ('public', 'internal')),
    channel text not null,
    language text,
    parts jsonb not null,
    client_message_id text,
    body_hash bytea,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, conversation_id, position),
    unique (tenant_id, conversation_id, client_message_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);

create table turns (
    tenant_id uuid not null,
    conversation_id uuid not null,
    id uuid not null,
    positions bigint[] not null,
    release integer,
    attempt integer not null default 0,
    state text not null default 'queued'
        check (state in ('queued', 'running', 'done', 'failed', 'handed_over')),
    answer_position bigint,
    outcome text,
    created_at timestamptz not null default clock_timestamp(),
    started_at timestamptz,
    finished_at timestamptz,
    primary key (tenant_id, conversation_id, id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
create index turns_unanswered on turns (created_at) where state in ('queued', 'running');
create index turns_queue on turns (tenant_id, conversation_id, (positions[1])) where state in ('queued', 'running');

create table traces (
    tenant_id uuid not null,
    conversation_id uuid not null,
    turn_id uuid not null,
    trace jsonb not null,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, conversation_id, turn_id),
    foreign key (tenant_id, conversation_id, turn_id)
        references turns (tenant_id, conversation_id, id) on delete cascade
);

-- Knowledge ---------------------------------------------------------------------------------------

create table sources (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    kind text not null check (kind in ('file', 'text', 'url')),
    name text not null,
    uri text,
    state text not null default 'queued'
        check (state in ('queued', 'extracting', 'embedding', 'ready', 'failed', 'stale')),
    reason text,
    live_version integer,
    chunks_done integer not null default 0,
    chunks_total integer,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id)
);

create table source_versions (
    tenant_id uuid not null,
    source_id uuid not null,
    version integer not null,
    file_key text not null,
    media_type text not null,
    content_hash bytea not null,
    title text,
    language text,
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, source_id, version),
    foreign key (tenant_id, source_id) references sources (tenant_id, id) on delete cascade
);

create table passages (
    tenant_id uuid not null,
    id uuid not null,
    source_id uuid not null,
    version integer not null,
    ordinal integer not null,
    text text not null,
    heading text not null default '',
    page integer,
    start_offset integer not null,
    end_offset integer not null,
    language text not null,
    content_hash bytea not null,
    live boolean not null default false,
    lexemes tsvector not null generated always as (
        to_tsvector(
            case language
                when 'sv' then 'swedish'::regconfig
                when 'en' then 'english'::regconfig
                when 'nb' then 'norwegian'::regconfig
                when 'da' then 'danish'::regconfig
                when 'fi' then 'finnish'::regconfig
                else 'simple'::regconfig
            end,
            heading || ' ' || text
        )
    ) stored,
    primary key (tenant_id, id),
    unique (tenant_id, source_id, version, ordinal),
    foreign key (tenant_id, source_id, version)
        references source_versions (tenant_id, source_id, version) on delete cascade
);
create index passages_lexemes on passages using gin (lexemes);

-- Vectors by content: an unchanged passage is never embedded twice, and Chroma can be rebuilt from here.
create table embeddings (
    tenant_id uuid not null references tenants (id) on delete cascade,
    model text not null,
    content_hash bytea not null,
    vector bytea not null, -- float32, little endian
    primary key (tenant_id, model, content_hash)
);

create table vector_collections (
    tenant_id uuid not null references tenants (id) on delete cascade,
    model text not null,
    generation integer not null,
    live boolean not null default true,
    primary key (tenant_id, model, generation)
);

-- Audit -------------------------------------------------------------------------------------------

create table audit (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    at timestamptz not null default clock_timestamp(),
    actor text not null,
    action text not null,
    subject text not null,
    before jsonb,
    after jsonb,
    primary key (tenant_id, id)
);

-- Row-level security, forced also for the owner. After a commit the setting is '', hence nullif.

alter table tenants enable row level security;
alter table tenants force row level security;
create policy tenant on tenants
    using (id = (select nullif(current_setting('app.tenant_id', true), '')::uuid))
    with check (id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));

do $$
declare t text;
begin
    foreach t in array array['api_keys', 'releases', 'conversations', 'activations', 'messages', 'turns', 'traces',
                             'sources', 'source_versions', 'passages', 'embeddings', 'vector_collections', 'audit']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant on %I
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
        execute format('grant select, insert, update, delete on %I to replik_app, replik_worker', t);
        execute format('grant select on %I to replik_definer', t);
    end loop;
end $$;
grant select, insert, update on tenants to replik_app;
grant select on tenants to replik_worker;
grant select on tenants to replik_definer;
grant select, insert, update, delete on hosts to replik_app;
grant select on hosts to replik_definer;
revoke update, delete on audit from replik_app, replik_worker;

-- Lookups before a tenant is known: owned by a no-login role that bypasses row-level security,
-- with a fixed search path, each answering one narrow question.

create function tenant_of_key(key_hash bytea)
    returns table (tenant_id uuid, key_id uuid, kind text, allowed_origins text[])
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select k.tenant_id, k.id, k.kind, k.allowed_origins
    from public.api_keys k where k.hash = key_hash and k.revoked_at is null
$$;

create function tenant_of_slug(wanted text) returns uuid
    language sql stable security definer set search_path = pg_catalog, public
as $$ select t.id from public.tenants t where t.slug = wanted $$;

-- For the sweeper: turns of all tenants that wait longer than `older_than`, or run without a living owner, or run
-- longer than any run may (their owner lives but let go of them).
create function overdue_turns(older_than interval, longest_run interval, at_most integer)
    returns table (tenant_id uuid, conversation_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select distinct t.tenant_id, t.conversation_id
    from public.turns t
    join public.activations a on a.tenant_id = t.tenant_id and a.conversation_id = t.conversation_id
    left join public.hosts h on h.id = a.host_id and h.incarnation = a.incarnation
        and h.lease_until > clock_timestamp()
    where t.state in ('queued', 'running') and a.mode = 'agent'
      and t.created_at < clock_timestamp() - older_than
      and (t.state = 'queued' or h.id is null or t.started_at < clock_timestamp() - longest_run)
    limit at_most
$$;

do $$
declare f text;
begin
    foreach f in array array['tenant_of_key(bytea)', 'tenant_of_slug(text)', 'overdue_turns(interval, interval, integer)']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
    end loop;
end $$;
grant execute on function tenant_of_key(bytea), tenant_of_slug(text) to replik_app, replik_worker;
grant execute on function overdue_turns(interval, interval, integer) to replik_system;
