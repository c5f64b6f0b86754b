"""What docs/keys.md tells companies to sign is what we read."""

from collections.abc import Callable

import pytest

from foundation.errors import IdentityRefused
from serve.visitor_identity import LEEWAY_S, read_identity
from tests.unit.test_docs import ROOT, blocks

SECRET = "ids_" + "5e" * 32


def signer() -> Callable[[str, str], str]:
    """Return the page's function."""
    [code] = blocks(ROOT / "docs" / "keys.md", "python")
    names: dict[str, Callable[[str, str], str]] = {}
    exec(code.text, names)
    return names["identity"]


def test_the_pages_example_is_accepted_with_its_own_secret_only() -> None:
    token = signer()("ids_" + "a" * 64, "kund-17")
    identity = read_identity(token, ["ids_" + "b" * 64, "ids_" + "a" * 64])
    assert (identity.sub, identity.exp - identity.iat) == ("kund-17", 3600)
    with pytest.raises(IdentityRefused):
        read_identity(token, ["ids_" + "b" * 64])
    with pytest.raises(IdentityRefused):
        read_identity(token, [])


def test_it_ends_an_hour_and_a_minute_later() -> None:
    token = signer()(SECRET, "kund-17")
    made = read_identity(token, [SECRET]).iat
    assert read_identity(token, [SECRET], now=made + 3600 + LEEWAY_S - 1).sub == "kund-17"
    with pytest.raises(IdentityRefused) as refused:
        read_identity(token, [SECRET], now=made + 3600 + LEEWAY_S)
    assert refused.value.data == {"reason": "expired"}
