-- The audit log becomes a chain per tenant: every row has a number and the hash of the row before with its own
-- text. And each person gets a key, under which what is personal in those rows is sealed.

create table audit_heads (
    tenant_id uuid not null references tenants (id) on delete cascade,
    number bigint not null, -- of the newest row; 0 before the first
    hash bytea not null,
    primary key (tenant_id)
);

create table person_keys (
    tenant_id uuid not null references tenants (id) on delete cascade,
    subject uuid not null, -- a person's or visitor's id
    wrapped_key bytea not null, -- sealed, bound to the tenant and the subject
    created_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, subject)
);

select confine_to_tenant(t) from unnest(array['audit_heads', 'person_keys']) as t;
revoke insert, update, delete on audit_heads from replik_app, replik_worker;
grant insert, update on audit_heads to replik_definer;

alter table audit
    add column number bigint, -- 1, 2, 3 … without gaps; null until the commit
    add column hash bytea,
    add unique (tenant_id, number);
-- Place and time in the chain are the database's to give.
revoke insert on audit from replik_app, replik_worker;
grant insert (tenant_id, id, actor, action, subject, before, after) on audit to replik_app, replik_worker;
grant update on audit to replik_definer;

-- The text that is hashed: one line of JSON, the same in every session, and the same in an export.
create function audit_text(a audit) returns text
    language sql stable set search_path = pg_catalog, public
as $$
    select json_build_object(
        'tenant', a.tenant_id, 'number', a.number, 'id', a.id,
        'at', to_char(a.at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'),
        'actor', a.actor, 'action', a.action, 'subject', a.subject, 'before', a.before, 'after', a.after)::text
$$;

create function link_audit(of_tenant uuid, row_id uuid, at_time timestamptz default null) returns void
    language plpgsql security definer set search_path = pg_catalog, public
as $$
declare
    linked public.audit;
    head public.audit_heads;
begin
    select * into linked from public.audit where tenant_id = of_tenant and id = row_id and number is null;
    if not found then
        return; -- deleted with its tenant, in the same transaction
    end if;
    insert into public.audit_heads values (of_tenant, 0, decode(repeat('00', 32), 'hex')) on conflict do nothing;
    select * into strict head from public.audit_heads where tenant_id = of_tenant for update;
    linked.number := head.number + 1;
    linked.at := coalesce(at_time, clock_timestamp());
    linked.hash := sha256(head.hash || convert_to(public.audit_text(linked), 'UTF8'));
    update public.audit set number = linked.number, at = linked.at, hash = linked.hash
        where tenant_id = of_tenant and id = row_id;
    update public.audit_heads set number = linked.number, hash = linked.hash where tenant_id = of_tenant;
end $$;

create function chain_audit() returns trigger
    language plpgsql security definer set search_path = pg_catalog, public
as $$
begin
    perform public.link_audit(new.tenant_id, new.id);
    return null;
end $$;

-- For operators' commands, which look at all tenants one by one.
create function all_tenants() returns table (id uuid, slug text)
    language sql stable security definer set search_path = pg_catalog, public
as $$ select t.id, t.slug from public.tenants t order by t.slug $$;

create function people_with_factor() returns table (id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$ select c.person_id from public.credentials c where c.totp_secret is not null order by c.person_id $$;

do $$
declare f text;
begin
    foreach f in array array['link_audit(uuid, uuid, timestamptz)', 'chain_audit()', 'all_tenants()',
                             'people_with_factor()']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
    end loop;
end $$;
grant execute on function all_tenants(), people_with_factor() to replik_system;

-- What was recorded before, in the order of its time. Only this role sees all tenants' rows.
set local role replik_definer;
do $$
declare r record;
begin
    for r in select tenant_id, id, at from public.audit order by tenant_id, at, id
    loop
        perform public.link_audit(r.tenant_id, r.id, r.at);
    end loop;
end $$;
reset role;

-- At the commit, so that the lock on the head is a transaction's last: it is held for the commit alone, and no
-- transaction that holds it waits for another's rows.
create constraint trigger audit_chained after insert on audit
    deferrable initially deferred for each row execute function chain_audit();
