-- The inbox: what staff see, search and do, and the events that they follow.

-- Inboxes, customers, canned replies -----------------------------------------------------------------

create table inboxes (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    name text not null, -- the brand, as customers know it
    language text,
    channels text[] not null default '{}', -- conversations of these begin here
    is_default boolean not null default false,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, name)
);
create unique index inboxes_default on inboxes (tenant_id) where is_default;

-- Every tenant has a default one, from its first moment on.
create function add_default_inbox() returns trigger
    language plpgsql set search_path = pg_catalog, public
as $$
begin
    insert into inboxes (tenant_id, id, name, is_default) values (new.id, gen_random_uuid(), new.name, true);
    return null;
end $$;
create trigger default_inbox after insert on tenants for each row execute function add_default_inbox();

create table customers (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    name text,
    email text,
    phone text,
    external_id text, -- as the tenant's own systems name them
    verified boolean not null default false, -- whether the tenant's server vouched for the external id
    metadata jsonb not null default '{}',
    version integer not null default 1,
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    -- The tenant is one more word: under row-level security only a function may use the index, and it has to.
    words tsvector not null generated always as (
        array_to_tsvector(array_remove(array[tenant_id::text, regexp_replace(coalesce(phone, ''), '\D', '', 'g')]
            || regexp_split_to_array(lower(coalesce(name, '') || ' ' || coalesce(email, '') || ' '
                || coalesce(external_id, '')), '\s+'), ''))
    ) stored,
    primary key (tenant_id, id)
);
create unique index customers_external on customers (tenant_id, external_id) where external_id is not null;
create index customers_newest on customers (tenant_id, updated_at, id);
create index customers_words on customers using gin (words);

create table canned_replies (
    tenant_id uuid not null references tenants (id) on delete cascade,
    id uuid not null,
    shortcut text not null,
    text_sv text not null default '',
    text_en text not null default '',
    created_at timestamptz not null default clock_timestamp(),
    updated_at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, id),
    unique (tenant_id, shortcut)
);

-- Case numbers count from 1 in each tenant. A number is taken in a transaction of its own, which does not wait
-- for the disk, so the row is locked for a fraction of a millisecond; a start that fails afterwards leaves a gap.
create table case_numbers (
    tenant_id uuid not null references tenants (id) on delete cascade,
    last bigint not null,
    primary key (tenant_id)
);

-- Conversations as staff see them ---------------------------------------------------------------------

alter table conversations
    add column case_number bigint,
    add column inbox_id uuid,
    add column customer_id uuid,
    add column assignee_id uuid, -- a person
    add column labels text[] not null default '{}',
    add column subject text,
    add column preview text,
    add column preview_author text,
    add column snoozed_until timestamptz,
    add column resolved_at timestamptz,
    add column merged_into uuid,
    add column last_message_at timestamptz not null default clock_timestamp(),
    add column updated_at timestamptz not null default clock_timestamp(),
    add column version integer not null default 1, -- of its state; messages do not count
    add foreign key (tenant_id, inbox_id) references inboxes (tenant_id, id),
    add foreign key (tenant_id, customer_id) references customers (tenant_id, id) on delete set null (customer_id),
    add foreign key (tenant_id, merged_into) references conversations (tenant_id, id) on delete set null (merged_into),
    add constraint conversations_status check (status in ('active', 'pending', 'escalated', 'resolved', 'snoozed'));

-- What is searched: a message's words in both languages, and the tenant as one more word.
create table message_words (
    tenant_id uuid not null,
    conversation_id uuid not null,
    position bigint not null,
    at timestamptz not null,
    words tsvector not null,
    primary key (tenant_id, conversation_id, position),
    foreign key (tenant_id, conversation_id, position)
        references messages (tenant_id, conversation_id, position) on delete cascade
);

-- Labels once more, one a row, so that a rare one is found by its index. A trigger keeps it.
create table conversation_labels (
    tenant_id uuid not null,
    conversation_id uuid not null,
    label text not null,
    primary key (tenant_id, conversation_id, label),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);

-- Append-only, read in the order (xid, number): a transaction's rows are shown when no older one is running, so
-- nothing can appear before what a reader has seen. No words of anybody's: those are read from their own rows.
create table staff_events (
    tenant_id uuid not null,
    xid bigint not null default pg_current_xact_id()::text::bigint,
    number bigint not null generated always as identity,
    conversation_id uuid not null,
    position bigint not null,
    kind text not null check (kind in ('message', 'state')),
    at timestamptz not null default clock_timestamp(),
    primary key (tenant_id, xid, number),
    foreign key (tenant_id, conversation_id) references conversations (tenant_id, id) on delete cascade
);
create index staff_events_old on staff_events (at);

