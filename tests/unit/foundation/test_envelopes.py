"""Envelopes open with their purpose, context and key, and only so."""

import pytest

from foundation import envelopes
from foundation.crypto import KEY_ID, SealBroken, Sealer

OLD, NEW = Sealer.of("5e" * 32), Sealer.of("7b" * 32)


def test_an_envelope_opens_with_purpose_and_context_only() -> None:
    sealed = envelopes.seal(OLD, "p", b"secret", b"c")
    assert envelopes.open_(OLD, "p", sealed, b"c") == b"secret"
    for sealer, purpose, context in ((NEW, "p", b"c"), (OLD, "q", b"c"), (OLD, "p", b"d")):
        with pytest.raises(SealBroken):
            envelopes.open_(sealer, purpose, sealed, context)


@pytest.mark.parametrize("place", [1, 5, 20, 64, 65, 70, -1])
def test_an_altered_envelope_does_not_open(place: int) -> None:
    sealed = bytearray(envelopes.seal(OLD, "p", b"secret"))
    sealed[place] ^= 1
    for broken in (bytes(sealed), bytes(sealed[:place])):
        with pytest.raises(SealBroken):
            envelopes.open_(OLD, "p", broken)


def test_wrapping_anew_changes_the_key_and_not_what_is_inside() -> None:
    sealed = envelopes.seal(OLD, "p", b"secret")
    anew = envelopes.rewrap(Sealer(NEW.keys + OLD.keys), "p", sealed)
    assert envelopes.open_(NEW, "p", anew) == b"secret"
    assert anew[65:] == sealed[65:]
    assert (sealed[KEY_ID], anew[KEY_ID]) == (OLD.newest_id, NEW.newest_id)


def test_a_value_without_an_envelope_opens_and_gets_one() -> None:
    bare = OLD.seal("p", b"secret", b"c")
    assert envelopes.open_(OLD, "p", bare, b"c") == b"secret"
    anew = envelopes.rewrap(Sealer(NEW.keys + OLD.keys), "p", bare, b"c")
    assert envelopes.open_(NEW, "p", anew, b"c") == b"secret"
