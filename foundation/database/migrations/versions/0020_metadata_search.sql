-- Staff find conversations and customers by what the company's systems have noted on them, such as order numbers.

-- What of metadata is searched: letters and digits of all its values, and the tenant as one more word.
create function metadata_words(tenant uuid, metadata jsonb) returns tsvector
    language sql immutable parallel safe set search_path = pg_catalog
as $$
    select array_to_tsvector(array_remove(array[tenant::text] || regexp_split_to_array(
        lower(coalesce(string_agg(left(value #>> '{}', 200), ' '), '')), '[^[:alnum:]]+'), ''))
    from jsonb_path_query(metadata, 'strict $.** ? (@.type() == "string" || @.type() == "number")') as value
$$;

create index conversations_metadata on conversations using gin (metadata_words(tenant_id, metadata))
    where metadata <> '{}';
create index customers_metadata on customers using gin (metadata_words(tenant_id, metadata))
    where metadata <> '{}';

-- As before, and by metadata: each word of the question must begin one there.
create or replace function search_conversations(question text, at_most integer) returns table (conversation_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    with me as materialized (
        select nullif(current_setting('app.tenant_id', true), '')::uuid as tenant_id
    ),
    asked as materialized (
        select search_lexeme((select tenant_id::text from me)) as tenant, given.said,
            plainto_tsquery('swedish', given.said) || plainto_tsquery('english', given.said) as words,
            (select string_agg('''' || replace(word, '''', '''''') || ''':*', ' & ')::tsquery
             from regexp_split_to_table(lower(given.said), '\s+') as word where word <> '') as beginnings,
            (select string_agg('''' || word || ''':*', ' & ')::tsquery
             from regexp_split_to_table(lower(given.said), '[^[:alnum:]]+') as word where word <> '') as noted,
            regexp_replace(given.said, '[^0-9]', '', 'g') as digits
        from (select translate(left(question, 200), '\', ' ') as said) as given
    ),
    who as materialized (
        select k.id from asked a join public.customers k
            on k.words @@ (a.tenant && a.beginnings) and k.tenant_id = (select tenant_id from me)
        union
        select k.id from asked a join public.customers k
            on k.words @@ (a.tenant && search_lexeme(a.digits)) and k.tenant_id = (select tenant_id from me)
        where length(a.digits) >= 6
        union
        select k.id from asked a join public.customers k
            on public.metadata_words(k.tenant_id, k.metadata) @@ (a.tenant && a.noted) and k.metadata <> '{}'
            and k.tenant_id = (select tenant_id from me)
        limit 1000
    ),
    found as (
        select c.id, c.last_message_at as at from asked a join public.conversations c
            on c.case_number = substring(a.said from '^\s*#?([0-9]{1,15})\s*$')::bigint
            and c.tenant_id = (select tenant_id from me)
        union all
        select c.id, c.last_message_at from who w join public.conversations c
            on c.customer_id = w.id and c.tenant_id = (select tenant_id from me)
        union all
        (select c.id, c.last_message_at from asked a join public.conversations c
            on public.metadata_words(c.tenant_id, c.metadata) @@ (a.tenant && a.noted) and c.metadata <> '{}'
            and c.tenant_id = (select tenant_id from me)
         order by c.last_message_at desc limit at_most)
        union all
        (select w.conversation_id, w.at from asked a join public.message_words w
            on w.words @@ (a.tenant && a.words) and w.tenant_id = (select tenant_id from me)
         where numnode(a.words) > 0
         order by w.at desc limit 20 * at_most)
    )
    select id from found group by id order by max(at) desc limit at_most
$$;

create or replace function search_customers(question text, at_most integer) returns table (customer_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    with me as materialized (
        select nullif(current_setting('app.tenant_id', true), '')::uuid as tenant_id
    ),
    asked as materialized (
        select search_lexeme((select tenant_id::text from me)) as tenant,
            (select string_agg('''' || replace(word, '''', '''''') || ''':*', ' & ')::tsquery
             from regexp_split_to_table(lower(given.said), '\s+') as word where word <> '')
            || coalesce(search_lexeme(nullif(regexp_replace(given.said, '[^0-9]', '', 'g'), '')), ''::tsquery) as known,
            (select string_agg('''' || word || ''':*', ' & ')::tsquery
             from regexp_split_to_table(lower(given.said), '[^[:alnum:]]+') as word where word <> '') as noted
        from (select translate(left(question, 200), '\', ' ') as said) as given
    ),
    found as materialized (
        select k.id from asked a join public.customers k
            on k.words @@ (a.tenant && a.known) and k.tenant_id = (select tenant_id from me)
        union
        select k.id from asked a join public.customers k
            on public.metadata_words(k.tenant_id, k.metadata) @@ (a.tenant && a.noted) and k.metadata <> '{}'
            and k.tenant_id = (select tenant_id from me)
    )
    select k.id from found join public.customers k on k.id = found.id and k.tenant_id = (select tenant_id from me)
    order by k.updated_at desc limit at_most
$$;
