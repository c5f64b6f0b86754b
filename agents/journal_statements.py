"""The statements of the journal: each does all it has to in one trip."""

from typing import Final

FENCED: Final = """exists (
    select 1 from activations a where a.tenant_id = %(tenant)s and a.conversation_id = %(conversation)s
      and a.mode = 'agent' and a.host_id = %(host)s and a.incarnation = %(incarnation)s
      and a.epoch = %(epoch)s)"""
"""A condition for what goes into the commit's trip before it, under `LOCK`."""

# An unfinished procedure stays on its release. What the agent said since counts as history, what the customer
# said since waits for its own turn.
BEGIN: Final = """
with now as (
    select a.mode, a.host_id, a.epoch, a.control_version,
        a.host_id = %(host)s and a.incarnation = %(incarnation)s and a.epoch = %(epoch)s as mine,
        exists (select 1 from hosts h where h.id = a.host_id and h.id <> %(host)s
            and h.incarnation = a.incarnation and h.lease_until > clock_timestamp()) as others
    from activations a
    where a.tenant_id = %(tenant)s and a.conversation_id = %(conversation)s
), taken as (
    update activations a set host_id = %(host)s, incarnation = %(incarnation)s, epoch = a.epoch + 1 from now n
    where a.tenant_id = %(tenant)s and a.conversation_id = %(conversation)s
      and n.mode = 'agent' and not n.others and n.mine is not true
    returning a.epoch
), next as (
    select t.id, t.positions, t.attempt from turns t, now n
    where t.tenant_id = %(tenant)s and t.conversation_id = %(conversation)s
      and t.state in ('queued', 'running') and n.mode = 'agent' and not n.others
    order by t.positions[1] limit 1
), newest as (
    select number, behaviour from releases where tenant_id = %(tenant)s and number = coalesce(
        (select k.release from checkpoints k
         where k.tenant_id = %(tenant)s and k.conversation_id = %(conversation)s),
        (select max(number) from releases where tenant_id = %(tenant)s))
), started as (
    update turns t set state = 'running', attempt = t.attempt + 1, release = r.number,
        started_at = clock_timestamp()
    from next x, newest r
    where t.tenant_id = %(tenant)s and t.conversation_id = %(conversation)s and t.id = x.id
      and x.attempt < %(max_attempts)s
)
select n.mode, n.others, n.host_id as owner, n.control_version, coalesce(t.epoch, n.epoch) as epoch,
    exists (select 1 from checkpoints k
        where k.tenant_id = %(tenant)s and k.conversation_id = %(conversation)s) as had_thread,
    x.id as turn, x.positions, x.attempt, r.number as release, r.behaviour, c.language, c.channel,
    coalesce((select json_agg(m.parts order by m.position) from messages m
     where m.tenant_id = %(tenant)s and m.conversation_id = %(conversation)s
       and m.position = any(x.positions)), '[]') as said,
    coalesce((select json_agg(h) from (
        select author, parts from messages m
        where m.tenant_id = %(tenant)s and m.conversation_id = %(conversation)s and m.kind = 'text'
          and m.visibility = 'public' and not m.position = any(x.positions)
          and (m.position < x.positions[1] or m.author <> 'customer')
        order by m.position desc limit %(history)s) h), '[]') as history
from now n
join conversations c on c.tenant_id = %(tenant)s and c.id = %(conversation)s
join newest r on true
left join taken t on true
left join next x on true
"""

# Begins with the fenced update; everything else follows from it.
FINISH: Final = """
with fenced as (
    update activations a set position = a.position + %(count)s
    where a.tenant_id = %(tenant)s and a.conversation_id = %(conversation)s and a.mode = 'agent'
      and a.host_id = %(host)s and a.incarnation = %(incarnation)s and a.epoch = %(epoch)s
      and exists (select 1 from turns t where t.tenant_id = %(tenant)s
          and t.conversation_id = %(conversation)s and t.id = %(turn)s and t.state = 'running')
    returning a.position, a.control_version
), inserted as (
    insert into messages (tenant_id, conversation_id, position, id, turn_id, author, kind, visibility,
        channel, language, parts)
    select %(tenant)s, %(conversation)s, f.position - %(count)s + 1 + r.index, r.id, %(turn)s, r.author,
        r.kind, 'public', %(channel)s, %(language)s, r.parts
    from fenced f,
        jsonb_to_recordset(%(rows)s) as r(index int, id uuid, author text, kind text, parts jsonb)
    returning *
), finished as (
    update turns t set state = %(state)s, outcome = %(outcome)s, answer_position = f.position,
        finished_at = clock_timestamp()
    from fenced f
    where t.tenant_id = %(tenant)s and t.conversation_id = %(conversation)s and t.id = %(turn)s
), spoken as (
    update conversations c set language = %(language)s from fenced f
    where c.tenant_id = %(tenant)s and c.id = %(conversation)s and c.language is distinct from %(language)s
), traced as (
    insert into traces (tenant_id, conversation_id, turn_id, trace)
    select %(tenant)s, %(conversation)s, %(turn)s, %(trace)s from fenced f
    on conflict (tenant_id, conversation_id, turn_id) do update set trace = excluded.trace
)
select i.*, f.control_version, exists (
    select 1 from turns t where t.tenant_id = %(tenant)s and t.conversation_id = %(conversation)s
      and t.state in ('queued', 'running') and t.id <> %(turn)s) as more
from fenced f join inserted i on true
order by i.position
"""
FINISHED: Final = """
select m.*, a.control_version, true as more
from turns t
join activations a on a.tenant_id = t.tenant_id and a.conversation_id = t.conversation_id
join messages m on m.tenant_id = t.tenant_id and m.conversation_id = t.conversation_id and m.turn_id = t.id
where t.tenant_id = %(tenant)s and t.conversation_id = %(conversation)s and t.id = %(turn)s
  and t.state = %(state)s and m.author <> 'customer' and m.visibility = 'public'
  and a.host_id = %(host)s and a.incarnation = %(incarnation)s and a.epoch = %(epoch)s
order by m.position
"""
# The next turn takes over the messages of this one.
TO_THE_NEXT: Final = """
with own as (
    select t.positions from turns t, activations a
    where t.tenant_id = %(tenant)s and t.conversation_id = %(conversation)s and t.id = %(turn)s
      and t.state = 'running'
      and a.tenant_id = %(tenant)s and a.conversation_id = %(conversation)s and a.mode = 'agent'
      and a.host_id = %(host)s and a.incarnation = %(incarnation)s and a.epoch = %(epoch)s
)
update turns t set positions = o.positions || t.positions from own o
where t.tenant_id = %(tenant)s and t.conversation_id = %(conversation)s and t.id = (
    select id from turns where tenant_id = %(tenant)s and conversation_id = %(conversation)s
      and state = 'queued' order by positions[1] limit 1)
"""
