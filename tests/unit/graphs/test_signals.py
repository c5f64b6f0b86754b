"""What speaks for a passage, and that a search and its explanation cannot differ."""

from uuid import UUID, uuid4

import numpy as np
import pytest

from graphs.retrieval.adapter import Adapter, adapter_of
from graphs.retrieval.fusion import rank
from graphs.retrieval.signals import LEARNED, Asked, Compared, lead, signals
from graphs.retrieval.store import Candidate
from graphs.retrieval.weights import WEIGHTS

ASKED = Asked("Kan jag hyra skidor?", "sv", {"sv": 0.80, "en": 0.76}, {"sv": 0.84, "en": 0.81}, 0.04)


def compared(
    text: str,
    similarity: float = 0.84,
    *,
    source: UUID | None = None,
    ordinal: int = 0,
    bm25: float = 0.0,
    allowed: bool = True,
) -> Compared:
    candidate = Candidate(
        passage_id=uuid4(), source_id=source or uuid4(), version=1, title="Sida", heading="", page=None,
        text=text, language="sv", opening=text, vector=np.zeros(2, dtype=np.float32), cover=0.0, bm25=bm25,
        ordinal=ordinal, allowed=allowed,
    )  # fmt: skip
    return Compared(candidate, similarity, 0.0)


def test_every_signal_has_a_weight_and_none_more() -> None:
    assert set(WEIGHTS) == set(LEARNED)


def test_only_a_long_question_counts_what_is_for_long_ones() -> None:
    long = " ".join(f"ord{chr(97 + n % 26)}{chr(97 + n // 26)}" for n in range(120))
    asked = Asked(long, "sv", ASKED.levels, ASKED.elsewhere, ASKED.spread)
    found = [compared("Ett.", bm25=4.0), compared("Två.", bm25=1.0)]

    assert [values["bm25_long"] for values in signals(ASKED, found)] == [0.0, 0.0]
    assert [values["bm25_long"] for values in signals(asked, found)] == [1.0, 0.25]


def test_a_lead_is_over_the_sixth_best() -> None:
    assert lead(np.array([0.9, 0.1, 0.5, 0.4, 0.3, 0.2])) == pytest.approx(0.8)
    assert lead(np.array([0.9])) == pytest.approx(0.9)
    assert lead(np.array([])) == 0.0


def test_contributions_add_up_to_the_score_and_ranks_follow_it() -> None:
    explained = rank(ASKED, [compared("Vi har tält."), compared("Skidor hyr du här.", 0.86)], 1)

    first, second = explained.entries
    assert [each.passage for each in explained.entries if each.rank] == list(explained.passages)
    assert (first.rank, first.dense_rank, first.fused_rank, first.dropped) == (1, 1, 1, None)
    assert (second.rank, second.dense_rank, second.dropped) == (None, 2, "limit")
    for each in explained.entries:
        assert sum(each.contributions.values()) == pytest.approx(each.passage.score)


def test_what_is_dropped_says_why() -> None:
    old = compared("Denna sida är inaktuell: 30 dagar.", 0.80)
    same = compared("Du har 60 dagars öppet köp!", 0.85)
    staff = compared("Rabatten får vara högst 20 %.", 0.95, allowed=False)
    explained = rank(ASKED, [compared("Du har 60 dagars öppet köp.", 0.86), same, old, staff], 2)
    one = rank(ASKED, [compared("Du har 60 dagars öppet köp.", 0.86), same, old, staff], 1)

    why = {each.passage.text: each.dropped for each in explained.entries}
    assert [each.text for each in explained.passages] == ["Du har 60 dagars öppet köp.", old.candidate.text]
    assert why[same.candidate.text] == "duplicate"
    assert why[staff.candidate.text] == "filtered"
    assert next(each.dropped for each in one.entries if each.passage.text == old.candidate.text) == "replaced"
    assert all(each.rank is None and not each.contributions for each in explained.entries[-1:])


def test_another_source_comes_before_the_fourth_of_the_same_where_about_as_good() -> None:
    source = uuid4()
    texts = ("Ett tält.", "Två skidor.", "Tre lampor.", "Fyra kök.")
    many = [compared(text, 0.86 - n / 1000, source=source) for n, text in enumerate(texts)]
    near, far = compared("Femte saken.", 0.855), compared("Sjätte saken.", 0.80)

    order = [each.text for each in rank(ASKED, [*many, near, far], 6).passages]

    assert order == ["Ett tält.", "Två skidor.", "Tre lampor.", "Femte saken.", "Fyra kök.", "Sjätte saken."]


def test_a_short_passage_brings_the_one_beside_it_in_the_last_place() -> None:
    source = uuid4()
    best = compared("priset gäller per dag.", 0.90, source=source, ordinal=3)
    others = [compared(f"Sak {'abcdefgh'[n]} finns.", 0.85 - n / 100) for n in range(6)]
    beside = compared("Hyra av hjälm och stavar.", 0.70, source=source, ordinal=2)

    found = rank(ASKED, [best, *others, beside], 6).passages

    assert found[0].passage_id == best.candidate.passage_id
    assert found[-1].passage_id == beside.candidate.passage_id
    assert found[-1].score == min(each.score for each in found)
    assert len(found) == 6


def test_an_adapter_adds_a_matrix_of_low_rank() -> None:
    adapter = Adapter(np.array([[1.0], [0.0]], np.float32), np.array([[0.0, 1.0]], np.float32))

    assert adapter.adapted(np.array([1.0, 0.0], np.float32)) == pytest.approx([0.5**0.5, 0.5**0.5])


def test_a_model_without_an_adapter_or_of_another_size_gets_none() -> None:
    own = adapter_of("e5-small-q4", 384)

    assert own is not None
    assert own.down.shape == (384, own.up.shape[0])
    assert adapter_of("e5-small-q4", 3) is None
    assert adapter_of("text-embedding-3-large", 3072) is None
    assert adapter_of("../weights", 384) is None
