-- Conversations stay owned between turns, a run may end for a newer message, and the dead are found at once.

alter table turns drop constraint turns_state_check;
alter table turns add constraint turns_state_check
    check (state in ('queued', 'running', 'done', 'failed', 'handed_over', 'interrupted'));

-- Read by nobody, and in the way of updates within a page.
drop index activations_owner;

-- For the sweeper: turns of all tenants that wait longer than `older_than` or in a host that is gone, or run without
-- a living owner, or run longer than any run may (their owner lives but let go of them).
create or replace function overdue_turns(older_than interval, longest_run interval, at_most integer)
    returns table (tenant_id uuid, conversation_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select distinct t.tenant_id, t.conversation_id
    from public.turns t
    join public.activations a on a.tenant_id = t.tenant_id and a.conversation_id = t.conversation_id
    left join public.hosts h on h.id = a.host_id and h.incarnation = a.incarnation
        and h.lease_until > clock_timestamp()
    where t.state in ('queued', 'running') and a.mode = 'agent'
      and (t.created_at < clock_timestamp() - older_than and t.state = 'queued'
        or h.id is null and (a.host_id is not null or t.state = 'running')
        or t.started_at < clock_timestamp() - longest_run)
    limit at_most
$$;
