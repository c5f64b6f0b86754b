"""The caller's address is what the known proxies say, never what the caller says."""

import pytest

from foundation.proxies import Proxies, neighbourhood

INVENTED = "6.6.6.6"


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        (None, "1.2.3.4", [INVENTED], "1.2.3.4"),
        ("1", "10.0.0.1", [f"{INVENTED}, 1.2.3.4"], "1.2.3.4"),
        ("1", "10.0.0.1", [INVENTED, "1.2.3.4"], "1.2.3.4"),
        ("2", "10.0.0.1", [f"{INVENTED}, 1.2.3.4, 10.0.0.2"], "1.2.3.4"),
        ("2", "10.0.0.1", ["1.2.3.4"], "1.2.3.4"),
        ("1", "10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.0/8", "10.0.0.1", [f"{INVENTED}, 1.2.3.4, 10.9.9.9"], "1.2.3.4"),
        ("10.0.0.0/8", "1.2.3.4", [INVENTED], "1.2.3.4"),
        ("127.0.0.1, ::1", "::1", ["1.2.3.4:55123"], "1.2.3.4"),
        ("127.0.0.1", "::ffff:127.0.0.1", ["[2001:db8::7]:443"], "2001:db8::7"),
        ("10.0.0.0/8", "10.0.0.1", [f"{INVENTED}, unknown"], "10.0.0.1"),
    ],
)
def test_only_known_proxies_are_believed(
    trusted: str | None, peer: str, forwarded: list[str], client: str
) -> None:
    assert Proxies.of(trusted).client(peer, forwarded) == client


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "client"),
    [
        (None, "127.0.0.1", [INVENTED, "1.2.3.4"], "1.2.3.4"),
        (None, "127.0.0.1", [], "127.0.0.1"),
        (None, "5.6.7.8", [INVENTED], "5.6.7.8"),  # past ours, to the gateway itself
        ("1", "127.0.0.1", [INVENTED, "1.2.3.4, 10.0.0.1"], "1.2.3.4"),
        ("1", "127.0.0.1", ["1.2.3.4", "10.0.0.1"], "1.2.3.4"),
        ("10.0.0.0/8", "127.0.0.1", [INVENTED, "1.2.3.4", "10.0.0.1"], "1.2.3.4"),
        ("10.0.0.0/8", "::1", [INVENTED, "1.2.3.4"], "1.2.3.4"),
    ],
)
def test_our_own_proxy_on_this_machine_is_believed_besides(
    trusted: str | None, peer: str, forwarded: list[str], client: str
) -> None:
    assert Proxies.of(trusted, own=True).client(peer, forwarded) == client


@pytest.mark.parametrize("wrong", ["many", "10.0.0.0/99", "10.0.0.1/8", "-1", "10.0.0.0/8,"])
def test_what_is_neither_number_nor_network_is_an_error(wrong: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Proxies.of(wrong)


def test_a_customer_of_ipv6_counts_as_one() -> None:
    assert neighbourhood("2001:db8:1:2::3") == neighbourhood("2001:db8:1:2:ffff::4") == "2001:db8:1:2::/64"
    assert neighbourhood("1.2.3.4") == "1.2.3.4"
