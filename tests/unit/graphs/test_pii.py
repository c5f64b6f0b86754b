"""Personal data: what is found, what is left alone, and how it is replaced."""

import json
from pathlib import Path

import pytest

from graphs.policies import pii

DATA = Path(__file__).resolve().parents[4] / "shared" / "data" / "pii"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("Jag är 19811228-9874.", "Jag är [personnummer 1]."),
        ("811228-9874, igen 198112289874", "[personnummer 1], igen [personnummer 1]"),
        ("samordning 701063-2391", "samordning [personnummer 1]"),
        ("org.nr 556036-0793", "org.nr [organisationsnummer 1]"),
        ("kort 4111 1111 1111 1111 tack", "kort [kort 1] tack"),
        ("till SE45 5000 0000 0583 9825 7466 idag", "till [iban 1] idag"),
        ("ring 08-123 456 78 eller +46 70 123 45 67", "ring [telefon 1] eller [telefon 2]"),
        ("[08-123 456 78](tel:x)", "[[telefon 1]](tel:x)"),
        ("a.b@x.se, C@y.com, A.B@x.se", "[e-post 1], [e-post 2], [e-post 1]"),
    ],
)
def test_personal_data_is_replaced(text: str, redacted: str) -> None:
    texts, decision = pii.redact([text], "sv")
    assert texts == [redacted]
    assert decision.action == "redact"


@pytest.mark.parametrize(
    "text",
    [
        "Order 1234567890 och 20240501-1234",
        "Kollinummer 00370731234567890123",
        "Det kostar 1 299 kr den 2024-05-01 kl. 10.30",
        "Artikel 4111111111111112, EAN 7310865004703",
        "811228-9875",
        "öppet 08.00-17.00 eller 0800-1700",
        "iPhone 15 Pro, 256 GB",
    ],
)
def test_other_numbers_stay(text: str) -> None:
    assert pii.redact([text], "sv")[0] == [text]


def test_several_texts_share_their_numbers() -> None:
    texts, _ = pii.redact(["811228-9874 och a@b.se", "c@b.se 19811228-9874"], "sv")
    assert texts == ["[personnummer 1] och [e-post 1]", "[e-post 2] [personnummer 1]"]


def test_a_decision_never_holds_the_datum() -> None:
    _, decision = pii.redact(["811228-9874"], "sv")
    assert "9874" not in decision.model_dump_json()
    assert decision.spans == ((0, 11),)


def test_the_shops_own_contacts_pass_and_others_do_not() -> None:
    allowed = pii.keys(["Ring 08-123 456 78"], "sv")
    assert pii.outbound("Ring 08 12 34 56 78.", before="", allowed=allowed, language="sv").action == "allow"
    assert pii.outbound("Ring 08-999 99 99.", before="", allowed=allowed, language="sv").action == "block"


def test_a_number_split_over_two_units_is_seen() -> None:
    decision = pii.outbound("9874.", before="Ditt nummer är 19811228", allowed=frozenset(), language="sv")
    assert (decision.action, decision.reason) == ("block", "personnummer")


def test_all_official_test_numbers_are_found() -> None:
    file = DATA / "personnummer_all_test_pins.jsonl"
    if not file.exists():
        pytest.skip("the shared test material is not here")
    numbers = [json.loads(line)["id"] for line in file.read_text().splitlines()[::50]]
    assert all(pii.find(f"nr {number[:8]}-{number[8:]}", "sv") for number in numbers)
