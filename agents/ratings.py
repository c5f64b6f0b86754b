"""What people say of answers, and what follows: a release's calibration, and the dial for its threshold."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import text

from foundation import audit
from foundation.errors import NotFound
from foundation.ids import ConversationId, TenantId, show
from foundation.tenancy import Tenancy, TenantSession
from foundation.turns import Value
from graphs.confidence.calibration import Calibration, fit

_MOST: Final = 5_000
"""Turns that the dial looks at, the newest."""
_STEPS: Final = tuple(round(step / 20, 2) for step in range(1, 20))
ALL: Final = ""
"""The topic that stands for all of them."""


class Setting(Value):
    """What a threshold would have meant for the turns looked at."""

    threshold: float
    coverage: float
    """The share of the questions that would be answered."""
    expected_wrong: float | None
    """The share of those that would be wrong, by the calibrated confidence; None when there are none."""
    rated_wrong: float | None
    """The same by people's ratings, where there are any."""
    rated: int


class Dial(Value):
    """Expected wrong answers against coverage, for one topic."""

    topic: str
    """The title of the source that was found first; empty for all together."""
    questions: int
    settings: tuple[Setting, ...]


@dataclass(frozen=True, slots=True)
class _Seen:
    raw: float
    topic: str
    right: bool | None


@dataclass(frozen=True, slots=True)
class Ratings:
    """Rating answers, and reading what the ratings say."""

    tenancy: Tenancy

    async def rate(
        self, tenant_id: TenantId, actor: str, at: tuple[ConversationId, int], *, correct: bool
    ) -> None:
        """Say whether the agent's answer at a position was right; the last word counts.

        Raises:
            NotFound: the agent gave no answer there.
        """
        values = {"tenant": tenant_id, "conversation": at[0], "position": at[1]}
        async with self.tenancy.session(tenant_id) as session:
            if (await session.execute(_ANSWER, values)).first() is None:
                raise NotFound(kind="message")
            await session.execute(_RATE, values | {"correct": correct, "by": actor})
            await audit.record(
                session,
                tenant_id,
                actor=actor,
                action="answer.rate",
                subject=f"{show('conversation', at[0])}/{at[1]}",
                after={"correct": correct},
            )

    async def dial(self, tenant_id: TenantId, *, topics: int) -> tuple[Calibration, list[Dial]]:
        """Return the calibration that publishing would freeze, and the dials of all and of the largest
        topics.
        """
        async with self.tenancy.session(tenant_id) as session:
            calibration = await calibration_of(session)
            rows = (await session.execute(_SEEN, {"most": _MOST})).all()
        seen = [_Seen(row.raw, row.topic or "", row.correct) for row in rows]
        by_topic: dict[str, list[_Seen]] = defaultdict(list)
        for each in seen:
            by_topic[each.topic].append(each)
        largest = sorted((name for name in by_topic if name), key=lambda name: -len(by_topic[name]))[:topics]
        return calibration, [
            _dial(name, found, calibration)
            for name, found in [(ALL, seen), *((name, by_topic[name]) for name in largest)]
        ]


async def calibration_of(session: TenantSession) -> Calibration:
    """Return what the session's tenant's ratings make of the confidence."""
    rows = (await session.execute(_RATED, {"most": _MOST})).all()
    return fit([(row.raw, row.correct) for row in rows])


def _dial(topic: str, seen: Sequence[_Seen], calibration: Calibration) -> Dial:
    settings = tuple(_setting(step, seen, calibration) for step in _STEPS)
    return Dial(topic=topic, questions=len(seen), settings=settings)


def _setting(threshold: float, seen: Sequence[_Seen], calibration: Calibration) -> Setting:
    sure = [(calibration.of(each.raw), each.right) for each in seen]
    answered = [(chance, right) for chance, right in sure if chance >= threshold]
    rated = [right for _, right in answered if right is not None]
    return Setting(
        threshold=threshold,
        coverage=round(len(answered) / len(seen), 4) if seen else 0.0,
        expected_wrong=round(sum(1 - chance for chance, _ in answered) / len(answered), 4)
        if answered
        else None,
        rated_wrong=round(rated.count(False) / len(rated), 4) if rated else None,
        rated=len(rated),
    )


_ANSWER = text(
    "select 1 from messages where tenant_id = :tenant and conversation_id = :conversation"
    " and position = :position and author = 'agent' and kind = 'text'"
)
_RATE = text(
    "insert into ratings (tenant_id, conversation_id, position, correct, rated_by)"
    " values (:tenant, :conversation, :position, :correct, :by)"
    " on conflict (tenant_id, conversation_id, position) do update"
    " set correct = excluded.correct, rated_by = excluded.rated_by, rated_at = clock_timestamp()"
)
_SEEN = text(
    "select (r.trace->>'raw_confidence')::float as raw, r.trace->'passages'->0->>'title' as topic, g.correct"
    " from traces r"
    " join turns t on t.tenant_id = r.tenant_id and t.conversation_id = r.conversation_id"
    "   and t.id = r.turn_id"
    " left join ratings g on g.tenant_id = t.tenant_id and g.conversation_id = t.conversation_id"
    "   and g.position = t.answer_position"
    " where r.trace->>'raw_confidence' is not null"
    " order by r.created_at desc limit :most"
)
_RATED = text(
    "select (r.trace->>'raw_confidence')::float as raw, g.correct"
    " from ratings g"
    " join turns t on t.tenant_id = g.tenant_id and t.conversation_id = g.conversation_id"
    "   and t.answer_position = g.position"
    " join traces r on r.tenant_id = t.tenant_id and r.conversation_id = t.conversation_id"
    "   and r.turn_id = t.id"
    " where t.outcome = 'answered' and r.trace->>'raw_confidence' is not null"
    " order by g.rated_at desc limit :most"
)
