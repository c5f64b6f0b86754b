-- What operators see of the whole: numbers about hosts and queues, of all tenants together and of none alone.

alter table hosts add column stats jsonb not null default '{}';
alter table hosts add column started_at timestamptz not null default clock_timestamp();

-- Hosts that hold a lease, and those that lost it within `lost_since` without giving it up (a crash, a stopped
-- process); oldest first. `lease_left_s` is negative for the lost.
create function live_hosts(lost_since interval default '0 seconds')
    returns table (id uuid, lease_until timestamptz, lease_left_s double precision, up_s double precision, stats jsonb)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select h.id, h.lease_until,
           extract(epoch from h.lease_until - clock_timestamp())::double precision,
           extract(epoch from clock_timestamp() - h.started_at)::double precision,
           h.stats
    from public.hosts h
    where h.lease_until > clock_timestamp() - lost_since
    order by h.started_at, h.id
$$;

-- Only the partial index over unanswered turns is read: the cost goes with what waits, not with what is stored.
create function queue_depths()
    returns table (queued bigint, running bigint, oldest_waiting_s double precision)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select count(*) filter (where t.state = 'queued'),
           count(*) filter (where t.state = 'running'),
           coalesce(extract(epoch from clock_timestamp() - min(t.created_at) filter (where t.state = 'queued')), 0)
               ::double precision
    from public.turns t
    where t.state in ('queued', 'running')
$$;

do $$
declare f text;
begin
    foreach f in array array['live_hosts(interval)', 'queue_depths()']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
        execute 'grant execute on function ' || f || ' to replik_system';
    end loop;
end $$;
