-- Search by words: filters, words derived from others, and compounds of shorter words.

-- As before, and one letter less: `skidor` (skid) finds `skiduthyrning`.
create or replace function search_compounds(language text, word text, lexeme text) returns tsquery
    language sql immutable parallel safe set search_path = pg_catalog, public
as $$
    select case
        when language not in ('sv', 'nb', 'da', 'fi') or length(lexeme) < 4 or word !~ '^[[:alpha:]]+$'
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

-- Words of the same root in the Scandinavian languages: the noun of a verb and a verb with a particle before it
-- (`hyra` finds `uthyrning`, `uthyrning` finds `hyra`). Null where there are none.
create function search_derived(language text, word text, lexeme text) returns tsquery
    language sql immutable parallel safe set search_path = pg_catalog, public
as $$
    select case
        when language not in ('sv', 'nb', 'da') or word !~ '^[[:alpha:]]+$' or length(lexeme) < 3 then null
        else (
            select string_agg(form, ' | ')::tsquery
            from (
                select '''' || particle || root || ''':*' as form
                from unnest(array['ut', 'in', 'av', 'upp', 'till', 'för', 'åter', 'om', 'be']) as particle,
                     lateral (select coalesce(substring(word from '^(.{3,})(?:ning|ande|ende)'), lexeme) as root) r
                where length(root) between 3 and 8
                union
                select '''' || root || 'ning'':*'
                from (select coalesce(substring(word from '^(.{3,})a$'), lexeme) as root) r
                where length(root) >= 3
                union
                select '''' || root || ''''
                from (select substring(word from '^(?:ut|in|av|upp|till|för|åter|om|be)?(.{3,})ning') as root) r
                where length(root) >= 3
            ) as forms
        )
    end
$$;

drop function search_words(text, integer);

-- The live passages of the session's tenant that share words with `question` and pass the filters (a null
-- filter lets everything through), best first.
-- `cover` is the share, 0..1, of the question's weight of words (inverse document frequency among the tenant's
-- passages of that language) that the passage has; `rank` is BM25 with each word counted once.
create function search_words(
    question text, at_most integer, audiences text[], only_languages text[] default null, only_sources uuid[] default null
)
    returns table (passage_id uuid, cover double precision, rank double precision)
    language sql stable security definer set search_path = pg_catalog, public
as $$
    with me as materialized (
        select nullif(current_setting('app.tenant_id', true), '')::uuid as tenant_id
    ),
    languages as materialized (
        select p.language, count(*)::float8 as size
        from public.passages p where p.tenant_id = (select tenant_id from me) and p.live
            and (only_languages is null or p.language = any(only_languages))
        group by p.language
    ),
    words as materialized (
        select distinct on (l.language, w.lexeme) l.language, l.size, w.lexeme, search_lexeme(w.lexeme) as exact,
               search_compounds(l.language, w.word, w.lexeme) as compound,
               search_lexeme((select tenant_id::text from me))
                   && (search_compounds(l.language, w.word, w.lexeme)
                       || coalesce(search_derived(l.language, w.word, w.lexeme), ''::tsquery)) as loose
        from languages l
        cross join lateral (
            select word, lexeme
            from regexp_split_to_table(lower(left(question, 4000)), '\s+') as word
            cross join lateral unnest(tsvector_to_array(
                to_tsvector(search_configuration(l.language), word))) as lexeme
            where length(word) <= 60 limit 128
        ) w
    ),
    matches as materialized (
        select w.language, w.lexeme, p.id, length(p.lexemes) as size,
               case when p.lexemes @@ w.exact then 1.0 when p.lexemes @@ w.compound then 0.4 else 0.25 end as strength
        from words w
        join public.passages p
            on (array_to_tsvector(array[p.tenant_id::text]) || p.lexemes) @@ w.loose
            and p.live and p.language = w.language and p.tenant_id = (select tenant_id from me)
            and (only_sources is null or p.source_id = any(only_sources))
            and exists (
                select from public.sources s
                where s.tenant_id = p.tenant_id and s.id = p.source_id and s.audience = any(audiences)
            )
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
    foreach f in array array['search_compounds(text, text, text)', 'search_derived(text, text, text)',
                             'search_words(text, integer, text[], text[], uuid[])']
    loop
        execute 'alter function ' || f || ' owner to replik_definer';
        execute 'revoke all on function ' || f || ' from public';
    end loop;
end $$;
grant execute on function search_words(text, integer, text[], text[], uuid[]) to replik_app, replik_worker;
