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
select confine_to_tenant('ratings');
