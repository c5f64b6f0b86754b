-- Search by words: BM25 with the tenant's own word frequencies, on plain PostgreSQL.

-- The tenant is one more word of the index, so that a frequent word costs what this tenant has of it and
-- not what all tenants have. Under row-level security a GIN index is not used (`@@` is not leakproof),
-- hence one function below, and nobody else's `@@`.
drop index passages_lexemes;
create index passages_words on passages
    using gin ((array_to_tsvector(array[tenant_id::text]) || lexemes)) where live;
create index passages_live on passages (tenant_id, language) where live;

create function search_configuration(language text) returns regconfig
    language sql immutable parallel safe set search_path = pg_catalog
as $$
    select case language
        when 'sv' then 'swedish'::regconfig
        when 'en' then 'english'::regconfig
        when 'nb' then 'norwegian'::regconfig
        when 'da' then 'danish'::regconfig
        when 'fi' then 'finnish'::regconfig
        else 'simple'::regconfig
    end
$$;

-- A lexeme as a query that matches it and nothing else, whatever characters it has.
create function search_lexeme(lexeme text) returns tsquery
    language sql immutable parallel safe set search_path = pg_catalog
as $$ select ('''' || replace(replace(lexeme, '\', '\\'), '''', '''''') || '''')::tsquery $$;

-- A word's lexeme, and weaker: compounds that begin with it (`retur` finds `returfrakt`), and its own first and
-- last parts (`returfrakt` finds `retur` and `frakt`), each stemmed as if it stood alone. English writes compounds
-- apart, so it needs none of this.
create function search_compounds(language text, word text, lexeme text) returns tsquery
    language sql immutable parallel safe set search_path = pg_catalog, public
as $$
    select case
        when language not in ('sv', 'nb', 'da', 'fi') or length(lexeme) < 5 or word !~ '^[[:alpha:]]+$'
            then search_lexeme(lexeme)
        else (
            select string_agg(form, ' | ')::tsquery
            from (
                select '''' || lexeme || ''':*' as form
                union
                select '''' || stem || ''''
                from generate_series(4, length(word) - 3) as i
                cross join lateral unnest(array[left(word, i), right(word, i)]) as part
                cross join lateral unnest(tsvector_to_array(
                    to_tsvector(search_configuration(language), part))) as stem
                where length(stem) >= 4
            ) as forms
        )
    end
$$;

-- The live passages of the session's tenant that share words with `question`, best first.
-- `cover` is the share, 0..1, of the question's weight of words (inverse document frequency among the tenant's
-- passages of that language) that the passage has; `rank` is BM25 with each word counted once.
create function search_words(question text, at_most integer)
    returns table (passage_id uuid, cover double precision, rank double precision)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    with me as materialized (
        select nullif(current_setting('app.tenant_id', true), '')::uuid as tenant_id
    ),
    languages as materialized (
        select p.language, count(*)::float8 as size
        from public.passages p where p.tenant_id = (select tenant_id from me) and p.live
        group by p.language
    ),
    words as materialized (
        select distinct on (l.language, w.lexeme) l.language, l.size, w.lexeme, search_lexeme(w.lexeme) as exact,
               search_lexeme((select tenant_id::text from me))
                   && search_compounds(l.language, w.word, w.lexeme) as loose
        from languages l
        cross join lateral (
            select word, lexeme
            from regexp_split_to_table(lower(left(question, 1000)), '\s+') as word
            cross join lateral unnest(tsvector_to_array(
                to_tsvector(search_configuration(l.language), word))) as lexeme
            where length(word) <= 60 limit 32
        ) w
    ),
    matches as materialized (
        select w.language, w.lexeme, p.id, length(p.lexemes) as size,
               case when p.lexemes @@ w.exact then 1.0 else 0.4 end as strength
        from words w
        join public.passages p
            on (array_to_tsvector(array[p.tenant_id::text]) || p.lexemes) @@ w.loose
            and p.live and p.language = w.language and p.tenant_id = (select tenant_id from me)
    ),
    weights as (
        select w.language, w.lexeme, ln(1 + (w.size - f.seen + 0.5) / (f.seen + 0.5)) as idf
        from words w
        cross join lateral (
            select count(*)::float8 as seen from matches m
            where m.language = w.language and m.lexeme = w.lexeme and m.strength = 1
        ) f
    ),
    totals as (select language, sum(idf) as idf from weights group by language),
    average as (select avg(size)::float8 as size from matches)
    select m.id, least(1, sum(w.idf * m.strength) / t.idf),
           sum(w.idf * m.strength) * 2.2 / (1 + 1.2 * (0.6 + 0.4 * max(m.size) / (select size from average)))
    from matches m
    join weights w on w.language = m.language and w.lexeme = m.lexeme
    join totals t on t.language = m.language
    group by m.id, t.idf
    order by 3 desc, 1
    limit at_most
$$;

do $$
declare f text;
begin
    foreach f in array array['search_configuration(text)', 'search_lexeme(text)', 'search_compounds(text, text, text)',
                             'search_words(text, integer)']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
    end loop;
end $$;
grant execute on function search_words(text, integer) to replik_app, replik_worker;
