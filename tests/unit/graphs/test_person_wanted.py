"""Who asks for a person gets one, and who asks anything else does not."""

import pytest

from foundation.turns import Answer, Language, Utterance
from graphs.handover import PersonWanted
from graphs.person_wanted import wants_person
from graphs.replies import load_replies
from tests.unit.graphs.fakes import shop

REPLIES = load_replies()


@pytest.mark.parametrize(
    "text",
    [
        "Jag vill prata med en människa",
        "kan jag få prata med någon?",
        "Hej! Koppla mig till kundtjänst tack",
        "människa",
        "I want to talk to a human!",
        "Could you connect me to a real person, please",
        "live agent",
        "Kan jeg få snakke med et menneske?",
        "Jeg vil gerne tale med en person",
        "Haluan puhua ihmisen kanssa",
    ],
)
def test_who_asks_for_a_person_wants_one(text: str) -> None:
    assert wants_person(text, offered=False)


@pytest.mark.parametrize(
    "text", ["Ja", "ja tack!", "Ja gärna", "Yes please", "sure", "Ja takk", "Kyllä kiitos", "Please"]
)
def test_a_yes_accepts_an_offer_and_is_nothing_without_one(text: str) -> None:
    assert wants_person(text, offered=True)
    assert not wants_person(text, offered=False)


@pytest.mark.parametrize("offered", [True, False])
@pytest.mark.parametrize(
    "text",
    [
        "",
        "👍",
        "Nej tack",
        "No thanks",
        "Tack",
        "Ja, men vad kostar frakten?",
        "Vem pratar jag med om fakturan?",
        "Jag vill inte prata med en människa",
        "How can I reach customer service?",
        "Har ni en person som kan laga skidor?",
        "yes but when do you open",
    ],
)
def test_anything_else_does_not(text: str, offered: bool) -> None:
    assert not wants_person(text, offered=offered)


@pytest.mark.parametrize(("language", "said"), [("sv", "Ja tack"), ("en", "Yes please"), ("fi", "Kyllä")])
async def test_who_accepts_the_agents_offer_is_handed_over(language: Language, said: str) -> None:
    agent, _ = shop("An answer [1].")
    offer = Utterance(author="agent", text=REPLIES.text("unknown", language))
    with pytest.raises(PersonWanted):
        await agent.ask(said, history=(Utterance(author="customer", text="?"), offer))


async def test_thanks_for_an_answer_are_thanks() -> None:
    agent, _ = shop("An answer [1].")
    answered = Utterance(author="agent", text="Du har 30 dagars öppet köp.")
    last = (await agent.ask("Ja tack", history=(Utterance(author="customer", text="?"), answered)))[-1]
    assert isinstance(last, Answer)
    assert last.outcome == "smalltalk"
