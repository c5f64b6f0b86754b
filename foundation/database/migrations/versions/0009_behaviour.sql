-- What a tenant writes about its agent: drafts that publishing freezes into a release, and approved answers.

create table policies (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    rule jsonb not null, -- as in graphs/policies/rules.py, without its id
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id)
);

-- One row per tenant; what is missing in it is as the graph config says.
create table agent_settings (
    tenant_id uuid not null references tenants (id) on delete cascade,
    settings jsonb not null default '{}',
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id)
);

alter table releases
    add column note text not null default '',
    add column published_by text not null default '',
    add column restored_from integer; -- the earlier release whose behaviour this one brought back

-- Wordings that people fixed. They hold at once, without a release: a correction cannot wait for one.
create table approved_answers (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    question text not null,
    variants text[] not null default '{}', -- other ways to ask the same
    answer text not null,
    language text not null,
    audience text not null default 'customer' check (audience in ('customer', 'staff')),
    valid_from timestamptz,
    valid_until timestamptz,
    enabled boolean not null default true,
    vector_model text not null, -- the embedding model's name, and its query vectors of question and variants
    vectors bytea not null, -- float32, little endian
    corrects_conversation uuid, -- the answer that was corrected, if it came from one
    corrects_position bigint,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    foreign key (tenant_id, corrects_conversation, corrects_position)
        references messages (tenant_id, conversation_id, position)
        on delete set null (corrects_conversation, corrects_position),
    check (valid_from is null or valid_until is null or valid_from < valid_until)
);
create index approved_answers_corrects on approved_answers (tenant_id, corrects_conversation, corrects_position)
    where corrects_conversation is not null;

-- How every table of tenants is confined from here on: forced row-level security, and who may do what.
create function confine_to_tenant(of text) returns void language plpgsql as $$
begin
    execute format('alter table %I enable row level security', of);
    execute format('alter table %I force row level security', of);
    execute format(
        'create policy tenant on %I
            using (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))
            with check (tenant_id = (select nullif(current_setting(''app.tenant_id'', true), '''')::uuid))', of);
    execute format('grant select, insert, update, delete on %I to replik_app, replik_worker', of);
    execute format('grant select on %I to replik_definer', of);
end $$;
revoke all on function confine_to_tenant(text) from public;

select confine_to_tenant(t) from unnest(array['policies', 'agent_settings', 'approved_answers']) as t;