create function message_text(parts jsonb) returns text
    language sql immutable parallel safe set search_path = pg_catalog
as $$
    select coalesce(string_agg(part ->> 'text', E'\n'), '')
    from jsonb_array_elements(parts) as part where part ->> 'type' = 'text'
$$;

create function search_words_of(tenant uuid, said text) returns tsvector
    language sql immutable parallel safe set search_path = pg_catalog
as $$
    select array_to_tsvector(array[tenant::text]) || to_tsvector('swedish'::regconfig, left(said, 20000))
        || to_tsvector('english'::regconfig, left(said, 20000))
$$;

-- What exists already. The owner is confined like everybody, but for the length of this.
alter table conversations no force row level security;
alter table messages no force row level security;
alter table tenants no force row level security;
insert into inboxes (tenant_id, id, name, is_default) select id, gen_random_uuid(), name, true from tenants;
insert into customers (tenant_id, id)
    select tenant_id, visitor_id from conversations where visitor_id is not null group by 1, 2;
update conversations c set
    customer_id = c.visitor_id,
    inbox_id = (select i.id from inboxes i where i.tenant_id = c.tenant_id),
    case_number = n.number,
    last_message_at = coalesce(l.created_at, c.created_at),
    updated_at = c.created_at,
    preview = left(message_text(l.parts), 300),
    preview_author = l.author,
    subject = left(message_text(f.parts), 300)
from (
    select tenant_id, id, row_number() over (partition by tenant_id order by created_at, id) as number
    from conversations
) n
left join lateral (
    select author, parts, created_at from messages m where m.tenant_id = n.tenant_id and m.conversation_id = n.id
        and m.visibility = 'public' and m.kind = 'text' order by position desc limit 1
) l on true
left join lateral (
    select parts from messages m where m.tenant_id = n.tenant_id and m.conversation_id = n.id
        and m.author = 'customer' order by position limit 1
) f on true
where n.tenant_id = c.tenant_id and n.id = c.id;
insert into case_numbers (tenant_id, last)
    select tenant_id, max(case_number) from conversations group by tenant_id;
insert into message_words (tenant_id, conversation_id, position, at, words)
    select tenant_id, conversation_id, position, created_at, search_words_of(tenant_id, message_text(parts))
    from messages where kind <> 'event';
alter table tenants force row level security;
alter table messages force row level security;
alter table conversations force row level security;

create unique index conversations_case on conversations (tenant_id, case_number);
create index conversations_newest on conversations (tenant_id, last_message_at, id);
create index conversations_by_status on conversations (tenant_id, status, last_message_at, id);
create index conversations_by_assignee on conversations (tenant_id, assignee_id, last_message_at, id);
create index conversations_by_inbox on conversations (tenant_id, inbox_id, last_message_at, id);
create index conversations_by_channel on conversations (tenant_id, channel, last_message_at, id);
create index conversations_by_language on conversations (tenant_id, language, last_message_at, id);
create index conversations_by_customer on conversations (tenant_id, customer_id, last_message_at, id);
create index conversations_merged on conversations (tenant_id, merged_into) where merged_into is not null;
create index conversations_snoozed on conversations (snoozed_until) where status = 'snoozed';
create index conversation_labels_of on conversation_labels (tenant_id, label, conversation_id);
create index message_words_words on message_words using gin (words);

select confine_to_tenant(t) from unnest(array['inboxes', 'customers', 'canned_replies', 'case_numbers',
    'message_words', 'conversation_labels', 'staff_events']) as t;

-- Kept by the database ------------------------------------------------------------------------------

-- In the statement that stores a message, so that no list can differ from what was said. A customer's message
-- wakes what was resolved, snoozed or waiting for it.
create function note_message() returns trigger
    language plpgsql set search_path = pg_catalog, public
as $$
declare
    said text;
    before text;
begin
    insert into staff_events (tenant_id, conversation_id, position, kind)
    values (new.tenant_id, new.conversation_id, new.position,
            case new.kind when 'event' then 'state' else 'message' end);
    if new.kind = 'event' then
        return null;
    end if;
    said := message_text(new.parts);
    insert into message_words (tenant_id, conversation_id, position, at, words)
    values (new.tenant_id, new.conversation_id, new.position, new.created_at,
            search_words_of(new.tenant_id, said));
    if new.visibility <> 'public' then
        return null;
    end if;
    update conversations c set last_message_at = new.created_at, preview = left(said, 300),
        preview_author = new.author,
        subject = case new.author when 'customer' then coalesce(c.subject, left(said, 300)) else c.subject end
    where c.tenant_id = new.tenant_id and c.id = new.conversation_id
    returning c.status into before;
    if new.author = 'customer' and before in ('resolved', 'snoozed', 'pending') then
        update conversations c set status = 'active', snoozed_until = null, resolved_at = null,
            version = c.version + 1, updated_at = clock_timestamp()
        where c.tenant_id = new.tenant_id and c.id = new.conversation_id;
        insert into audit (tenant_id, id, actor, action, subject, before, after)
        values (new.tenant_id, gen_random_uuid(), 'system:customer', 'conversation.reopen',
                'conv_' || replace(new.conversation_id::text, '-', ''),
                jsonb_build_object('status', before), '{"status": "active"}');
    end if;
    return null;
