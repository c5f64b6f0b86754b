"""Cutting text into units: where, where not, and always the same."""

from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from graphs.units import LONG, TOO_LONG, Splitter, Unit, split, units

PIECES = st.sampled_from(
    [
        *[
            "Hej. ",
            "Du har 30 dagar. ",
            "t.ex. ",
            "kl. 10.30 ",
            "1 299 kr",
            "[1]",
            " [2]",
            "[1][2]",
            "[1, 2] ",
            "\n",
        ],
        *[
            "\n\n",
            "- punkt\n",
            "1. steg\n",
            "2) steg ",
            "| a | b |\n",
            "|---|---|\n",
            "```\n",
            "```py\nx. Y\n```\n",
        ],
        *[
            "**fet. Text**",
            "`kod. Mer`",
            "[länk. här](https://x.se/a.b)",
            "https://x.se/?q=1. ",
            "Ja! ",
            "Va?! ",
        ],
        *[
            "# Rubrik\n",
            "J. Berg ",
            "m.m. ",
            "artikelnr. ",
            "jan. ",
            "st. ",
            "…",
            "3. juni ",
            "\r\n",
            "  ",
            ", ",
            "och så vidare, ",
            "å",
            "A",
            ".",
        ],
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(alphabet="aB1 .!?\n[]|-*`#,å:)(", max_size=120)


@settings(max_examples=400, deadline=None)
@given(text=TEXTS, data=st.data())
def test_any_chunking_gives_the_same_units(text: str, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=20)))
    splitter = Splitter()
    streamed: list[Unit] = []
    for start, end in pairwise([0, *cuts, len(text)]):
        streamed += splitter.feed(text[start:end])
    streamed += splitter.close()
    assert streamed == units(text)


@settings(max_examples=200, deadline=None)
@example(text="1\n|111! 11")
@given(text=TEXTS)
def test_one_character_at_a_time_gives_the_same_units(text: str) -> None:
    splitter = Splitter()
    streamed = [unit for character in text for unit in splitter.feed(character)]
    assert [*streamed, *splitter.close()] == units(text)


@settings(max_examples=200, deadline=None)
@given(text=TEXTS)
def test_nothing_is_lost(text: str) -> None:
    joined = "".join(unit.lead + unit.text for unit in units(text))
    assert joined == text.replace("\r", "").rstrip()


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_long_texts_too(data: st.DataObject) -> None:
    words = data.draw(
        st.lists(st.sampled_from(["ord", "långt", "slut, nytt", "klart. Nytt", "1 299"]), min_size=150)
    )
    text = " ".join(words)
    splitter = Splitter()
    streamed = [unit for at in range(0, len(text), 7) for unit in splitter.feed(text[at : at + 7])]
    assert [*streamed, *splitter.close()] == units(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hej! Vad gäller det? Säg till.", ["Hej!", "Vad gäller det?", "Säg till."]),
        ("Det gäller t.ex. Skor och bl.a. Väskor.", ["Det gäller t.ex. Skor och bl.a. Väskor."]),
        ("Vi öppnar kl. 10.30. Ring då.", ["Vi öppnar kl. 10.30.", "Ring då."]),
        ("Art. nr. 55 kostar 1.299,50 kr. Ok.", ["Art. nr. 55 kostar 1.299,50 kr.", "Ok."]),
        ("Den 3. juni stänger vi. Tack.", ["Den 3. juni stänger vi.", "Tack."]),
        ("Du har 30 dagar. [1] Varan. [2][3] Slut", ["Du har 30 dagar. [1]", "Varan. [2][3]", "Slut"]),
        ("Läs https://x.se/a.html. Ja.", ["Läs https://x.se/a.html.", "Ja."]),
        ("**Obs. Viktigt.** Ja. Nej.", ["**Obs. Viktigt.**", "Ja.", "Nej."]),
        ("Så här:\n1. Gå in. Klicka.\n2. Klart.", ["Så här:", "1. Gå in. Klicka.", "2. Klart."]),
        ("| a |\n|---|\n| 1. B |\nEfter.", ["| a |\n|---|\n| 1. B |", "Efter."]),
        ("```\na. B\n\nc\n```\nEfter.", ["```\na. B\n\nc\n```", "Efter."]),
        ("Ange artikelnr. 40412. Tack.", ["Ange artikelnr. 40412.", "Tack."]),
        ("Gäller fr.o.m. 1 jan. 2026. Ja.", ["Gäller fr.o.m. 1 jan. 2026.", "Ja."]),
        ("Säljs per st. Köp tre.", ["Säljs per st.", "Köp tre."]),
        ("Vi säljer skor m.m. Vi har öppet.", ["Vi säljer skor m.m.", "Vi har öppet."]),
    ],
)
def test_where_it_is_cut(text: str, expected: list[str]) -> None:
    assert split(text) == expected


def test_a_long_sentence_is_cut_at_a_clause() -> None:
    parts = split(", ".join(["en ganska lång sats utan någon punkt"] * 20) + ".")
    assert len(parts) > 1
    assert all(len(part) <= LONG for part in parts)
    assert all(part.endswith(",") for part in parts[:-1])


def test_an_endless_unit_says_so() -> None:
    (unit,) = units("x" * (TOO_LONG + 1))
    assert unit.too_long


def test_a_sentence_is_released_as_soon_as_the_next_begins() -> None:
    splitter = Splitter()
    assert splitter.feed("Du har 30 dagar. ") == []
    assert [unit.text for unit in splitter.feed("V")] == ["Du har 30 dagar."]
