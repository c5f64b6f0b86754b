"""The extractive answerer quotes what stands in the passages, whole, and nothing else."""

from uuid import UUID, uuid4

import pytest

from foundation.clients.embedding.fakes import HashingEmbedder
from foundation.turns import Language
from graphs.answerers.evidence import evidence
from graphs.answerers.extractive import ExtractiveAnswerer
from graphs.answerers.port import Question
from graphs.kinds import asked_for, had
from graphs.passages import Passage

FREIGHT = """Vi skickar inom Sverige. Ordern packas samma dag.

| Leveranssätt | Pris |
| --- | --- |
| Till ombud | 49 kr (fri frakt över 799 kr) |
| Hem till dörren | 99 kr |
"""
RENTAL = """| Utrustning | 1 dag | 3 dagar |
| --- | --- | --- |
| Snöskor + stavar | 195 kr | 450 kr |
| Pulka med sele | 395 kr | 950 kr |"""


def passage(
    text: str, *, title: str = "Sida", heading: str = "", language: Language = "sv", score: float = 0.1
) -> Passage:
    return Passage(
        passage_id=uuid4(), source_id=UUID(int=1), version=1, title=title, heading=heading, text=text,
        language=language, similarity=0.88, score=score,
    )  # fmt: skip


async def answer(question: str, *passages: Passage, language: Language = "sv") -> str:
    asked = Question(text=question, language=language, passages=passages)
    return "".join([piece async for piece in ExtractiveAnswerer(HashingEmbedder()).answer(asked)])


def texts(text: str) -> list[str]:
    return [each.text for each in evidence(0, passage(text))]


async def test_a_price_comes_as_a_readable_row_with_its_citation() -> None:
    reply = await answer("Vad kostar frakten till ombud?", passage(FREIGHT, heading="Frakt > Priser"))

    assert "Till ombud: 49 kr (fri frakt över 799 kr)" in reply
    assert reply.startswith("Priser")
    assert reply.endswith("[1]")


async def test_a_row_of_many_columns_names_each_value() -> None:
    reply = await answer("Vad kostar det att hyra snöskor?", passage(RENTAL, heading="Prislista"))

    assert "Snöskor + stavar: 1 dag 195 kr, 3 dagar 450 kr" in reply
    assert "Pulka" not in reply or reply.index("Snöskor") < reply.index("Pulka")


async def test_every_quote_stands_in_its_passage_and_is_cited() -> None:
    first = passage(
        "Du kan ångra köpet inom 60 dagar. Varan ska vara oanvänd. Vi betalar tillbaka samma dag."
    )
    second = passage("Butiken har öppet till 18.00. Ring oss gärna.")
    reply = await answer("Hur länge kan jag ångra köpet?", first, second)

    assert "Du kan ångra köpet inom 60 dagar. [1]" in reply
    for quote in reply.replace("\n\n", " ").split("] "):
        body, _, number = quote.rstrip("]").rpartition(" [")
        assert body in (first, second)[int(number) - 1].text


async def test_a_quote_in_another_language_is_announced() -> None:
    english = passage("You can return goods within 60 days.", language="en")
    swedish = passage("Du kan returnera varor inom 60 dagar.")

    assert (await answer("Hur returnerar jag varor?", english)).startswith(
        "Från vår engelska information: You can"
    )
    assert (await answer("return goods?", swedish, language="en")).startswith(
        "From our Swedish information: Du kan"
    )


async def test_what_applies_now_wins_over_what_has_been_replaced() -> None:
    old = passage("Du har 30 dagars öppet köp.", title="Returpolicy 2024", score=0.11)
    new = passage("Du har 60 dagars öppet köp.", title="Returpolicy 2026", score=0.10)

    now = await answer("Hur många dagars öppet köp har jag?", old, new)
    then = await answer("Hur många dagars öppet köp hade jag 2024?", old, new)

    assert now == "Enligt Returpolicy 2026: Du har 60 dagars öppet köp. [2]"
    assert then.startswith("Enligt Returpolicy 2024: Du har 30 dagars")


async def test_an_old_text_that_names_the_new_year_is_still_old() -> None:
    old = passage(
        "Ersatt av Returpolicy 2026. Du har 30 dagars öppet köp.", title="Returpolicy 2024", score=0.11
    )
    new = passage("Du har 60 dagars öppet köp.", title="Returpolicy 2026", score=0.10)

    assert "60 dagars" in await answer("Hur många dagars öppet köp har jag nu 2026?", old, new)
    assert "30 dagars" not in await answer("Hur många dagars öppet köp har jag nu 2026?", old, new)


async def test_the_sentence_that_leads_a_list_in_comes_with_its_items() -> None:
    text = "För att hyra behöver du:\n\n- giltig legitimation\n- ett bankkort\n\nVi stänger 18.00."
    reply = await answer("Behöver jag legitimation för att hyra?", passage(text))

    assert reply == "För att hyra behöver du: giltig legitimation. [1]"


