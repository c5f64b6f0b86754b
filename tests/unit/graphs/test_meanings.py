"""Answers in another language than their passages: what meaning adds to the words."""

from collections.abc import Sequence

import numpy as np
import pytest

from foundation.clients.embedding.port import Vectors
from foundation.errors import DependencyUnavailable
from foundation.turns import Delta
from graphs.gate import Gate
from graphs.meanings import Meanings
from tests.unit.graphs.fakes import passage

RULES = "Shipping takes 3 days. Returns cost 39 SEK. Underwear cannot be returned."
MATTERS = (("ship", "leverans"), ("return", "retur"), ("underwear", "underkläder"))


class ByMatter:
    """An embedder to which texts on the same matter are the same."""

    model = "matter"
    dimensions = len(MATTERS) + 1

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def queries(self, texts: Sequence[str]) -> Vectors:
        self.asked += texts
        return np.array([self._vector(text.casefold()) for text in texts], dtype=np.float32)

    async def passages(self, texts: Sequence[str]) -> Vectors:
        return await self.queries(texts)

    def _vector(self, text: str) -> list[float]:
        about = [at for at, names in enumerate(MATTERS) if any(name in text for name in names)]
        return [float(at == (about or [len(MATTERS)])[-1]) for at in range(self.dimensions)]


async def shown(text: str, *, embedder: ByMatter | None = None, rules: str = RULES) -> str:
    meanings = Meanings(embedder or ByMatter())
    own = passage("Butiken ligger i Lund.", "sv", "Butiken")
    rest = passage(rules, "en", "Rules")
    gate = Gate((own, rest), customer="Vad gäller?", language="sv", meanings=meanings)
    events = [*await gate.feed(text), *await gate.close()]
    assert "".join(event.text for event in events if isinstance(event, Delta)) == gate.text
    return gate.text


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("Leveransen tar 3 dagar.", "Leveransen tar 3 dagar [1]."),
        ("Underkläder går inte att lämna tillbaka.", "Underkläder går inte att lämna tillbaka [1]."),
        ("Leveransen tar 4 dagar.", ""),
        ("Leveransen tar 39 dagar.", ""),  # a number of another statement
        ("Underkläder går att lämna tillbaka.", ""),
        ("Vi har öppet varje dag.", ""),
    ],
)
async def test_what_cites_nothing_gets_the_statement_that_says_the_same(said: str, seen: str) -> None:
    assert await shown(said) == seen


@pytest.mark.parametrize(
    ("said", "seen"),
    [
        ("En retur kostar 39 SEK [2].", "En retur kostar 39 SEK [1]."),
        ("En retur kostar 3 SEK [2].", ""),
        ("Leveransen tar 3 dagar [2].", "Leveransen tar 3 dagar [1]."),
        ("Leveransen tar 39 dagar [2].", ""),
    ],
)
async def test_a_number_must_stand_where_the_passage_means_the_same(said: str, seen: str) -> None:
    assert await shown(said, rules=RULES.replace("39 SEK", "39").replace("3 days", "3")) == seen


async def test_nothing_is_compared_where_words_tell() -> None:
    embedder = ByMatter()
    assert await shown("Hej! Butiken ligger i Lund [1]. Returer går bra [2].", embedder=embedder)
    assert embedder.asked == []


async def test_an_embedder_that_is_away_ends_no_answer_and_lets_nothing_more_through() -> None:
    class Away(ByMatter):
        async def queries(self, texts: Sequence[str]) -> Vectors:
            raise DependencyUnavailable(part="embedder")

    said = "Butiken ligger i Lund. Leveransen tar 3 dagar."
    assert await shown(said) == "Butiken ligger i Lund [1]. Leveransen tar 3 dagar [2]."
    assert await shown(said, embedder=Away()) == "Butiken ligger i Lund [1]."
