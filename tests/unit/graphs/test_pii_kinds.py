"""Each kind of personal data: how it is written, and what looks like it and is something else."""

import pytest

from foundation.turns import Language
from graphs.policies import pii


def found(text: str, language: Language = "sv") -> list[tuple[str, str]]:
    return [(each.kind, text[each.start : each.end]) for each in pii.find(text, language)]


@pytest.mark.parametrize(
    ("text", "number", "language"),
    [
        ("811228 9874", "811228 9874", "sv"),
        ("811228\u00a09874 tack", "811228\u00a09874", "sv"),
        ("pnr:8112289874", "8112289874", "sv"),
        ("My id code is198112289874.", "198112289874", "en"),
        ("090121+9931", "090121+9931", "sv"),
        ("000101-R220", "000101-R220", "sv"),
        ("20000101R220", "20000101R220", "sv"),
        ("order 811228-9874", "811228-9874", "sv"),
        ("fødselsnummer 151086 95088", "151086 95088", "nb"),
        ("151086-95088", "151086-95088", "sv"),
        ("mit cpr er 211062-5629", "211062-5629", "da"),
        ("CPR-nr. 2110625629", "2110625629", "sv"),
        ("211062-5629", "211062-5629", "en"),
        ("hetu 131052-308T.", "131052-308T", "fi"),
        ("131052-308t", "131052-308t", "sv"),
    ],
)
def test_numbers_of_people(text: str, number: str, language: Language) -> None:
    assert found(text, language) == [("personnummer", number)]


@pytest.mark.parametrize(
    "text",
    [
        "Order 8112289874",
        "fakturanummer: 198112289874",
        "ordernumret är 198112289874",
        "Order 20240501-1239",
        "529dd3bb1802679298bf5",
        "211062-5620",  # a date and four digits, in Swedish
        "25000101-1232",
        "131052-308U",
        "151086 95077",
        "000101-R221",
        "000101-B220",
    ],
)
def test_no_numbers_of_people(text: str) -> None:
    assert found(text) == []


def test_nobody_is_born_tomorrow() -> None:
    assert found("209912312389") == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("kort 4111 1111 1111 1111 12/27 123", "4111 1111 1111 1111"),
        ("4111 1111 1111 1111 12 27", "4111 1111 1111 1111"),
        ("4111-1111-1111-1111", "4111-1111-1111-1111"),
        ("4111\u00a01111\u00a01111\u00a01111", "4111\u00a01111\u00a01111\u00a01111"),
        ("5555555555554444", "5555555555554444"),
        ("amex 3782 822463 10005", "3782 822463 10005"),
        ("36227206271667", "36227206271667"),
        ("mitt kort är 213176828496175", "213176828496175"),
        ("Vilket kort? 503812345679", "503812345679"),
    ],
)
def test_cards(text: str, number: str) -> None:
    assert found(text) == [("kort", number)]


@pytest.mark.parametrize(
    "text",
    [
        "4111 1111 1111 1112",
        "IMEI 356938035643809",
        "Ordernummer 4111111111111111",
        "EAN 4006381333931",
        "4006381333931",
        "41 11 11 11 11 11 11 11",
        "kort 4444444444444444444",
        "Presentkort 213176828496175",
        "betalt med kort. Order 4111111111111111",
    ],
)
def test_no_cards(text: str) -> None:
    assert [kind for kind, _ in found(text) if kind == "kort"] == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("se4550000000058398257466", "se4550000000058398257466"),
        ("Se45 5000 0000 0583 9825 7466 tack", "Se45 5000 0000 0583 9825 7466"),
        ("IBAN: SE45-5000-0000-0583-9825-7466", "SE45-5000-0000-0583-9825-7466"),
        ("NO93\u00a08601\u00a01117\u00a0947", "NO93\u00a08601\u00a01117\u00a0947"),
        ("BE68539007547034", "BE68539007547034"),
    ],
)
def test_ibans(text: str, number: str) -> None:
    assert found(text) == [("iban", number)]


@pytest.mark.parametrize("text", ["SE45 5000 0000 0583 9825 7467", "SE45 A000 0000 0583 9825 7466"])
def test_no_ibans(text: str) -> None:
    assert [kind for kind, _ in found(text) if kind == "iban"] == []


def test_an_iban_has_one_key_however_it_is_written() -> None:
    assert pii.keys(["SE45 5000 0000 0583 9825 7466"], "sv") == pii.keys(["se4550000000058398257466"], "sv")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Betala till bg 5050-1055.", "5050-1055"),
        ("bankgiro: 991-2346", "991-2346"),
        ("Bankgironummer 50501055", "50501055"),
        ("vårt bankgiro är 5050-1055", "5050-1055"),
        ("pg 90 19 50-6", "90 19 50-6"),
        ("Plusgiro 901950-6", "901950-6"),
        ("plusgirot 1-8", "1-8"),
        ("clearing 6000 kontonummer 123 456 789", "6000 kontonummer 123 456 789"),
        ("Clearingnummer: 8327-9, konto: 934 187 384-5", "8327-9, konto: 934 187 384-5"),
        ("clearingnr 5212 och kontonr 12 345 67", "5212 och kontonr 12 345 67"),
        ("kontonummer 5212-1234567", "5212-1234567"),
        ("mitt kontonr är 123 456 789", "123 456 789"),
        ("konto 3300 8112289874", "3300 8112289874"),
        ("8327-9, 934 187 384-5", "8327-9, 934 187 384-5"),
        ("1234.56.78903", "1234.56.78903"),
        ("my bank account number is 12345678", "12345678"),
    ],
)
def test_bank_accounts(text: str, number: str) -> None:
    assert found(text) == [("bankkonto", number)]


