"""Where a link of somebody else's may lead."""

import asyncio
import socket
from collections.abc import Sequence
from ipaddress import ip_address

import pytest

from komadori.backends.addresses import CheckedResolver, checked_url, is_public, next_url
from komadori.errors import BackendDown, BackendRefused

PUBLIC = (
    "1.1.1.1",
    "8.8.8.8",
    "100.63.255.255",
    "100.128.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "223.255.255.255",
    "2001:200::1",
    "2606:4700:4700::1111",
    "::ffff:8.8.8.8",
    "64:ff9b::8.8.8.8",
)
NOT_PUBLIC = (
    "0.0.0.0",  # noqa: S104  # an address to refuse
    "0.1.2.3",
    "10.0.0.1",
    "100.64.0.1",
    "100.127.255.255",
    "127.0.0.1",
    "127.255.255.254",
    "169.254.169.254",
    "172.16.0.1",
    "172.31.255.255",
    "192.0.0.1",
    "192.0.0.192",
    "192.0.2.1",
    "192.88.99.1",
    "192.168.1.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "224.0.0.1",
    "239.255.255.255",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:10.0.0.1",
    "::ffff:0:127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "100::1",
    "2001::1",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "3fff::1",
    "4000::1",
    "5f00::1",
    "fc00::1",
    "fd00:ec2::254",
    "fe80::1",
    "fe80::1%eth0",
    "2606:4700:4700::1111%eth0",
    "fec0::1",
    "ff02::1",
)
UNREADABLE = (
    "",
    "   ",
    "not a link",
    "//images.example.com/x.png",
    "http://",
    "http:///x.png",
    "http:images.example.com/x.png",
    "http://images.example.com:0/x.png",
    "http://images.example.com:99999/x.png",
    "http://images.example.com:80:80/x.png",
    "http://images.example.com./x.png",
    "http://images..example.com/x.png",
    "http://images.example.com\\@127.0.0.1/x.png",
    "http://images example.com/x.png",
    "http://images.example.com\x00.evil.com/",
    "http://%31%32%37.0.0.1/",
    f"http://{'a' * 64}.com/",
    f"http://{'a.' * 130}com/",
    "http://[::1",
    "http://[::1]evil.com/",
    "http://[fe80::1%25eth0]/",
    "http://[fe80::1%eth0]/",
)
ODD_LITERALS = (
    "2130706433",
    "134744072",
    "0x7f000001",
    "0x7f.0.0.1",
    "0X7F.1",
    "0x",
    "017700000001",
    "0177.0.0.1",
    "127.1",
    "127.0.1",
    "8.8.8",
    "08.8.8.8",
    "127.0.0.1.",
    "127.0.0.256",
    "1.2.3.4.5",
    "localhost.",
)


@pytest.mark.parametrize("address", PUBLIC)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ip_address(address))


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_every_other_address_is_not(address: str) -> None:
    assert not is_public(ip_address(address))


def test_no_address_that_python_calls_private_is_public() -> None:
    for first in range(256):
        for second in range(256):
            address = ip_address(f"{first}.{second}.7.7")
            assert not (is_public(address) and not address.is_global), address


@pytest.mark.parametrize("host", [*(a for a in NOT_PUBLIC if "%" not in a), "localhost"])
def test_a_link_into_the_network_is_refused_unless_that_is_allowed(host: str) -> None:
    link = f"http://{f'[{host}]' if ':' in host else host}:8188/view"

    with pytest.raises(BackendRefused, match=r"inside this network.*allow_private"):
        checked_url(link, allow_private=False)

    assert checked_url(link, allow_private=True).port == 8188


@pytest.mark.parametrize(
    "link",
    [
        "http://LOCALHOST/",
        "http://images.localhost/",
        "http://127。0。0。1/",
        "http://１２７.０.０.１/",
        "http://①②⑦.0.0.1/",
        "http://ｌｏｃａｌｈｏｓｔ/",
        "HTTP://127.0.0.1/",
        "http://[::FFFF:7F00:1]/",
        "http://[0:0:0:0:0:ffff:127.0.0.1]/",
    ],
)
def test_another_spelling_of_such_a_link_is_refused_too(link: str) -> None:
    with pytest.raises(BackendRefused, match="inside this network"):
        checked_url(link, allow_private=False)


@pytest.mark.parametrize("allow_private", [False, True])
@pytest.mark.parametrize("link", [*UNREADABLE, *(f"http://{host}/" for host in ODD_LITERALS)])
def test_a_link_that_is_written_oddly_is_refused(link: str, allow_private: bool) -> None:
    with pytest.raises(BackendRefused):
        checked_url(link, allow_private=allow_private)


