"""What is searched for, out of what customers write."""

import pytest

from graphs.query import search_query


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("Vad kostar frakten? [telefon 1]", "Vad kostar frakten?"),
        ("Jag heter Kim Berg. Vad kostar frakten?", "Vad kostar frakten?"),
        ("Hi! My name is Kim, can I return shoes?", "can I return shoes?"),
        ("Kan ni byta skorna? Ring mig på [telefon 1].", "Kan ni byta skorna?"),
        ("Vad heter butiken i Lund?", "Vad heter butiken i Lund?"),
        ("Ring kundtjänst, går det?", "Ring kundtjänst, går det?"),
        ("[personnummer 1]", "[personnummer 1]"),
    ],
)
def test_what_customers_say_of_themselves_is_not_searched_for(text: str, query: str) -> None:
    assert search_query(text, ()) == query


def test_a_follow_up_is_searched_with_what_came_before() -> None:
    history = [{"author": "customer", "text": "Vad kostar frakten? [telefon 1]"}]
    assert search_query("Och till Norge?", history) == "Vad kostar frakten? Och till Norge?"