async def test_a_sentence_that_leans_on_the_one_before_takes_it_along() -> None:
    text = "Medlemmar får en bonuscheck i mars. Den gäller i 90 dagar efter utskicket. Vi säljer tält."
    reply = await answer("gäller i 90 dagar efter utskicket?", passage(text))

    assert "Medlemmar får en bonuscheck i mars. [1] Den gäller i 90 dagar" in reply


@pytest.mark.parametrize(
    "junk",
    [
        "Sida 3 av 5",
        "Returpolicy 2024 · www.fjallglod.example/arkiv · Kund",
        "Hem › Hjälp › Frakt",
        "© 2026 Fjällglöd Friluft AB.",
        "Läs mer om frakt.",
        "# Rubriken",
        "En rad utan slut",
    ],
)
def test_headers_footers_and_navigation_are_no_evidence(junk: str) -> None:
    assert texts(f"Det kostar 49 kr.\n\n{junk}\n\nDet tar två dagar.") == [
        "Det kostar 49 kr.",
        "Det tar två dagar.",
    ]


def test_half_sentences_are_no_evidence() -> None:
    assert texts("och sedan är det klart. Det kostar 49 kr. Sedan kommer") == ["Det kostar 49 kr."]


def test_abbreviations_and_dates_do_not_cut() -> None:
    text = "Rabatten gäller t.ex. skor fr.o.m. 1 jan. 2026 kl. 10.00. Ange nr. 12 i kassan."

    assert texts(text) == [
        "Rabatten gäller t.ex. skor fr.o.m. 1 jan. 2026 kl. 10.00.",
        "Ange nr. 12 i kassan.",
    ]


@pytest.mark.parametrize(
    "whole",
    [
        "Gäller fr.o.m. 1 jan. 2026 i alla butiker.",
        "Ange artikelnr. 40412 när du beställer.",
        "Se ordernr. 55 och mobiltel. 070-555 01 23 i mejlet.",
        "Se kap. 4 i handboken.",
        "Priset är 49 kr inkl. 25 % moms och exkl. frakt.",
        "We deliver on Tue. 5 Oct. 2026 or approx. 3 days later.",
    ],
)
def test_what_stands_after_an_abbreviation_stays_with_it(whole: str) -> None:
    assert texts(f"{whole} Ring oss gärna.") == [whole, "Ring oss gärna."]


def test_marks_of_markdown_are_taken_off() -> None:
    assert texts("Läs **alltid** [vår policy](https://x.example/a) och `koden` först. Det är _viktigt_.") == [
        "Läs alltid vår policy och koden först.",
        "Det är viktigt.",
    ]


@pytest.mark.parametrize(
    ("question", "right", "wrong"),
    [
        ("Vilken temperatur klarar sovsäcken?", "Sovsäcken klarar -12 °C.", "Sovsäcken är skön och varm."),
        ("Vilka batchnummer berörs?", "Det är batch L2207 och L2209.", "Ni som berörs får ett mejl."),
        ("Vad kostar en skidservice?", "Skidservice: 449 kr.", "Skidservice gör vi varje dag."),
        ("Vilket telefonnummer har ni?", "Växeln nås på 010-555 01 23.", "Ni kan ringa vår växel på dagtid."),
    ],
)
async def test_what_has_the_kind_of_thing_that_is_asked_for_is_quoted(
    question: str, right: str, wrong: str
) -> None:
    kinds = asked_for(question)

    assert kinds
    assert had(kinds, right) > had(kinds, wrong)
    assert right.rstrip(".") in await answer(question, passage(f"{wrong} {right}"))


def test_a_short_answer_keeps_its_reason_and_knows_its_question() -> None:
    [found] = evidence(0, passage("**Gäller det reklamationer också?** Nej. Där är det alltid tre år."))

    assert found.text == "Nej. Där är det alltid tre år."
    assert "reklamationer" in found.context


def test_citations_in_a_document_are_not_taken_for_ours() -> None:
    assert texts("Det kostar 49 kr [7]. Se listan.") == ["Det kostar 49 kr.", "Se listan."]


async def test_nothing_to_quote_gives_nothing() -> None:
    assert await answer("Vad kostar frakten?", passage("Sida 3 av 5")) == ""
    assert await answer("Vad kostar frakten?") == ""


def test_a_temperature_may_stand_without_its_unit_in_a_table() -> None:
    asked = asked_for("What is the comfort temperature?")

    assert had(asked, "Glöd Snö 700: Comfort -8, Limit -15")
    assert not had(asked, "Glöd Snö 700: Weight 1,290 g")


def test_how_long_asks_for_a_time_or_a_measure() -> None:
    asked = asked_for("Hur lång reklamationsrätt har jag?")

    assert had(asked, "Du har 3 års reklamationsrätt.")
    assert had(asked, "Stången är 120 cm.")
    assert not had(asked, "Du ska reklamera i tid.")