end $$;
create trigger note_message after insert on messages for each row execute function note_message();

-- Only an erasure changes what was said: then it is not found by the old words, nor shown in any list.
create function note_erased_words() returns trigger
    language plpgsql set search_path = pg_catalog, public
as $$
declare
    was text := left(message_text(old.parts), 300);
    said text := message_text(new.parts);
begin
    update message_words w set words = search_words_of(new.tenant_id, said)
    where w.tenant_id = new.tenant_id and w.conversation_id = new.conversation_id and w.position = new.position;
    update conversations c set
        preview = case c.preview when was then left(said, 300) else c.preview end,
        subject = case c.subject when was then left(said, 300) else c.subject end
    where c.tenant_id = new.tenant_id and c.id = new.conversation_id and was in (c.preview, c.subject);
    return null;
end $$;
create trigger note_erased_words after update of parts on messages
    for each row execute function note_erased_words();

create function note_labels() returns trigger
    language plpgsql set search_path = pg_catalog, public
as $$
begin
    delete from conversation_labels l
    where l.tenant_id = new.tenant_id and l.conversation_id = new.id and l.label <> all(new.labels);
    insert into conversation_labels (tenant_id, conversation_id, label)
    select distinct new.tenant_id, new.id, label from unnest(new.labels) as label
    on conflict do nothing;
    return null;
end $$;
create trigger note_labels after update of labels on conversations
    for each row execute function note_labels();

-- Across row-level security ---------------------------------------------------------------------------

-- The conversations of the session's tenant that a search finds: by words in messages, by case number, by what is
-- known of the customer. Those with the newest matching messages, at most `at_most`.
create function search_conversations(question text, at_most integer) returns table (conversation_id uuid)
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
        (select w.conversation_id, w.at from asked a join public.message_words w
            on w.words @@ (a.tenant && a.words) and w.tenant_id = (select tenant_id from me)
         where numnode(a.words) > 0
         order by w.at desc limit 20 * at_most)
    )
    select id from found group by id order by max(at) desc limit at_most
$$;

create function search_customers(question text, at_most integer) returns table (customer_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select k.id from public.customers k
    where k.tenant_id = nullif(current_setting('app.tenant_id', true), '')::uuid
      and k.words @@ (search_lexeme(nullif(current_setting('app.tenant_id', true), '')) && ((
        select string_agg('''' || replace(word, '''', '''''') || ''':*', ' & ')::tsquery
        from regexp_split_to_table(lower(translate(left(question, 200), '\', ' ')), '\s+') as word
        where word <> ''
      ) || coalesce(search_lexeme(nullif(regexp_replace(left(question, 200), '[^0-9]', '', 'g'), '')), ''::tsquery)))
    order by k.updated_at desc limit at_most
$$;

-- For the gateways' clock: snoozed conversations of all tenants whose time has come.
create function due_snoozes(at_most integer) returns table (tenant_id uuid, conversation_id uuid)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    select c.tenant_id, c.id from public.conversations c
    where c.status = 'snoozed' and c.snoozed_until <= clock_timestamp()
    order by c.snoozed_until limit at_most
$$;

create function forget_staff_events(older_than interval, at_most integer) returns bigint
    language sql volatile security definer set search_path = pg_catalog, public
as $$
    with gone as (
        delete from public.staff_events e using (
            select tenant_id, xid, number from public.staff_events
            where at < clock_timestamp() - older_than order by at limit at_most
        ) old
        where e.tenant_id = old.tenant_id and e.xid = old.xid and e.number = old.number
        returning 1
    )
    select count(*) from gone
$$;
grant delete on staff_events to replik_definer;

do $$
declare f text;
begin
    foreach f in array array['search_conversations(text, integer)', 'search_customers(text, integer)',
                             'due_snoozes(integer)', 'forget_staff_events(interval, integer)']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
    end loop;
end $$;
grant execute on function search_conversations(text, integer), search_customers(text, integer) to replik_app;
grant execute on function due_snoozes(integer), forget_staff_events(interval, integer) to replik_system;
