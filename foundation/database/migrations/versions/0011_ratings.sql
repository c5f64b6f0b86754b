-- What people say of the agent's answers: the tenant's own measure of what a confidence means.

create table ratings (
    tenant_id uuid not null references tenants (id) on delete cascade,
    conversation_id uuid not null,
    position bigint not null, -- of the rated answer
    correct boolean not null,
    rated_by text not null,
    rated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, conversation_id, position),
    foreign key (tenant_id, conversation_id, position)
        references messages (tenant_id, conversation_id, position) on delete cascade
);
alter table ratings enable row level security;
alter table ratings force row level security;
create policy tenant on ratings
    using (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid))
    with check (tenant_id = (select nullif(current_setting('app.tenant_id', true), '')::uuid));
grant select, insert, update, delete on ratings to replik_app, replik_worker;
grant select on ratings to replik_definer;
