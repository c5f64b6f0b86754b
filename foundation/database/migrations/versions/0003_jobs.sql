-- Who may do what with the jobs. The application never sees them: it can wake the ingestion of a source, no more.

-- procrastinate's functions and triggers name its tables without a schema.
do $$
declare f regprocedure;
begin
    for f in select p.oid::regprocedure from pg_proc p
             where p.pronamespace = 'jobs'::regnamespace
    loop
        execute format('alter function %s set search_path = jobs, pg_catalog, pg_temp', f);
    end loop;
end $$;

revoke all on all functions in schema jobs from public;
grant usage on schema jobs to replik_worker, replik_definer;
grant select, insert, update, delete on all tables in schema jobs to replik_worker;
grant usage on all sequences in schema jobs to replik_worker;
grant execute on all functions in schema jobs to replik_worker;
grant select, insert on jobs.procrastinate_jobs to replik_definer;
grant insert on jobs.procrastinate_events to replik_definer;
grant usage on all sequences in schema jobs to replik_definer;
grant execute on all functions in schema jobs to replik_definer;

-- One job per source waits at most (`queueing_lock`), one runs at most (`lock`). Only for the session's own tenant.
create function enqueue_ingest(tenant uuid, source uuid) returns void
    language plpgsql security definer set search_path = pg_catalog, public
as $$
begin
    if tenant is distinct from nullif(current_setting('app.tenant_id', true), '')::uuid then
        raise insufficient_privilege using message = 'a job can only be enqueued for the session''s tenant';
    end if;
    insert into jobs.procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)
    values ('ingest', 'ingest_source', 'source:' || source, 'source:' || source,
            jsonb_build_object('tenant', tenant, 'source', source))
    on conflict (queueing_lock) where status = 'todo' do nothing;
end $$;

-- For the worker's recovery: sources of all tenants that wait for a job that is not there.
create function lost_sources(at_rest_for interval) returns table (tenant_id uuid, source_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select s.tenant_id, s.id
    from public.sources s
    where s.state in ('queued', 'extracting', 'embedding')
      and s.updated_at < clock_timestamp() - at_rest_for
      and not exists (
          select 1 from jobs.procrastinate_jobs j
          where j.lock = 'source:' || s.id and j.status in ('todo', 'doing')
      )
    limit 100
$$;
create index sources_unfinished on sources (updated_at) where state in ('queued', 'extracting', 'embedding');

alter function enqueue_ingest(uuid, uuid) owner to replik_definer;
alter function lost_sources(interval) owner to replik_definer;
revoke all on function enqueue_ingest(uuid, uuid), lost_sources(interval) from public;
grant execute on function enqueue_ingest(uuid, uuid) to replik_app, replik_worker;
grant execute on function lost_sources(interval) to replik_worker;
