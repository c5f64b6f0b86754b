-- API keys with scopes, an end and a successor; visitors whom a company's own server has vouched for.

alter table api_keys
    add column name text not null default '',
    add column scopes text[], -- null: whatever there is, as keys had it before there were scopes
    add column expires_at timestamptz,
    add column last_used_at timestamptz,
    -- The secret before the last rotation, which goes on until its time is over.
    add column former_hash bytea,
    add column former_until timestamptz,
    add column requests_per_minute integer check (requests_per_minute > 0), -- null: the installation's
    -- For publishable keys: what a company's server signs its visitors' identities with; sealed, bound to the key.
    add column require_identity boolean not null default false,
    add column identity_secret bytea,
    add column former_identity_secret bytea,
    add column former_identity_until timestamptz,
    add check ((former_hash is null) = (former_until is null)),
    add check ((former_identity_secret is null) = (former_identity_until is null)),
    add check (not require_identity or identity_secret is not null);
create index api_keys_former_hash on api_keys (former_hash) where former_hash is not null;

alter table conversations
    add column external_id text, -- who the visitor is to the company
    add column verified boolean not null default false, -- the company's server has signed for it
    add check (not verified or external_id is not null);
create index conversations_external_id on conversations (tenant_id, external_id) where external_id is not null;

drop function tenant_of_key(bytea);
create function tenant_of_key(key_hash bytea)
    returns table (tenant_id uuid, key_id uuid, kind text, allowed_origins text[], scopes text[],
        requests_per_minute integer, require_identity boolean, identity_secrets bytea[])
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select k.tenant_id, k.id, k.kind, k.allowed_origins, k.scopes, k.requests_per_minute, k.require_identity,
        array_remove(array[k.identity_secret,
            case when k.former_identity_until > clock_timestamp() then k.former_identity_secret end], null)
    from public.api_keys k
    where (k.hash = key_hash or k.former_hash = key_hash and k.former_until > clock_timestamp())
      and k.revoked_at is null and (k.expires_at is null or k.expires_at > clock_timestamp())
$$;
alter function tenant_of_key(bytea) owner to replik_definer;
revoke all on function tenant_of_key(bytea) from public;
grant execute on function tenant_of_key(bytea) to replik_app, replik_worker;
