"""What a call costs."""

from decimal import Decimal
from pathlib import Path

import pytest

from foundation.clients.chat.prices import Cost, load_prices
from foundation.clients.chat.usage import Used
from foundation.errors import StartError


def used(model: str) -> Used:
    return Used("openai", model, 2_000, 500, estimated=False, first_piece_ms=1.0)


def test_a_call_costs_its_tokens_at_the_models_prices() -> None:
    assert load_prices().cost(used("gpt-4o-mini")) == Cost(Decimal("0.0006"), "USD")


def test_nobody_invents_a_price() -> None:
    assert load_prices().cost(used("unheard-of")) is None


def test_a_model_that_thinks_by_itself_is_asked_not_to_and_others_are_not_asked() -> None:
    prices = load_prices()
    assert [prices.effort(name) for name in ("gpt-5-mini", "gpt-4.1", "unheard-of")] == [
        "minimal",
        None,
        None,
    ]


@pytest.mark.parametrize(
    "text", ["- {model: m}", "- {model: m, input: -1, output: 1, currency: SEK}", "m: 1", "- ["]
)
def test_a_wrong_table_stops_the_start_in_a_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "models.yaml"
    file.write_text(text)
    with pytest.raises(StartError, match=r"models.yaml: is not a list of prices"):
        load_prices(file)


def test_a_table_may_be_empty(tmp_path: Path) -> None:
    file = tmp_path / "models.yaml"
    file.write_text("# none yet\n")
    assert load_prices(file).by_model == {}
