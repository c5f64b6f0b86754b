"""What may stand in a checkpoint or in the ledger."""

import json
from enum import IntEnum
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agents.json_values import dump

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(VALUES)
def test_json_values_come_back_as_they_were(value: object) -> None:
    assert json.loads(dump(value, "it")) == value


def test_equal_objects_have_equal_texts() -> None:
    assert dump({"b": 1, "a": "é"}, "it") == dump({"a": "é", "b": 1}, "it") == '{"a":"é","b":1}'


@pytest.mark.parametrize(
    "value",
    [(1, 2), {1}, b"x", {1: 2}, {None: 1}, float("nan"), float("inf"), UUID(int=1), [(1,)], {"a": print}],
    ids=repr,
)
def test_what_would_come_back_changed_is_refused_without_naming_it(value: object) -> None:
    with pytest.raises(TypeError, match=r"^the order is not made of JSON values only$"):
        dump(value, "the order")


def test_a_value_that_holds_itself_is_refused() -> None:
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(TypeError, match="JSON values only"):
        dump(loop, "the order")


def test_a_number_with_a_name_is_the_number() -> None:
    class Size(IntEnum):
        LARGE = 3

    assert dump([Size.LARGE], "it") == "[3]"
