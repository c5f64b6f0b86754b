"""Fetching a page must not become a way into our own network."""

import gzip
import ipaddress
import socket
from collections.abc import AsyncIterator

import pytest

from foundation.addresses import Address, is_public, resolve
from foundation.errors import ExtractionFailed
from ingest.extract import Reason
from ingest.fetch import Fetcher
from tests.support.site import Site, answer, open_site, resolver


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with open_site() as opened:
        yield opened


async def reason(fetch: Fetcher, url: str) -> str:
    with pytest.raises(ExtractionFailed) as caught:
        await fetch(url)
    return str(caught.value.data["reason"])


async def test_a_page_comes_with_its_name_in_the_host_header(site: Site) -> None:
    site.pages["/a"] = answer(b"<p>Hej</p>")
    fetch = Fetcher(allow_private=True, resolve=resolver(help_example="127.0.0.1"))
    fetched = await fetch(f"http://help.example:{site.port}/a#part")
    assert fetched.content == b"<p>Hej</p>"
    assert fetched.url == f"http://help.example:{site.port}/a"
    assert site.requests == [("/a", f"help.example:{site.port}")]


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0"),
        *("224.0.0.1", "255.255.255.255", "168.63.129.16", "::1", "::", "fe80::1", "fc00::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::1", "fd00:ec2::254"),
    ],
)
async def test_addresses_inside_are_refused(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))
    fetch = Fetcher(resolve=resolver(evil_example=f"93.184.215.14 {address}"))
    assert await reason(fetch, "http://evil.example/") == Reason.ADDRESS_REFUSED


@pytest.mark.parametrize("address", ["93.184.215.14", "2606:2800:21f:cb07:6820:80da:af6b:8b2c"])
def test_addresses_outside_are_not(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "host", ["2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]", "[::1]", "localhost"]
)
async def test_odd_spellings_of_this_machine_are_refused(host: str, site: Site) -> None:
    async def as_the_system_does(name: str, port: int) -> list[Address]:
        if name in {"localhost", "::1"}:
            return await resolve(name, port)
        # What getaddrinfo makes of them, without asking it: it could ask a server elsewhere.
        return [ipaddress.ip_address(name if ":" in name else socket.inet_aton(name))]

    fetch = Fetcher(resolve=as_the_system_does)
    assert await reason(fetch, f"http://{host}:{site.port}/") == Reason.ADDRESS_REFUSED
    assert site.requests == []


async def test_a_redirect_inside_is_refused(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    site.pages["/a"] = answer(b"", "Location: http://inside.example/secret", status="302 Found")
    calls: list[str] = []

    async def resolve(host: str, _port: int) -> list[Address]:
        calls.append(host)
        return [ipaddress.ip_address("127.0.0.1" if host == "out.example" else "10.0.0.1")]

    # The local server stands for a public one; everything else is judged as ever.
    monkeypatch.setattr("ingest.fetch.is_public", lambda address: str(address) == "127.0.0.1")
    fetch = Fetcher(resolve=resolve)
    assert await reason(fetch, f"http://out.example:{site.port}/a") == Reason.ADDRESS_REFUSED
    assert calls == ["out.example", "inside.example"]


async def test_each_hop_is_judged_anew_and_the_judged_address_is_the_one_used(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The name is public when judged and private a moment later; the redirect's second look refuses it."""
    site.pages["/a"] = answer(b"", "Location: /b", status="302 Found")
    site.pages["/b"] = answer(b"secret")
    public = ipaddress.ip_address("127.0.0.1")
    monkeypatch.setattr("ingest.fetch.is_public", lambda address: address == public)
    answers = iter(["127.0.0.1", "127.0.0.2"])

    async def rebinding(_host: str, _port: int) -> list[Address]:
        return [ipaddress.ip_address(next(answers))]

    assert (
        await reason(Fetcher(resolve=rebinding), f"http://x.example:{site.port}/a") == Reason.ADDRESS_REFUSED
    )
    assert [path for path, _ in site.requests] == ["/a"]


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://a.example/", "gopher://a/", "http://", "http://me:pw@a.example/", "x", ""],
)
async def test_only_plain_web_addresses(url: str) -> None:
    assert await reason(Fetcher(), url) == Reason.BAD_ADDRESS


@pytest.mark.parametrize("url", ["http://xn--a/", f"http://{'a' * 64}.example/", "http://a..example/"])
async def test_names_that_cannot_be_are_bad_addresses(url: str, site: Site) -> None:
    assert await reason(Fetcher(), url) == Reason.BAD_ADDRESS
    site.pages["/a"] = answer(b"", f"Location: {url}", status="302 Found")
    fetch = Fetcher(allow_private=True, resolve=resolver(a_example="127.0.0.1"))
    assert await reason(fetch, f"http://a.example:{site.port}/a") == Reason.BAD_ADDRESS


async def test_an_international_name_is_resolved_as_it_is_sent(site: Site) -> None:
    """Python's own codec would make `strasse` of it, and so another host."""
    site.pages["/a"] = answer(b"<p>Hej</p>")
    fetch = Fetcher(allow_private=True, resolve=resolver(**{"xn--strae-oqa_example": "127.0.0.1"}))
    await fetch(f"http://straße.example:{site.port}/a")
    assert site.requests == [("/a", f"xn--strae-oqa.example:{site.port}")]


@pytest.mark.parametrize("charset", ["idna", "undefined", "nonsense"])
async def test_a_character_set_that_is_none_is_left_alone(site: Site, charset: str) -> None:
    site.pages["/a"] = answer(b"a" * 70, f"Content-Type: text/html; charset={charset}")
    fetch = Fetcher(allow_private=True, resolve=resolver(a_example="127.0.0.1"))
    assert (await fetch(f"http://a.example:{site.port}/a")).content == b"a" * 70


async def test_limits_of_size_time_and_redirects(site: Site) -> None:
    site.pages |= {
        "/big": answer(b"x" * 5000),
        "/bomb": answer(gzip.compress(b"x" * 5000), "Content-Encoding: gzip"),
        "/loop": answer(b"", "Location: /loop", status="302 Found"),
    }
    fetch = Fetcher(allow_private=True, resolve=resolver(a_example="127.0.0.1"), seconds=0.5, max_bytes=4000)
    root = f"http://a.example:{site.port}"
    assert await reason(fetch, f"{root}/big") == Reason.TOO_LARGE
    assert await reason(fetch, f"{root}/bomb") == Reason.TOO_LARGE
    assert await reason(fetch, f"{root}/slow") == Reason.UNREACHABLE
    assert await reason(fetch, f"{root}/missing") == Reason.GONE
    site.requests.clear()
    assert await reason(fetch, f"{root}/loop") == Reason.UNREACHABLE
    assert len(site.requests) == 6


async def test_a_character_set_from_the_header_is_not_lost(site: Site) -> None:
    site.pages["/a"] = answer(
        "Gröt på ön".encode("iso-8859-1"), "Content-Type: text/html; charset=iso-8859-1"
    )
    fetched = await Fetcher(allow_private=True, resolve=resolver(a_example="127.0.0.1"))(
        f"http://a.example:{site.port}/a"
    )
    assert fetched.content == "Gröt på ön".encode()
