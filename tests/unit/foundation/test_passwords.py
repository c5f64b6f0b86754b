"""Which passwords are refused, and for what."""

import time

import pytest

from foundation.identity.errors import WeakPassword
from foundation.identity.hashing import Hashing, is_outdated
from foundation.identity.passwords import LONGEST, require_strong


@pytest.mark.parametrize(
    ("password", "reason"),
    [
        ("kort1!Ab", "short"),
        ("x1Y" * 43, "long"),
        ("aaaaaaaaaaaa", "repeats"),
        ("hatthatthatthatt", "repeats"),
        ("abcdefghijkl", "sequence"),
        ("123456789012", "sequence"),
        ("qwertyuiop123", "sequence"),
        ("lkjhgfdsa321", "sequence"),
        ("password1234", "common"),
        ("P@ssw0rd2024!", "common"),
        ("Sommar2026!!!", "common"),
        ("VälkommenLösenord1", "common"),
        ("hejsanfotboll", "common"),
        ("astrid.berg1", "own_words"),
        ("Norrsken2026!", "own_words"),
    ],
)
def test_what_is_guessed_first_is_refused(password: str, reason: str) -> None:
    with pytest.raises(WeakPassword) as caught:
        require_strong(password, own_words=("astrid.berg@example.com", "Astrid Berg", "Norrsken AB"))
    assert caught.value.data["reason"] == reason
    assert password not in str(caught.value.data)


@pytest.mark.parametrize(
    "password",
    [
        "korrekt häst batteri klammer",
        "kS9#vQ2!xLp4",
        "          en lång mening   ",
        "🦊🐻🐼🐨🐯🦁🐮🐷🐸🐵🐔🐧",
        "sommarstugan vid ån har nya gardiner",
        "x" + "å1b2" * 7 + "zkqj" * 20,
    ],
)
def test_long_and_own_is_strong_whatever_the_characters(password: str) -> None:
    assert len(password) <= LONGEST
    require_strong(password, own_words=("astrid.berg@example.com", "Norrsken AB"))


async def test_a_hash_fits_its_password_and_no_other() -> None:
    hashing = Hashing()
    stored = await hashing.hash("korrekt häst batteri")
    assert stored.startswith("$argon2id$")
    assert await hashing.fits(stored, "korrekt häst batteri")
    assert not await hashing.fits(stored, "korrekt häst batter")
    assert not is_outdated(stored)
    assert is_outdated("$argon2id$v=19$m=8192,t=1,p=1$" + "A" * 22 + "$" + "A" * 43)


async def test_nobodys_password_takes_the_work_of_somebodys() -> None:
    hashing = Hashing()
    stored = await hashing.hash("korrekt häst batteri")

    async def cost(of: str | None) -> float:
        times = []
        for _ in range(5):
            begun = time.perf_counter()
            assert not await hashing.fits(of, "fel lösenord helt")
            times.append(time.perf_counter() - begun)
        return min(times)

    known, unknown = await cost(stored), await cost(None)
    assert unknown > known / 3
