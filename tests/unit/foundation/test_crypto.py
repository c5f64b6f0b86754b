"""Sealed bytes and tokens open only for what and whom they were made."""

import pickle
import secrets

import pytest
from hypothesis import given
from hypothesis import strategies as st

from foundation.crypto import SealBroken, Sealer, Tokens
from foundation.errors import Unauthorized

OLD, NEW = secrets.token_hex(32), secrets.token_hex(32)


@given(st.binary(max_size=500), st.text(max_size=20), st.binary(max_size=20))
def test_what_is_sealed_opens_again(data: bytes, purpose: str, context: bytes) -> None:
    sealer = Sealer.of(NEW)
    assert sealer.open(purpose, sealer.seal(purpose, data, context), context) == data


@given(st.integers(min_value=0), st.integers(min_value=1, max_value=255))
def test_any_altered_byte_is_noticed(position: int, change: int) -> None:
    sealer = Sealer.of(NEW)
    sealed = bytearray(sealer.seal("p", b"forty-two"))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(SealBroken):
        sealer.open("p", bytes(sealed))


@pytest.mark.parametrize("length", range(0, 34, 3))
def test_a_piece_is_no_seal(length: int) -> None:
    sealer = Sealer.of(NEW)
    with pytest.raises(SealBroken):
        sealer.open("p", sealer.seal("p", b"secret")[:length])


def test_purpose_context_and_key_must_be_the_same() -> None:
    sealed = Sealer.of(NEW).seal("checkpoint", b"x", b"tenant-1")
    for sealer, purpose, context in (
        (Sealer.of(NEW), "connector", b"tenant-1"),
        (Sealer.of(NEW), "checkpoint", b"tenant-2"),
        (Sealer.of(OLD), "checkpoint", b"tenant-1"),
    ):
        with pytest.raises(SealBroken):
            sealer.open(purpose, sealed, context)


def test_a_new_key_in_front_still_opens_what_the_old_one_sealed() -> None:
    before = Sealer.of(OLD).seal("p", b"old")
    both = Sealer.of(NEW, OLD)
    assert both.open("p", before) == b"old"
    with pytest.raises(SealBroken):
        Sealer.of(OLD).open("p", both.seal("p", b"new"))


def test_the_same_data_never_looks_the_same_twice() -> None:
    sealer = Sealer.of(NEW)
    assert sealer.seal("p", b"x") != sealer.seal("p", b"x")


def test_keys_are_not_shown_and_travel_to_other_processes() -> None:
    sealer = Sealer.of(NEW)
    assert NEW not in repr(sealer)
    assert repr(bytes.fromhex(NEW)) not in repr(sealer)
    assert pickle.loads(pickle.dumps(sealer)) == sealer


class Clock:
    now = 1_000.0

    def __call__(self) -> float:
        return self.now


def test_a_token_opens_until_it_expires() -> None:
    clock = Clock()
    tokens = Tokens(Sealer.of(NEW), now=clock)
    token = tokens.seal("visitor", {"id": "å", "n": [1, None]}, ttl_s=60)
    assert set(token) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")
    clock.now += 59
    assert tokens.open("visitor", token) == {"id": "å", "n": [1, None]}
    clock.now += 1
    with pytest.raises(Unauthorized):
        tokens.open("visitor", token)


def test_a_token_without_an_end_stays() -> None:
    clock = Clock()
    tokens = Tokens(Sealer.of(NEW), now=clock)
    token = tokens.seal("source", "x", ttl_s=None)
    clock.now += 10**9
    assert tokens.open("source", token) == "x"


@pytest.mark.parametrize("token", ["", "x", "=", "ä", "%%%", "A" * 100, "A" * 10_000, "a b\n"])
def test_what_is_no_token_is_refused(token: str) -> None:
    with pytest.raises(Unauthorized):
        Tokens(Sealer.of(NEW)).open("visitor", token)


def test_a_token_for_another_purpose_is_refused() -> None:
    tokens = Tokens(Sealer.of(NEW))
    with pytest.raises(Unauthorized):
        tokens.open("staff", tokens.seal("visitor", 1, ttl_s=60))
