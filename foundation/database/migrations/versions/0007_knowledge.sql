-- Knowledge that is kept up: crawls, re-sync, history, who cited what, re-indexing, erasure.

-- Sources: who may see them, and when a page was last looked at --------------------------------------

create table crawls (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    kind text not null check (kind in ('site', 'sitemap')),
    uri text not null,
    depth integer not null default 2 check (depth between 0 and 10),
    page_limit integer not null default 200 check (page_limit between 1 and 10000),
    include text[] not null default '{}', -- patterns of paths, any of which must match
    exclude text[] not null default '{}',
    audience text not null default 'customer' check (audience in ('customer', 'staff')),
    resync_s integer check (resync_s >= 300),
    state text not null default 'queued' check (state in ('queued', 'crawling', 'ready', 'failed')),
    reason text,
    pages_found integer not null default 0,
    checked_at timestamptz,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id)
);

alter table sources
    add column audience text not null default 'customer' check (audience in ('customer', 'staff')),
    add column crawl_id uuid, -- the crawl that found the page
    add column etag text,
    add column last_modified text,
    add column fetched_hash bytea, -- of what was fetched last, also when an older version was put back since
    add column checked_at timestamptz,
    add column resync_s integer check (resync_s >= 300),
    add foreign key (tenant_id, crawl_id) references crawls (tenant_id, id) on delete set null (crawl_id);
create index sources_crawl on sources (tenant_id, crawl_id) where crawl_id is not null;
create index sources_resync on sources (checked_at) where resync_s is not null;

alter table source_versions
    add column bytes bigint,
    add column passages integer,
    add column restored_from integer, -- the version whose content this one brought back
    add column live_from timestamptz,
    add column live_until timestamptz;

alter table passages add column anchor text; -- of the nearest heading, for `url#anchor`

-- Answers and what they cited -----------------------------------------------------------------------

create table citations (
    tenant_id uuid not null,
    conversation_id uuid not null,
    position bigint not null,
    passage_id uuid not null,
    source_id uuid not null,
    version integer, -- null when the passage was gone at that moment
    created_at timestamptz not null,
    primary key (tenant_id, conversation_id, position, passage_id),
    foreign key (tenant_id, conversation_id, position)
        references messages (tenant_id, conversation_id, position) on delete cascade
);
create index citations_source on citations (tenant_id, source_id, created_at desc);
create index citations_recent on citations (tenant_id, created_at desc);

-- In the database, so that a committed answer and its citations cannot differ and a turn makes no extra trip.
create function note_citations() returns trigger
    language plpgsql set search_path = pg_catalog, public
as $$
begin
    insert into citations (tenant_id, conversation_id, position, passage_id, source_id, version, created_at)
    select distinct on (c.passage_id) new.tenant_id, new.conversation_id, new.position, c.passage_id, c.source_id,
           p.version, new.created_at
    from jsonb_array_elements(new.parts) as part
    cross join lateral jsonb_to_recordset(part -> 'citations') as c(passage_id uuid, source_id uuid)
    left join passages p on p.tenant_id = new.tenant_id and p.id = c.passage_id
    where c.passage_id is not null and c.source_id is not null;
    return null;
end $$;
create trigger citations after insert on messages
    for each row when (new.author = 'agent' and new.parts @? '$[*].citations[*]')
    execute function note_citations();

-- Work that outlives a process ----------------------------------------------------------------------

-- Another embedding model: a collection of the new generation is filled beside the live one.
create table reindexes (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    model text not null,
    generation integer not null,
    state text not null default 'queued' check (state in ('queued', 'embedding', 'ready', 'failed')),
    reason text,
    done integer not null default 0,
    total integer,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id)
);
create unique index reindexes_unfinished on reindexes (tenant_id) where state in ('queued', 'embedding');

-- What is deleted leaves files and vectors behind, which no transaction takes along: this row stays until a check
-- found none. No foreign key: it outlives its tenant.
create table erasures (
    tenant_id uuid not null,
    id uuid not null,
    kind text not null check (kind in ('source', 'tenant')),
    subject uuid not null,
    state text not null default 'queued' check (state in ('queued', 'erasing', 'done', 'failed')),
    reason text,
    details jsonb not null default '{}', -- file keys and passage ids to erase, and afterwards what was found left
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id)
);

do $$
declare t text;
begin
    foreach t in array array['crawls', 'citations', 'reindexes', 'erasures']
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
grant delete on tenants to replik_app, replik_worker;

-- One job per task and subject waits at most, one runs at most. Only for the session's own tenant.
create function enqueue_knowledge(task text, tenant uuid, subject uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, public
as $$
begin
    if tenant is distinct from nullif(current_setting('app.tenant_id', true), '')::uuid then
        raise insufficient_privilege using message = 'a job can only be enqueued for the session''s tenant';
    end if;
    if task not in ('crawl_site', 'reindex', 'erase') then
        raise invalid_parameter_value using message = 'no such task';
    end if;
    insert into jobs.procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
    values ('ingest', task,
            -- Not while the source is being read: what that run still writes would be left over.
            coalesce((select 'source:' || e.subject from public.erasures e
                      where task = 'erase' and e.tenant_id = tenant and e.id = enqueue_knowledge.subject
                        and e.kind = 'source'), task || ':' || subject),
            task || ':' || subject,
            jsonb_build_object('tenant', tenant, 'subject', subject))
    on conflict (queueing_lock) where status = 'todo' do nothing;
end $$;

-- For the worker's recovery: crawls, re-indexings and erasures of all tenants that wait for a job that is not there.
create function lost_work(at_rest_for interval) returns table (task text, tenant_id uuid, subject uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select w.task, w.tenant_id, w.subject
    from (
        select 'crawl_site' as task, c.tenant_id, c.id as subject, c.updated_at
        from public.crawls c where c.state in ('queued', 'crawling')
        union all
        select 'reindex', r.tenant_id, r.id, r.updated_at
        from public.reindexes r where r.state in ('queued', 'embedding')
        union all
        select 'erase', e.tenant_id, e.id, e.updated_at
        from public.erasures e where e.state in ('queued', 'erasing')
    ) w
    where w.updated_at < clock_timestamp() - at_rest_for
      and not exists (
          select 1 from jobs.procrastinate_jobs j
          where j.queueing_lock = w.task || ':' || w.subject and j.status in ('todo', 'doing')
      )
    limit 100
$$;

-- For the worker's clock: pages and crawls of all tenants whose next look is due, the longest overdue first.
create function due_resyncs(at_most integer) returns table (kind text, tenant_id uuid, id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select d.kind, d.tenant_id, d.id
    from (
        select 'source' as kind, s.tenant_id, s.id, coalesce(s.checked_at, s.created_at)
               + make_interval(secs => s.resync_s) as due
        from public.sources s
        where s.resync_s is not null and s.kind = 'url' and s.state in ('ready', 'stale', 'failed')
        union all
        select 'crawl', c.tenant_id, c.id, coalesce(c.checked_at, c.created_at) + make_interval(secs => c.resync_s)
        from public.crawls c
        where c.resync_s is not null and c.state in ('ready', 'failed')
    ) d
    where d.due < clock_timestamp()
    order by d.due
    limit at_most
$$;

do $$
declare f text;
begin
    foreach f in array array['enqueue_knowledge(text, uuid, uuid)', 'lost_work(interval)', 'due_resyncs(integer)']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
    end loop;
end $$;
grant execute on function enqueue_knowledge(text, uuid, uuid) to replik_app, replik_worker;
grant execute on function lost_work(interval), due_resyncs(integer) to replik_worker;