@pytest.mark.parametrize(
    "text",
    [
        "5050-1055",
        "bg 5050-1056",
        "bankgiro 123",
        "pg 18",
        "PG 13",
        "plusgiro 90 19 50-7",
        "Logga in på ditt konto 24 timmar",
        "konto 1234567",
        "clearing 6000",
        "1234.56.78904",
        "kontonummer saknas, 1 299 kr",
        "Ditt konto: 2024-05-01",
    ],
)
def test_no_bank_accounts(text: str) -> None:
    assert [kind for kind, _ in found(text) if kind == "bankkonto"] == []


def test_the_shops_own_account_passes_and_another_does_not() -> None:
    allowed = pii.keys(["Betala till bankgiro 5050-1055"], "sv")
    own = pii.outbound("Betala till bg 50501055.", before="", allowed=allowed, language="sv")
    other = pii.outbound("Betala till bg 991-2346.", before="", allowed=allowed, language="sv")
    assert (own.action, other.action, other.reason) == ("allow", "block", "bankkonto")


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("org.nr 5560360793", "5560360793"),
        ("5567037485 är vårt orgnummer", "5567037485"),
        ("momsnr SE556036079301", "SE556036079301"),
        ("Org.nr. 988 077 917", "988 077 917"),
        ("CVR 13585628", "13585628"),
        ("CVR-nr.: 13 58 56 28", "13 58 56 28"),
        ("Y-tunnus 2077474-0", "2077474-0"),
    ],
)
def test_companies(text: str, number: str) -> None:
    assert found(text) == [("organisationsnummer", number)]


@pytest.mark.parametrize("text", ["5560360793", "988077917 st", "556036-0794", "2077474-1", "CVR 13585627"])
def test_no_companies(text: str) -> None:
    assert [kind for kind, _ in found(text) if kind == "organisationsnummer"] == []


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("från 40.76.173.151", "40.76.173.151"),
        ("IP: 192.168.1.20.", "192.168.1.20"),
        ("http://10.1.1.1:8080/x", "10.1.1.1:8080"),
        ("10.0.0.0/24", "10.0.0.0/24"),
        ("2001:db8::8a2e:370:7334", "2001:db8::8a2e:370:7334"),
        ("[2001:DB8::1]:443", "2001:DB8::1"),
        ("fe80::1%eth0 svarar", "fe80::1%eth0"),
        ("min adress är 2001:db8::1: fel", "2001:db8::1"),
        ("::ffff:40.76.173.151", "::ffff:40.76.173.151"),
    ],
)
def test_ip_addresses(text: str, number: str) -> None:
    assert found(text) == [("ip-adress", number)]


@pytest.mark.parametrize(
    "text",
    [
        "version 1.2.3.4",
        "v1.2.3.4",
        "v 1.2.3.4",
        "Version: 1.2.3.4 eller 1.2.3.5",
        "uppdatera från version 1.2.3.4 till 1.2.3.5",
        "firmware 10.20.30.40",
        "Chrome/126.0.0.0",
        "1.2.3.4-beta",
        "1.2.3.4.5",
        "256.1.1.1",
        "enligt punkt 3.1.2.4",
        "nätmask 255.255.255.0",
        "127.0.0.1 och ::1",
        "kl 10:30:45, 1:2:3:4:5:6:7:8",
        "std::vector och a::b",
        "00:1A:2B:3C:4D:5E",
    ],
)
def test_no_ip_addresses(text: str) -> None:
    assert found(text) == []


def test_an_ip_address_has_one_key_however_it_is_written() -> None:
    assert pii.keys(["2001:DB8:0:0::1"], "sv") == pii.keys(["2001:db8::1"], "sv") == {"2001:db8::1"}


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("Tfn: 78 651 450", "78 651 450"),
        ("ring mig på 450 0840", "450 0840"),
        ("They call me at (32) 484-557", "(32) 484-557"),
        ("You can call 72 128 827", "72 128 827"),
        ("259.735.7502x459 fax", "259.735.7502x459"),
    ],
)
def test_what_is_called_a_phone_number_is_one(text: str, number: str) -> None:
    assert found(text) == [("telefon", number)]


@pytest.mark.parametrize(
    "text",
    [
        "txn_04237964b748",
        "$50125000.00",
        "Mobil: 499 000 kr",
        "ring oss på 2024-05-01",
        "Telefon: 08.00-17.00",
        "Artikelnummer 10-2345-67",
    ],
)
@pytest.mark.parametrize("language", ["sv", "en"])
def test_no_phone_numbers(text: str, language: Language) -> None:
    assert found(text, language) == []


def test_an_address_may_end_in_another_script() -> None:
    assert found("a@xn--d1acufc.xn--p1ai") == [("e-post", "a@xn--d1acufc.xn--p1ai")]


@pytest.mark.parametrize("language", ["sv", "en", "nb", "da", "fi"])
@pytest.mark.parametrize(
    "text",
    [
        "Order #1048213, 2 st á 1 299,00 kr = 2 598 kr, levereras 2024-05-01 kl. 10:30",
        "Öppet mån-fre 09:00-18:00, lör 10-15",
        "Skärmen har 1920x1080 punkter, 120 Hz och 16:9",
        "Rabattkod SOMMAR2024, giltig 1/6-31/8",
        "Postnummer 114 55 Stockholm, Sveavägen 12",
        "Art.nr 123-456-789-0, 5-pack",
    ],
)
def test_ordinary_texts_stay(text: str, language: Language) -> None:
    assert found(text, language) == []
