"""Messages that are only small talk, and those that only begin so."""

import pytest

from graphs.smalltalk import recognise, without_smalltalk


@pytest.mark.parametrize(
    ("text", "kind", "language"),
    [
        ("hej!", "greeting", "sv"),
        ("HEEEJ 😊", "greeting", "sv"),
        ("God morgon på er", "greeting", "sv"),
        ("tack så mycket för hjälpen!!", "thanks", "sv"),
        ("tack, hej då", "goodbye", "sv"),
        ("Inget funkar, helt värdelöst!", "anger", "sv"),
        ("Det här är det sämsta företaget någonsin, jag är så jävla arg!", "anger", "sv"),
        ("ni är fan helt inkompetenta", "anger", "sv"),
        ("Vilket jävla skitföretag, jag är rasande", "anger", "sv"),
        ("jag är så förbaskat trött på er", "anger", "sv"),
        ("asdålig service, skäms!", "anger", "sv"),
        ("are you people completely incompetent??", "anger", "en"),
        ("You guys are the worst company ever, I'm furious", "anger", "en"),
        ("this is absolutely disgusting service, shame on you", "anger", "en"),
        ("I'm so fed up with you idiots", "anger", "en"),
        ("what a bunch of morons", "anger", "en"),
        ("dere er helt ubrukelige, jeg er dritlei", "anger", "nb"),
        ("dette er det verste firmaet noensinne", "anger", "nb"),
        ("I er sgu håbløse, sikke en elendig service", "anger", "da"),
        ("jeg er skidesur på jer", "anger", "da"),
        ("olette täysin hyödyttömiä, vihaan teitä", "anger", "fi"),
        ("tämä on aivan surkeaa palvelua, vittu", "anger", "fi"),
        ("Hello? Is anybody there??", "greeting", "en"),
        ("hej, är det nån hemma?", "greeting", "sv"),
        ("hei, er det noen der?", "greeting", "nb"),
        ("hej, er der nogen?", "greeting", "da"),
        ("moi, onko siellä ketään?", "greeting", "fi"),
        ("God kväll, är ni där?", "greeting", "sv"),
        ("hi there", "greeting", "en"),
        ("thank you so much", "thanks", "en"),
        ("bye", "goodbye", "en"),
        ("This is RIDICULOUS, nothing works!!", "anger", "en"),
        ("heisann", "greeting", "nb"),
        ("tusen takk for hjelpen", "thanks", "nb"),
        ("vi snakkes, ha en fin dag", "goodbye", "nb"),
        ("ingenting virker, elendig", "anger", "nb"),
        ("goddag", "greeting", "da"),
        ("mange tak", "thanks", "da"),
        ("farvel", "goodbye", "da"),
        ("det er for dårligt", "anger", "da"),
        ("moi", "greeting", "fi"),
        ("kiitos paljon", "thanks", "fi"),
        ("näkemiin", "goodbye", "fi"),
        ("mikään ei toimi, surkeaa", "anger", "fi"),
    ],
)
def test_small_talk_is_recognised(text: str, kind: str, language: str) -> None:
    found = recognise(text)
    assert found is not None
    assert found.kind == kind
    assert language in found.languages


@pytest.mark.parametrize(("text", "kind"), [("👋", "greeting"), ("👍🏽", "thanks"), ("😡😡", "anger")])
def test_an_emoji_alone_speaks_every_language(text: str, kind: str) -> None:
    found = recognise(text)
    assert found is not None
    assert found.kind == kind
    assert found.language("fi") == "fi"


@pytest.mark.parametrize(
    "text",
    [
        "hej, hur lång är returtiden?",
        "Thanks! How do I return it?",
        "nothing works after the update, order 123",
        "tack vare er är mitt paket borta",
        "moi, missä tilaukseni on?",
        "Is this service useless without an app?",
        "Vad gör ni om varan är värdelös?",
        "är det nån där som kan byta däck?",
        "ja",
        "",
        "???",
    ],
)
def test_anything_else_is_a_question(text: str) -> None:
    assert recognise(text) is None


def test_a_word_of_two_languages_keeps_the_conversations() -> None:
    found = recognise("hej")
    assert found is not None
    assert (found.language("da"), found.language("sv"), found.language("en")) == ("da", "sv", "sv")


@pytest.mark.parametrize(
    ("text", "rest"),
    [
        ("Hej! Var är ni? Tack!", "Var är ni?"),
        ("hej hur lång är returtiden", "hur lång är returtiden"),
        ("Hi there, do you ship to Norway? Thank you so much!", "do you ship to Norway?"),
        ("moi, missä tilaukseni on?", "missä tilaukseni on?"),
        ("Det kostar 49.50 kr, eller?", "Det kostar 49.50 kr, eller?"),
        ("It doesn't work. What now?", "It doesn't work. What now?"),
        ("hej då", "hej då"),
        ("...", "..."),
    ],
)
def test_small_talk_around_a_question_is_left_out_of_the_search(text: str, rest: str) -> None:
    assert without_smalltalk(text) == rest
