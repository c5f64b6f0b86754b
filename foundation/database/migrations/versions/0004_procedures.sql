-- What a procedure leaves behind: a checkpoint while it waits for the customer, and a row for each thing that it
-- did in another system. Both hold what customers say, so their contents are sealed.

-- One row per unfinished procedure; a conversation without one has none.
create table checkpoints (
    tenant_id uuid not null,
    conversation_id uuid not null,
    release integer not null,
    graph text not null, -- name@version
    payload bytea not null, -- the whole thread, sealed
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, conversation_id),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);

-- The row comes first, then the call, then the result. `attempt` names the one that may write the result.
create table actions (
    tenant_id uuid not null,
    conversation_id uuid not null,
    run_id uuid not null,
    step text not null,
    iteration integer not null,
    action text not null,
    state text not null default 'started' check (state in ('started', 'done', 'failed', 'unknown')),
    attempt integer not null default 1,
    arguments bytea not null,
    result bytea,
    reason text,
    created_at timestamptz not null default clock_timestamp(),
    finished_at timestamptz,
    check ((state = 'done') = (result is not null)),
    primary key (tenant_id, conversation_id, run_id, step, iteration),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);

do $$
declare t text;
begin
    foreach t in array array['checkpoints', 'actions']
    loop
        execute format('alter table %I enable row level security', t);
        execute format('alter table %I force row level security', t);
        execute format(
            'create policy tenant on %I
                using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
                with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', t);
    end loop;
end $$;
grant select, insert, update, delete on checkpoints to replik_app;
-- What was done stays on record for as long as its conversation.
grant select, insert, update on actions to replik_app;
