-- Which language model answers for a tenant, what it may use in a calendar month, and what it has used.

-- No row: the operator's model, without a limit.
create table model_settings (
    tenant_id uuid not null references tenants (id) on delete cascade,
    provider text check (provider in ('openai', 'azure', 'compatible')), -- null: the operator's model
    model text,
    base_url text,
    api_key bytea, -- sealed, bound to the tenant, the provider and the address
    monthly_tokens bigint check (monthly_tokens >= 0), -- null: no limit
    monthly_cost numeric check (monthly_cost >= 0),
    currency text check (currency ~ '^[A-Z]{3}$'),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id),
    check ((provider is null) = (model is null) and (provider is null) = (base_url is null)
        and (provider is null) = (api_key is null)),
    check (monthly_cost is null or currency is not null)
);

create table model_usage (
    tenant_id uuid not null references tenants (id) on delete cascade,
    month date not null, -- its first day, in the tenant's zone
    model text not null,
    currency text not null, -- in the key, so that a changed price table adds no dollars to crowns; '' where no price is known
    prompt_tokens bigint not null default 0,
    completion_tokens bigint not null default 0,
    cost numeric, -- null where no price is known
    calls bigint not null default 0,
    primary key (tenant_id, month, model, currency)
);

select confine_to_tenant(t) from unnest(array['model_settings', 'model_usage']) as t;