@pytest.mark.parametrize(
    "link",
    [
        "ftp://images.example.com/x.png",
        "file:///etc/passwd",
        "data:image/png;base64,AAAA",
        "javascript:alert(1)",
        "gopher://127.0.0.1:70/_x",
        "ws://images.example.com/",
        "unix:///var/run/docker.sock",
        "/x.png",
    ],
)
def test_only_http_and_https_are_fetched(link: str) -> None:
    with pytest.raises(BackendRefused, match="only http and https"):
        checked_url(link, allow_private=True)


@pytest.mark.parametrize("user", ["token:secret@", "token@", ":secret@", "@", "a@b:c@"])
def test_a_link_with_a_user_is_refused_and_the_secret_not_told(user: str) -> None:
    with pytest.raises(BackendRefused) as refused:
        checked_url(f"https://{user}images.example.com/x.png?sig=signed", allow_private=True)

    assert not any(word in str(refused.value) for word in ("token", "secret", "signed"))


@pytest.mark.parametrize(
    "link",
    [
        "https://images.example.com/a%2Fb.png?sig=a%2FB%2b%3D&x=%E5%9B%BE",
        "https://images.example.com:8443/x.png",
        "http://8.8.8.8/x.png",
        "http://[2606:4700:4700::1111]/x.png",
        "https://my_bucket.oss-cn-beijing.example.com/x.png",
        "https://xn--fiqs8s.example.com/x.png",
        "https://1.images.example.com/x.png",
    ],
)
def test_a_good_link_is_kept_letter_by_letter(link: str) -> None:
    assert str(checked_url(link, allow_private=False)) == link


def test_a_link_in_chinese_is_encoded() -> None:
    url = checked_url("https://图片.example.com/图 1.png", allow_private=False)

    assert str(url) == "https://xn--wcsw84d.example.com/%E5%9B%BE%201.png"


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/c%2Fd?s=%2B", "https://a.example.com/c%2Fd?s=%2B"),
        ("d.png", "https://a.example.com/b/d.png"),
        ("//b.example.com/x", "https://b.example.com/x"),
        ("https://b.example.com/x", "https://b.example.com/x"),
    ],
)
def test_a_redirect_is_followed_from_where_it_was_found(location: str, leads_to: str) -> None:
    current = checked_url("https://a.example.com/b/c", allow_private=False)

    assert str(next_url(current, location, allow_private=False)) == leads_to


@pytest.mark.parametrize(
    "location",
    [
        "http://b.example.com/x",
        "http:",
        "http://169.254.169.254/latest/meta-data",
        "https://10.0.0.1/x",
        "https://127.1/x",
        "https://user:secret@b.example.com/x",
        "https://b.example.com:99999/",
        "file:///etc/passwd",
        "//[::1]/x",
        "https://\udcff.example.com/",
    ],
)
def test_a_redirect_that_leads_astray_is_refused(location: str) -> None:
    current = checked_url("https://a.example.com/b/c", allow_private=False)

    with pytest.raises(BackendRefused):
        next_url(current, location, allow_private=False)


def test_a_redirect_to_https_is_followed() -> None:
    current = checked_url("http://a.example.com/", allow_private=False)

    assert next_url(current, "https://a.example.com/", allow_private=False).scheme == "https"


def resolved(*answers: str, allow_private: bool = False) -> list[str]:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        return answers

    resolver = CheckedResolver(resolve, allow_private=allow_private)
    return [found["host"] for found in asyncio.run(resolver.resolve("a.example.com", 80))]


def test_only_the_public_addresses_of_a_name_are_connected_to() -> None:
    assert resolved("10.0.0.1", "8.8.8.8", "::1", "2606:4700::1") == ["8.8.8.8", "2606:4700::1"]
    assert resolved("10.0.0.1", "8.8.8.8", allow_private=True) == ["10.0.0.1", "8.8.8.8"]


@pytest.mark.parametrize("answers", [["127.0.0.1"], ["10.0.0.1", "fe80::1%eth0"], []])
def test_a_name_without_a_public_address_is_refused_and_its_address_not_told(
    answers: list[str],
) -> None:
    with pytest.raises(BackendRefused, match=r"a\.example\.com is an address inside") as refused:
        resolved(*answers)

    assert not any(address in str(refused.value) for address in answers)


def test_a_name_that_is_not_found_may_be_found_later() -> None:
    async def resolve(_host: str, _port: int) -> Sequence[str]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(BackendDown, match=r"a\.example\.com was not found: Name or service"):
        asyncio.run(CheckedResolver(resolve, allow_private=False).resolve("a.example.com", 80))
